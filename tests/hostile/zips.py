"""Hostile zips: bombs, lies, two readings of one file, names that escape."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping

from tests.builders import Content, make_wheel, make_zip, setuptools_pyproject, zip_member
from tests.hostile.case import EVIL, Case
from tests.hostile.raw_zip import Member, deflated, local_header, raw_zip, zip64_end
from tests.reading import WHEEL, ZIP_SDIST

MEBIBYTE = 1024 * 1024
SETUP = Member(name=b"demo-1.0/setup.py", stored=EVIL)


def named(name: bytes, *, flags: int = 0) -> bytes:
    return raw_zip([SETUP, Member(name=name, stored=EVIL, flags=flags)])


def lying(**fields: int | bytes) -> bytes:
    return raw_zip([Member(name=b"demo-1.0/setup.py", stored=EVIL, **fields)])  # type: ignore[arg-type]


def two(first: bytes, second: bytes) -> bytes:
    return raw_zip([Member(name=first, stored=b"x = 1\n"), Member(name=second, stored=EVIL)])


def bomb(mebibytes: int = 100) -> bytes:
    return raw_zip([SETUP, deflated("demo-1.0/zeros", bytes(mebibytes * MEBIBYTE))])


def nested_bombs() -> bytes:
    """A zip of ten zips of ten zips of a bomb, a package's data."""
    data = raw_zip([deflated("zeros", bytes(20 * MEBIBYTE))])
    for _ in range(3):
        data = make_zip([(f"{number}.zip", data) for number in range(10)])
    return make_zip([("demo-1.0/setup.py", EVIL), ("demo-1.0/data.zip", data)])


def overlapping() -> bytes:
    """Fifield's bomb: every member's bytes are the same kernel."""
    kernel = deflated("demo-1.0/0", bytes(MEBIBYTE))
    rest = [
        Member(name=b"demo-1.0/%d" % n, offset=0, size=MEBIBYTE, crc=kernel.crc, method=8)
        for n in range(1, 200)
    ]
    return raw_zip([kernel, *rest])


def many_members(count: int) -> bytes:
    return raw_zip([Member(name=b"d/%d" % n, size=0, crc=0) for n in range(count)], entries=0xFFFF)


def ends_inside_itself() -> bytes:
    """The signature of an end record as the offset in the real one: found first from behind."""
    offset = int.from_bytes(b"PK\5\6", "little")
    plain = raw_zip([SETUP])
    shift = plain.index(b"PK\1\2") - offset
    member = Member(name=SETUP.name, stored=EVIL, offset=-shift)
    return raw_zip([member], directory_offset=offset)


def behind(before: bytes) -> bytes:
    """``ends_inside_itself`` with an archive of another kind before it."""
    zipped = ends_inside_itself()
    offset = int.from_bytes(b"PK\5\6", "little")
    directory = zipped.index(b"PK\1\2") + len(before)
    member = Member(name=SETUP.name, stored=EVIL, offset=len(before) + offset - directory)
    return raw_zip([member], prefix=before, directory_offset=offset)


def with_zip64_end(*, entries: int = 1, lie: int = 0, strays: int = 0) -> bytes:
    plain = raw_zip([SETUP])
    start, end = plain.index(b"PK\1\2"), plain.rindex(b"PK\5\6")
    wide = zip64_end(entries=entries, size=end - start + lie, offset=start, position=end + strays)
    return raw_zip([SETUP], before_end=wide)


def wide_size(size: int) -> bytes:
    extra = struct.pack("<HHQQ", 1, 16, size, len(EVIL))
    return lying(
        size=0xFFFFFFFF,
        compressed_size=0xFFFFFFFF,
        extra=extra,
        local_extra=extra,
        crc=zlib.crc32(EVIL),
    )


def django_like() -> bytes:
    """A test wheel inside of a wheel, stored: its directory stands among our bytes."""
    inner = make_zip([(zip_member("a.py", compression=0), "x = 1\n")] * 1, comment=b"inner")
    members: dict[str, Content] = {"demo/__init__.py": "", "demo/tests/eggs/sample.egg": inner}
    return make_wheel(files=members)


def hidden_between() -> bytes:
    hidden = Member(name=b"demo-1.0/evil.py", stored=EVIL)
    return raw_zip([SETUP], gap=local_header(hidden) + EVIL)


def hidden_in_extra() -> bytes:
    """A whole member inside another one's extra field, for readers that search signatures."""
    hidden = local_header(Member(name=b"demo-1.0/evil.py", stored=EVIL)) + EVIL
    extra = struct.pack("<HH", 0x9999, len(hidden)) + hidden
    return lying(local_extra=extra)


def garbage_extra() -> bytes:
    return lying(extra=b"\x01\x00\xff\xff\x00", local_extra=b"\x01\x00\xff\xff\x00")


def descriptor(**fields: int) -> bytes:
    size = fields.get("size", len(EVIL))
    follows = b"PK\7\x08" + struct.pack("<LLL", zlib.crc32(EVIL), len(EVIL), size)
    return lying(flags=8, local_crc=0, local_size=0, local_compressed_size=0, follows=follows)


def deflate_with(tail: bytes) -> bytes:
    member = deflated("demo-1.0/setup.py", EVIL)
    return raw_zip(
        [
            Member(
                name=member.name,
                stored=member.stored + tail,
                method=8,
                size=len(EVIL),
                crc=zlib.crc32(EVIL),
            )
        ]
    )


def truncated_deflate() -> bytes:
    content = bytes(range(256)) * 100
    member = deflated("demo-1.0/setup.py", content)
    return raw_zip(
        [
            Member(
                name=member.name,
                stored=member.stored[:-5],
                method=8,
                size=len(content),
                crc=zlib.crc32(content),
            )
        ]
    )


def two_gigabyte_member() -> bytes:
    """Two gigabytes of zeros in two megabytes: as a sparse file would be."""
    deflater = zlib.compressobj(1, zlib.DEFLATED, -15)
    stored = deflater.compress(bytes(MEBIBYTE)) + deflater.flush(zlib.Z_FULL_FLUSH)
    piece = deflater.compress(bytes(MEBIBYTE)) + deflater.flush(zlib.Z_FULL_FLUSH)
    stored += piece * 2046 + deflater.compress(bytes(MEBIBYTE)) + deflater.flush()
    member = Member(name=b"demo-1.0/sparse", stored=stored, method=8, size=2048 * MEBIBYTE, crc=0)
    return raw_zip([SETUP, member])


def tiny_files() -> bytes:
    files = {f"demo/{number // 300}/m{number}.py": "x = 1\n" for number in range(100_000)}
    return make_wheel(files={"demo/__init__.py": "", **files})


def wheel_with_record(record: str) -> bytes:
    return make_wheel(files={"demo/__init__.py": EVIL.decode()}, record=record)


WHEELS: Mapping[str, Case] = {
    "zip-wheel-without-record": Case(
        make=lambda: make_wheel(record=False), filename=WHEEL, anomaly="record-mismatch"
    ),
    "zip-wheel-whose-record-is-another-s": Case(
        make=lambda: wheel_with_record("other/__init__.py,sha256=AA,1\n"),
        filename=WHEEL,
        anomaly="record-mismatch",
    ),
    "zip-wheel-whose-record-climbs": Case(
        make=lambda: wheel_with_record("../../../etc/passwd,sha256=AA,1\n"),
        filename=WHEEL,
        anomaly="record-mismatch",
    ),
    "zip-wheel-whose-record-never-ends": Case(
        make=lambda: wheel_with_record('"' + "a,b\n" * 500_000),
        filename=WHEEL,
        anomaly="record-mismatch",
    ),
    "zip-wheel-named-sdist": Case(
        make=make_wheel, filename="demo-1.0.tar.gz", anomaly="misnamed-format"
    ),
    "zip-sdist-named-wheel": Case(
        make=lambda: make_zip([("demo-1.0/setup.py", EVIL)]),
        filename=WHEEL,
        anomaly="misnamed-format",
        holds="setup.py",
    ),
    "zip-wheel-with-build-files-named-zip": Case(
        make=lambda: make_wheel(files={"pyproject.toml": setuptools_pyproject("demo", "1.0")}),
        filename=ZIP_SDIST,
        holds="pyproject.toml",
    ),
    "zip-wheel-with-two-dist-infos": Case(
        make=lambda: make_wheel(files={"other-2.0.dist-info/METADATA": "Name: other\n"}),
        filename=WHEEL,
        refused="ambiguous-member",
    ),
    "zip-wheel-of-another-name-inside": Case(
        make=lambda: make_wheel("other", "9.9"), filename=WHEEL, anomaly="name-mismatch"
    ),
    "zip-wheel-with-a-scheme-behind-its-parent": Case(
        make=lambda: make_wheel(files={"x.data/../demo/scripts/git": EVIL}),
        filename=WHEEL,
        refused="ambiguous-member",
    ),
    "zip-wheel-with-metadata-of-megabytes": Case(
        make=lambda: make_wheel(metadata="Name: demo\n" + "Classifier: x\n" * 700_000),
        filename=WHEEL,
        refused="metadata-too-large",
    ),
    "zip-wheel-with-a-thousand-fields": Case(
        make=lambda: make_wheel(metadata="".join(f"X-{n}: x\n" for n in range(5_000))),
        filename=WHEEL,
        refused="metadata-too-large",
    ),
    "zip-wheel-of-a-hundred-thousand-tiny-files": Case(
        make=tiny_files, filename=WHEEL, holds="demo/333/m99999.py"
    ),
    "zip-wheel-with-a-benign-zip-inside": Case(
        make=django_like, filename=WHEEL, holds="demo/tests/eggs/sample.egg"
    ),
    "zip-wheel-with-a-tar-before-it": Case(
        make=lambda: b"\x1f\x8b\x08\0" + make_wheel(), filename=WHEEL, refused="ambiguous-format"
    ),
}
ZIPS: Mapping[str, Case] = {
    "zip-bomb-by-ratio": Case(make=bomb, refused="compression-ratio"),
    "zip-bomb-below-the-floor": Case(make=lambda: bomb(20), holds="zeros"),
    "zip-bomb-by-count": Case(make=lambda: many_members(120_001), refused="too-many-members"),
    "zip-bomb-by-nesting": Case(make=nested_bombs, holds="data.zip"),
    "zip-bomb-by-overlap": Case(make=overlapping, refused="ambiguous-member"),
    "zip-two-gigabytes-of-zeros": Case(make=two_gigabyte_member, refused="compression-ratio"),
    "zip-name-climbs": Case(make=lambda: named(b"../../evil.py"), anomaly="parent-path"),
    "zip-name-climbs-within": Case(
        make=lambda: raw_zip([SETUP, Member(name=b"demo-1.0/a/../setup.py", stored=b"x")]),
        refused="ambiguous-member",
    ),
    "zip-name-absolute": Case(make=lambda: named(b"/etc/evil.py"), anomaly="absolute-path"),
    "zip-name-with-a-drive": Case(make=lambda: named(b"C:\\evil.py"), anomaly="drive-path"),
    "zip-name-on-a-network": Case(
        make=lambda: named(b"\\\\server\\share\\evil.py"), anomaly="absolute-path"
    ),
    "zip-name-with-backslashes": Case(
        make=lambda: named(b"demo-1.0\\..\\evil.py"), anomaly="backslash-in-name"
    ),
    "zip-name-with-a-nul": Case(
        make=lambda: named(b"demo-1.0/evil.py\0.txt"), anomaly="nul-in-name", holds="evil.py"
    ),
    "zip-name-that-ends-as-a-folder-behind-a-nul": Case(
        make=lambda: named(b"demo-1.0/evil.py\0/"), anomaly="nul-in-name", holds="evil.py"
    ),
    "zip-name-empty": Case(make=lambda: named(b""), refused="broken-archive"),
    "zip-name-a-dot": Case(make=lambda: named(b"./."), refused="broken-archive"),
    "zip-name-of-64-kilobytes": Case(make=lambda: named(b"a" * 65_000), refused="path-too-long"),
    "zip-name-a-thousand-deep": Case(
        make=lambda: named(b"a/" * 300 + b"b"), refused="path-too-deep"
    ),
    "zip-name-no-utf-8": Case(
        make=lambda: named(b"demo-1.0/\xff\xfe.py", flags=0x800), refused="broken-archive"
    ),
    "zip-name-controls-a-terminal": Case(
        make=lambda: named(b"demo-1.0/\x1b[2J\x07\r\n.py"), holds="\x1b[2J\x07\r\n.py"
    ),
    "zip-name-reversed": Case(
        make=lambda: named("demo-1.0/\u202eyp.live".encode(), flags=0x800), holds="\u202eyp.live"
    ),
    "zip-names-equal-but-for-case": Case(
        make=lambda: two(b"demo-1.0/setup.py", b"demo-1.0/SETUP.py"), anomaly="case-collision"
    ),
    "zip-names-equal-but-for-unicode-form": Case(
        make=lambda: make_zip([("demo-1.0/caf\u00e9.py", ""), ("demo-1.0/cafe\u0301.py", EVIL)]),
        anomaly="case-collision",
    ),
    "zip-names-equal-but-for-a-trailing-dot": Case(
        make=lambda: two(b"demo-1.0/setup.py", b"demo-1.0/setup.py."),
        anomaly="case-collision",
        may_be_refused=True,
    ),
    "zip-names-equal-but-for-a-trailing-blank": Case(
        make=lambda: two(b"demo-1.0/setup.py", b"demo-1.0/setup.py "),
        anomaly="case-collision",
        may_be_refused=True,
    ),
    "zip-name-with-a-stream": Case(
        make=lambda: two(b"demo-1.0/setup.py", b"demo-1.0/setup.py::$DATA"),
        anomaly="case-collision",
        may_be_refused=True,
    ),
    "zip-member-twice": Case(
        make=lambda: two(b"demo-1.0/setup.py", b"demo-1.0/setup.py"), refused="ambiguous-member"
    ),
    "zip-member-twice-the-same": Case(
        make=lambda: raw_zip([SETUP, SETUP]), anomaly="duplicate-member"
    ),
    "zip-file-and-folder-of-one-name": Case(
        make=lambda: two(b"demo-1.0/setup.py", b"demo-1.0/setup.py/evil.py"),
        anomaly="duplicate-member",
    ),
    "zip-member-a-link": Case(
        make=lambda: raw_zip(
            [SETUP, Member(name=b"demo-1.0/a.py", stored=b"/etc/passwd", mode=0o120777)]
        ),
        anomaly="link-member",
    ),
    "zip-member-a-device": Case(
        make=lambda: raw_zip([SETUP, Member(name=b"demo-1.0/a.py", mode=0o060666)]),
        anomaly="device-member",
    ),
    "zip-folder-with-content": Case(
        make=lambda: raw_zip([SETUP, Member(name=b"demo-1.0/evil/", stored=EVIL)]),
        anomaly="unlisted-bytes",
    ),
    "zip-wrong-checksum": Case(make=lambda: lying(crc=1), refused="broken-archive"),
    "zip-wrong-checksum-before": Case(make=lambda: lying(local_crc=1), refused="ambiguous-member"),
    "zip-wrong-size": Case(make=lambda: lying(size=3), refused="broken-archive"),
    "zip-wrong-size-before": Case(make=lambda: lying(local_size=3), refused="ambiguous-member"),
    "zip-size-of-gigabytes": Case(
        make=lambda: lying(size=0xFFFFFFF0, crc=0), refused="compression-ratio"
    ),
    "zip-compressed-size-past-the-end": Case(
        make=lambda: lying(compressed_size=10_000), refused="overlapping-members"
    ),
    "zip-wrong-name-before": Case(
        make=lambda: lying(local_name=b"demo-1.0/setup.pz"), refused="ambiguous-member"
    ),
    "zip-shorter-name-before": Case(
        make=lambda: lying(local_name=b"demo-1.0/a"), refused="ambiguous-member"
    ),
    "zip-wrong-method-before": Case(make=lambda: lying(local_method=8), refused="ambiguous-member"),
    "zip-offset-past-the-end": Case(make=lambda: lying(offset=1 << 30), refused="broken-archive"),
    "zip-encrypted": Case(make=lambda: lying(flags=1), refused="encrypted-member"),
    "zip-encrypted-strongly": Case(make=lambda: lying(flags=0x41), refused="encrypted-member"),
    "zip-encrypted-before-alone": Case(
        make=lambda: lying(local_flags=1), refused="ambiguous-member"
    ),
    "zip-method-unknown": Case(
        make=lambda: lying(method=97, size=14, crc=0), refused="compression-method"
    ),
    "zip-method-deflate-64": Case(
        make=lambda: lying(method=9, size=14, crc=0), refused="compression-method"
    ),
    "zip-deflate-ends-late": Case(make=lambda: deflate_with(b"and more"), refused="broken-archive"),
    "zip-deflate-ends-early": Case(make=truncated_deflate, refused="broken-archive"),
    "zip-descriptor-right": Case(make=descriptor, holds="setup.py"),
    "zip-descriptor-lies": Case(make=lambda: descriptor(size=3), anomaly="unlisted-bytes"),
    "zip-member-unlisted": Case(make=hidden_between, refused="hidden-member"),
    "zip-member-in-an-extra-field": Case(make=hidden_in_extra, holds="setup.py"),
    "zip-extra-field-garbage": Case(make=garbage_extra, refused="broken-archive"),
    "zip-appended-to-a-zip": Case(
        make=lambda: raw_zip([Member(name=SETUP.name, stored=b"x = 1\n")]) + raw_zip([SETUP]),
        refused="hidden-member",
    ),
    "zip-in-the-comment-of-a-zip": Case(
        make=lambda: raw_zip([SETUP], comment=raw_zip([SETUP])), refused="ambiguous-archive"
    ),
    "zip-two-directories": Case(
        make=lambda: raw_zip([SETUP], gap=raw_zip([SETUP])[44:][len(EVIL) :]),
        anomaly="unlisted-bytes",
    ),
    "zip-end-inside-its-own-offset": Case(make=ends_inside_itself, refused="broken-archive"),
    "zip-end-inside-its-own-offset-behind-a-gzip": Case(
        make=lambda: behind(b"\x1f\x8b\x08\0"), refused="broken-archive"
    ),
    "zip-of-several-disks": Case(make=lambda: raw_zip([SETUP], disk=1), holds="setup.py"),
    "zip-entries-claimed-too-many": Case(
        make=lambda: raw_zip([SETUP], entries=2), refused="ambiguous-archive"
    ),
    "zip-entries-claimed-none": Case(
        make=lambda: raw_zip([SETUP], entries=0), refused="ambiguous-archive"
    ),
    "zip-directory-too-large": Case(
        make=lambda: raw_zip([SETUP], directory_size=1 << 30), refused="broken-archive"
    ),
    "zip-directory-misplaced": Case(
        make=lambda: raw_zip([SETUP], directory_offset=1 << 30), refused="broken-archive"
    ),
    "zip64-right": Case(make=with_zip64_end, holds="setup.py"),
    "zip64-entries-disagree": Case(
        make=lambda: with_zip64_end(entries=2), refused="ambiguous-archive"
    ),
    "zip64-sizes-disagree": Case(make=lambda: with_zip64_end(lie=4), refused="ambiguous-archive"),
    "zip64-locator-points-elsewhere": Case(make=lambda: with_zip64_end(strays=5), holds="setup.py"),
    "zip64-member-of-exabytes": Case(make=lambda: wide_size(1 << 62), refused="member-too-large"),
    "zip-truncated": Case(make=lambda: raw_zip([SETUP])[:-9], refused="broken-archive"),
    "zip-of-zeros": Case(make=lambda: bytes(10 * MEBIBYTE), refused="unknown-format"),
}
