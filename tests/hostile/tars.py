"""Hostile tars: bombs, links, headers that say two things, compression that lies."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zlib
from collections.abc import Mapping

from tests.builders import make_sdist, make_tar, make_wheel, make_zip, tar_member
from tests.hostile.case import EVIL, Case

MEBIBYTE = 1024 * 1024
SETUP = ("demo-1.0/setup.py", b"x = 1\n")
Entry = tuple[str | tarfile.TarInfo, bytes | str]


def packed(*entries: Entry, format: int = tarfile.PAX_FORMAT) -> bytes:
    return gzip.compress(make_tar(entries, format=format), compresslevel=1)


def special(name: str, type: bytes, *, link: str = "", content: bytes = b"") -> Entry:
    return tar_member(name, type=type, link=link), content


def pax(name: str, content: bytes = EVIL, **headers: str) -> Entry:
    member = tar_member(name)
    member.pax_headers = {key.replace("__", "."): value for key, value in headers.items()}
    return member, content


def headers(block: bytes, *, type: bytes = tarfile.XHDTYPE) -> bytes:
    """A member after a PAX header of exactly these bytes."""
    header = tar_member("demo-1.0/PaxHeader", type=type)
    header.size = len(block)
    padded = block + bytes(-len(block) % 512)
    tar = header.tobuf(tarfile.USTAR_FORMAT) + padded + make_tar([("demo-1.0/setup.py", EVIL)])
    return gzip.compress(tar)


def patched(offset: int, field: bytes) -> bytes:
    """A tar whose second member's header is changed, with a right checksum."""
    tar = bytearray(make_tar([SETUP, ("demo-1.0/a.py", EVIL)], format=tarfile.USTAR_FORMAT))
    start = 1024
    tar[start + offset : start + offset + len(field)] = field
    tar[start + 148 : start + 156] = b" " * 8
    tar[start + 148 : start + 156] = b"%06o\0 " % sum(tar[start : start + 512])
    return gzip.compress(bytes(tar))


def gzip_bomb(mebibytes: int = 2_000) -> bytes:
    """A gzip of zeros, written without holding them: as a sparse file would be."""
    member = tar_member("demo-1.0/sparse")
    member.size = mebibytes * MEBIBYTE
    deflater = zlib.compressobj(1, zlib.DEFLATED, 31)
    packed = [deflater.compress(member.tobuf())]
    packed += [deflater.compress(bytes(MEBIBYTE)) for _ in range(mebibytes)]
    return b"".join([*packed, deflater.compress(bytes(10_240)), deflater.flush()])


def many_members(count: int) -> bytes:
    member = tar_member("d/0")
    blocks = []
    for number in range(count):
        member.name = f"d/{number}.txt"
        blocks.append(member.tobuf(tarfile.USTAR_FORMAT))
    return gzip.compress(b"".join(blocks) + bytes(1024), compresslevel=1)


def many_streams(count: int) -> bytes:
    tar = make_tar([SETUP])
    step = len(tar) // count + 1
    return b"".join(gzip.compress(tar[at : at + step]) for at in range(0, len(tar), step))


def links_to_links(count: int) -> bytes:
    chain = [special(f"demo-1.0/{n}", tarfile.SYMTYPE, link=f"{n + 1}") for n in range(count)]
    return packed(*chain, (f"demo-1.0/{count}", EVIL), SETUP)


def multiplying_links() -> bytes:
    """Each folder link holds all that is in the one before: two to the power of twenty files."""
    entries: list[Entry] = [SETUP, ("demo-1.0/0/a/x.py", EVIL), ("demo-1.0/0/b/x.py", EVIL)]
    for level in range(1, 21):
        for side in "ab":
            entries.append(
                special(f"demo-1.0/{level}/{side}", tarfile.SYMTYPE, link=f"../{level - 1}")
            )
    return packed(*entries)


def through_a_link(target: str) -> bytes:
    link = special("demo-1.0/out", tarfile.SYMTYPE, link=target)
    return packed(SETUP, link, ("demo-1.0/out/evil.py", EVIL))


def global_header(**fields: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", pax_headers=fields) as archive:
        member = tar_member("demo-1.0/setup.py")
        member.size = len(EVIL)
        archive.addfile(member, io.BytesIO(EVIL))
    return buffer.getvalue()


def old_gnu_sparse() -> bytes:
    member = tar_member("demo-1.0/sparse", type=tarfile.GNUTYPE_SPARSE)
    block = bytearray(member.tobuf(tarfile.GNU_FORMAT))
    block[483:495] = b"%011o\0" % (2 * 1024 * MEBIBYTE)
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return gzip.compress(bytes(block) + make_tar([SETUP]))


def xz_that_wants_memory() -> bytes:
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 29}]
    return lzma.compress(make_tar([SETUP]), filters=filters)


def damaged_gzip() -> bytes:
    data = bytearray(make_sdist(files={"a.txt": "".join(map(str, range(9_000)))}))
    data[len(data) // 2] ^= 0xFF
    return bytes(data)


def plain(*entries: Entry) -> bytes:
    return make_tar(entries)


TARS: Mapping[str, Case] = {
    "tar-bomb-by-ratio": Case(make=gzip_bomb, refused="compression-ratio"),
    "tar-bomb-by-count": Case(make=lambda: many_members(120_001), refused="too-many-members"),
    "tar-of-a-hundred-thousand-tiny-files": Case(
        make=lambda: many_members(100_000), holds="99999.txt"
    ),
    "tar-bomb-in-bzip2": Case(
        make=lambda: bz2.compress(make_tar([("demo-1.0/zeros", bytes(80 * MEBIBYTE))])),
        refused="compression-ratio",
    ),
    "tar-bomb-in-xz": Case(
        make=lambda: lzma.compress(make_tar([("demo-1.0/zeros", bytes(80 * MEBIBYTE))]), preset=0),
        refused="compression-ratio",
    ),
    "tar-bomb-by-nesting": Case(
        make=lambda: packed(SETUP, ("demo-1.0/data.tar.gz", gzip_bomb(200))), holds="data.tar.gz"
    ),
    "tar-bomb-by-links": Case(make=multiplying_links, refused="too-many-links"),
    "tar-in-a-thousand-streams": Case(
        make=lambda: many_streams(1_000), anomaly="appended-archive", holds="setup.py"
    ),
    "tar-xz-that-wants-memory": Case(make=xz_that_wants_memory, refused="broken-archive"),
    "tar-name-climbs": Case(
        make=lambda: packed(SETUP, ("demo-1.0/../../evil.py", EVIL)), anomaly="parent-path"
    ),
    "tar-name-absolute": Case(
        make=lambda: packed(SETUP, ("//etc/evil.py", EVIL)), anomaly="absolute-path"
    ),
    "tar-name-with-a-drive": Case(
        make=lambda: packed(SETUP, ("C:evil.py", EVIL)), anomaly="drive-path"
    ),
    "tar-name-with-backslashes": Case(
        make=lambda: packed(SETUP, ("demo-1.0\\..\\evil.py", EVIL)), anomaly="backslash-in-name"
    ),
    "tar-name-with-a-nul": Case(
        make=lambda: packed(SETUP, pax("demo-1.0/a", path="demo-1.0/evil.py\0.txt")),
        anomaly="nul-in-name",
    ),
    "tar-name-empty": Case(make=lambda: patched(0, bytes(100)), refused="broken-archive"),
    "tar-name-of-kilobytes": Case(
        make=lambda: packed(("demo-1.0/" + "a" * 5_000, EVIL)), refused="path-too-long"
    ),
    "tar-name-a-thousand-deep": Case(
        make=lambda: packed(("a/" * 400 + "b", EVIL)), refused="path-too-deep"
    ),
    "tar-names-equal-but-for-case": Case(
        make=lambda: packed(SETUP, ("demo-1.0/Setup.py", EVIL)), anomaly="case-collision"
    ),
    "tar-names-equal-but-for-unicode-form": Case(
        make=lambda: packed(("d/caf\u00e9.py", ""), ("d/cafe\u0301.py", EVIL)),
        anomaly="case-collision",
    ),
    "tar-member-twice": Case(
        make=lambda: packed(SETUP, ("demo-1.0/setup.py", EVIL)), refused="ambiguous-member"
    ),
    "tar-member-twice-by-another-path": Case(
        make=lambda: packed(SETUP, ("demo-1.0/./a/../setup.py", EVIL)), refused="ambiguous-member"
    ),
    "tar-file-and-folder-of-one-name": Case(
        make=lambda: packed(SETUP, ("demo-1.0/setup.py/evil.py", EVIL)),
        anomaly="duplicate-member",
    ),
    "tar-link-absolute": Case(
        make=lambda: packed(SETUP, special("demo-1.0/a.py", tarfile.SYMTYPE, link="/etc/passwd")),
        anomaly="link-outside-root",
    ),
    "tar-link-climbs": Case(
        make=lambda: packed(SETUP, special("demo-1.0/a.py", tarfile.SYMTYPE, link="../../x")),
        anomaly="link-outside-root",
    ),
    "tar-hard-link-outside": Case(
        make=lambda: packed(SETUP, special("demo-1.0/a.py", tarfile.LNKTYPE, link="/etc/passwd")),
        anomaly="link-outside-root",
    ),
    "tar-hard-link-to-nothing": Case(
        make=lambda: packed(SETUP, special("demo-1.0/a.py", tarfile.LNKTYPE, link="demo-1.0/b")),
        anomaly="link-member",
    ),
    "tar-link-in-a-circle": Case(
        make=lambda: packed(
            SETUP,
            special("demo-1.0/a", tarfile.SYMTYPE, link="b"),
            special("demo-1.0/b", tarfile.SYMTYPE, link="a"),
        ),
        anomaly="link-member",
    ),
    "tar-link-to-itself": Case(
        make=lambda: packed(SETUP, special("demo-1.0/a", tarfile.SYMTYPE, link="a")),
        anomaly="link-member",
    ),
    "tar-link-of-twenty-steps": Case(
        make=lambda: links_to_links(20), anomaly="link-member", holds="0"
    ),
    "tar-link-of-a-thousand-steps": Case(
        make=lambda: links_to_links(1_000), refused="too-many-links"
    ),
    "tar-link-into-a-folder-that-is-a-link": Case(
        make=lambda: packed(
            ("demo-1.0/src/data.txt", EVIL),
            special("demo-1.0/lib", tarfile.SYMTYPE, link="src"),
            special("demo-1.0/setup.py", tarfile.SYMTYPE, link="lib/data.txt"),
        ),
        anomaly="link-member",
        holds="setup.py",
    ),
    "tar-link-to-a-folder-that-is-a-link": Case(
        make=lambda: packed(
            ("demo-1.0/src/evil.py", EVIL),
            special("demo-1.0/a", tarfile.SYMTYPE, link="b"),
            special("demo-1.0/b", tarfile.SYMTYPE, link="src"),
        ),
        holds="a/evil.py",
    ),
    "tar-link-to-a-folder-with-a-link-back": Case(
        make=lambda: packed(
            ("demo-1.0/src/evil.py", EVIL),
            special("demo-1.0/a", tarfile.SYMTYPE, link="src"),
            special("demo-1.0/src/back", tarfile.SYMTYPE, link="../a"),
        ),
        holds="a/evil.py",
    ),
    "tar-link-through-a-link-and-back": Case(
        make=lambda: packed(
            ("demo-1.0/data.txt", b"x = 1\n"),
            ("demo-1.0/deep/data.txt", EVIL),
            ("demo-1.0/deep/er/a.txt", b""),
            special("demo-1.0/lib", tarfile.SYMTYPE, link="deep/er"),
            special("demo-1.0/setup.py", tarfile.SYMTYPE, link="lib/../data.txt"),
        ),
        refused="ambiguous-member",
    ),
    "tar-link-inside-a-link": Case(
        make=lambda: packed(
            SETUP,
            special("demo-1.0/lib", tarfile.SYMTYPE, link="src"),
            special("demo-1.0/lib/setup.py", tarfile.SYMTYPE, link="../setup.py"),
        ),
        refused="ambiguous-member",
    ),
    "tar-written-through-a-link": Case(
        make=lambda: through_a_link("/etc"), refused="ambiguous-member"
    ),
    "tar-written-through-a-link-within": Case(
        make=lambda: through_a_link("."), refused="ambiguous-member"
    ),
    "tar-link-over-a-file": Case(
        make=lambda: packed(SETUP, special("demo-1.0/setup.py", tarfile.SYMTYPE, link="a")),
        refused="ambiguous-member",
    ),
    "tar-setup-is-a-link-to-data": Case(
        make=lambda: packed(
            ("demo-1.0/data.txt", EVIL),
            special("demo-1.0/setup.py", tarfile.SYMTYPE, link="data.txt"),
        ),
        anomaly="link-member",
        holds="setup.py",
    ),
    "tar-character-device": Case(
        make=lambda: packed(SETUP, special("demo-1.0/zero", tarfile.CHRTYPE)),
        anomaly="device-member",
    ),
    "tar-named-pipe": Case(
        make=lambda: packed(SETUP, special("demo-1.0/pipe", tarfile.FIFOTYPE)),
        anomaly="device-member",
    ),
    "tar-contiguous-member": Case(
        make=lambda: packed(special("demo-1.0/setup.py", tarfile.CONTTYPE, content=EVIL)),
        holds="setup.py",
    ),
    "tar-type-unknown": Case(
        make=lambda: packed(special("demo-1.0/setup.py", b"Q", content=EVIL)), holds="setup.py"
    ),
    "tar-sparse-two-gigabytes": Case(make=old_gnu_sparse, refused="sparse-member"),
    "tar-sparse-in-pax-0.1": Case(
        make=lambda: packed(
            pax(
                "demo-1.0/s",
                b"xy",
                GNU__sparse__map="0,1,2000000000,1",
                GNU__sparse__size="2000000001",
            )
        ),
        refused="ambiguous-member",
    ),
    "tar-sparse-in-pax-1.0": Case(
        make=lambda: packed(
            pax(
                "demo-1.0/s",
                b"1\n0\n1\n".ljust(512, b"\0") + b"x",
                GNU__sparse__major="1",
                GNU__sparse__minor="0",
                GNU__sparse__realsize="2000000000",
            )
        ),
        refused="ambiguous-member",
    ),
    "tar-pax-resizes": Case(
        make=lambda: packed(pax("demo-1.0/setup.py", size="1")), refused="ambiguous-member"
    ),
    "tar-pax-renames": Case(
        make=lambda: packed(pax("demo-1.0/readme", path="demo-1.0/setup.py")), holds="setup.py"
    ),
    "tar-pax-renames-all": Case(
        make=lambda: global_header(path="demo-1.0/evil.py"), refused="ambiguous-member"
    ),
    "tar-pax-of-no-length": Case(
        make=lambda: headers(b"0 path=evil.py\n"), refused="broken-archive"
    ),
    "tar-pax-of-negative-length": Case(
        make=lambda: headers(b"-9 path=evil.py\n"), holds="setup.py", may_be_refused=True
    ),
    "tar-pax-of-endless-digits": Case(
        make=lambda: headers(b"9" * 60_000), holds="setup.py", may_be_refused=True
    ),
    "tar-pax-without-equals": Case(
        make=lambda: headers(b"12 evil.py \n"), holds="setup.py", may_be_refused=True
    ),
    "tar-pax-in-another-charset": Case(
        make=lambda: headers(b"21 hdrcharset=BINARY\n16 path=d/\xff\xfe.py\n"),
        anomaly="undecodable-name",
    ),
    "tar-pax-of-megabytes": Case(
        make=lambda: packed(pax("demo-1.0/setup.py", comment="x" * 2_000_000)),
        refused="tar-header-too-large",
    ),
    "tar-header-of-negative-size": Case(
        make=lambda: patched(124, b"\xff" * 12), refused="broken-archive"
    ),
    "tar-header-of-exabytes": Case(
        make=lambda: patched(124, b"\x80" + bytes(3) + b"\x40" + bytes(7)),
        refused="member-too-large",
    ),
    "tar-header-of-words": Case(
        make=lambda: patched(124, b"how-many????"), refused="broken-archive"
    ),
    "tar-header-of-a-folder-with-content": Case(
        make=lambda: patched(156, b"5"), refused="ambiguous-member"
    ),
    "tar-header-of-a-link-with-content": Case(
        make=lambda: patched(156, b"2"), refused="ambiguous-member"
    ),
    "tar-chain-of-long-names": Case(
        make=lambda: packed(
            *[special("././@LongLink", tarfile.GNUTYPE_LONGNAME, content=b"a\0")] * 5_000,
            format=tarfile.GNU_FORMAT,
        ),
        refused="broken-archive",
    ),
    "tar-more-after-the-end": Case(
        make=lambda: gzip.compress(plain(SETUP) + plain(("demo-1.0/evil.py", EVIL))),
        refused="hidden-member",
    ),
    "tar-damaged-header-hides-the-rest": Case(
        make=lambda: gzip.compress(plain(SETUP)[:1024] + b"x" * 512 + plain(("d/evil.py", EVIL))),
        refused="broken-archive",
    ),
    "tar-zip-appended": Case(
        make=lambda: packed(SETUP) + make_zip([("demo-1.0/setup.py", EVIL)]),
        refused="ambiguous-format",
    ),
    "tar-zip-appended-to-a-plain-one": Case(
        make=lambda: plain(SETUP) + make_zip([("demo-1.0/setup.py", EVIL)]),
        filename="demo-1.0.tar",
        refused="ambiguous-format",
    ),
    "tar-gzip-in-gzip": Case(make=lambda: gzip.compress(packed(SETUP)), refused="broken-archive"),
    "tar-gzip-damaged": Case(make=damaged_gzip, refused="broken-archive"),
    "tar-gzip-truncated": Case(
        make=lambda: packed(SETUP, ("d/r.txt", "".join(map(str, range(9_000)))))[:-400],
        refused="broken-archive",
    ),
    "tar-gzip-with-endless-name": Case(
        make=lambda: b"\x1f\x8b\x08\x08" + bytes(6) + b"a" * MEBIBYTE, refused="broken-archive"
    ),
    "tar-named-wheel": Case(
        make=lambda: packed(SETUP), filename="demo-1.0-py3-none-any.whl", anomaly="misnamed-format"
    ),
    "tar-holds-a-wheel": Case(
        make=lambda: packed(SETUP, ("demo-1.0/demo.whl", make_wheel())), holds="demo.whl"
    ),
    "tar-empty-gzip": Case(make=lambda: gzip.compress(b""), refused="broken-archive"),
    "tar-not-one": Case(make=lambda: gzip.compress(b"hello" * 999), refused="broken-archive"),
    "tar-setup-in-other-case": Case(
        make=lambda: packed(("demo-1.0/SETUP.PY", EVIL)), anomaly="case-collision"
    ),
    "tar-several-roots": Case(
        make=lambda: packed(SETUP, ("other/setup.py", EVIL)), anomaly="several-roots"
    ),
    "tar-owner-out-of-range": Case(
        make=lambda: packed(pax("demo-1.0/setup.py", uid="9" * 300, mtime="1e308")),
        holds="setup.py",
    ),
}
