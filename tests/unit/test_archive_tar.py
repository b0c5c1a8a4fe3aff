"""Tars that tools read differently, and tars that are only damaged."""

from __future__ import annotations

import bz2
import gzip
import io
import random
import tarfile
from dataclasses import replace

import pytest

from safe_pip.archive import DEFAULT_LIMITS, opening
from tests.builders import (
    SdistFormat,
    compress_tar,
    make_sdist,
    make_tar,
    make_zip,
    sdist_filename,
    tar_member,
)
from tests.reading import SDIST, anomaly_kinds, contents, opened, refusal

EVIL = "print('evil')"
SETUP = ("demo-1.0/setup.py", "x = 1")
TAR_FORMATS: tuple[SdistFormat, ...] = ("gztar", "bztar", "xztar", "tar")


def packed(*entries: tuple[str | tarfile.TarInfo, bytes | str]) -> bytes:
    return gzip.compress(make_tar(entries))


def link(name: str, target: str, *, type: bytes = tarfile.SYMTYPE) -> tuple[tarfile.TarInfo, str]:
    return tar_member(name, type=type, link=target), ""


@pytest.mark.parametrize("format", TAR_FORMATS)
def test_sdist_of_each_compression_gives_back_what_was_put_in(format: SdistFormat) -> None:
    data = make_sdist(files={"setup.py": "x = 1"}, format=format)
    name = sdist_filename("demo", "1.0", format=format)
    assert contents(data, name)["setup.py"] == b"x = 1"
    assert not anomaly_kinds(data, name)


def test_format_is_told_by_bytes_and_not_by_name() -> None:
    data = make_sdist(files={"setup.py": "x"}, format="xztar")
    assert contents(data, "demo-1.0.zip")["setup.py"] == b"x"
    assert "misnamed-format" in anomaly_kinds(data, "demo-1.0.zip")


@pytest.mark.parametrize("format", TAR_FORMATS)
def test_zip_appended_to_a_tar_is_refused(format: SdistFormat) -> None:
    data = make_sdist(format=format) + make_zip([("demo-1.0/setup.py", EVIL)])
    assert refusal(data) == "ambiguous-format"


def test_zip_whose_start_is_a_tar_is_refused() -> None:
    tar = make_tar([SETUP])
    assert refusal(tar + make_zip([("demo-1.0/setup.py", EVIL)])) == "ambiguous-format"


def test_zip_inside_of_a_tar_is_no_anomaly() -> None:
    inner = make_zip([("a.py", "")])
    tar = make_tar([SETUP, ("demo-1.0/a.zip", inner), ("demo-1.0/z.txt", "z" * 80_000)])
    assert not anomaly_kinds(tar, "demo-1.0.tar")


def test_several_compressed_streams_are_an_anomaly_and_all_read() -> None:
    tar = make_tar([SETUP])
    data = gzip.compress(tar[:700]) + gzip.compress(tar[700:])
    assert "appended-archive" in anomaly_kinds(data)
    assert contents(data) == {"setup.py": b"x = 1"}


def test_bytes_after_the_compressed_data_are_an_anomaly() -> None:
    assert "bytes-after-archive" in anomaly_kinds(packed(SETUP) + b"more")
    assert "bytes-after-archive" in anomaly_kinds(bz2.compress(make_tar([SETUP])) + b"more")


def test_padding_with_zeros_is_no_anomaly() -> None:
    assert not anomaly_kinds(packed(SETUP) + bytes(3_000_000))


def test_members_after_the_end_of_the_tar_are_refused() -> None:
    data = gzip.compress(make_tar([SETUP]) + make_tar([("demo-1.0/evil.py", EVIL)]))
    assert refusal(data) == "hidden-member"


def test_members_after_a_damaged_header_are_refused() -> None:
    tar = bytearray(make_tar([SETUP, ("demo-1.0/a.py", "a"), ("demo-1.0/evil.py", EVIL)]))
    tar[1024 + 148] ^= 1
    assert refusal(gzip.compress(bytes(tar))) == "broken-archive"


def test_same_members_after_the_end_of_the_tar_are_an_anomaly() -> None:
    tar = make_tar([SETUP, ("demo-1.0/a.bin", bytes(range(256)) * 200)])
    data = gzip.compress(tar * 3)
    assert anomaly_kinds(data) == {"appended-archive"}
    assert set(contents(data)) == {"setup.py", "a.bin"}


def test_other_content_after_the_end_of_the_tar_is_refused() -> None:
    data = gzip.compress(make_tar([SETUP]) + make_tar([("demo-1.0/setup.py", EVIL)]))
    assert refusal(data) == "hidden-member"


def test_other_bytes_after_the_end_of_the_tar_are_an_anomaly() -> None:
    assert anomaly_kinds(gzip.compress(make_tar([SETUP]) + b"more")) == {"bytes-after-archive"}


def test_size_in_a_pax_header_that_differs_is_refused() -> None:
    member = tar_member("demo-1.0/setup.py")
    member.pax_headers = {"size": "1"}
    assert refusal(packed((member, EVIL))) == "ambiguous-member"


def test_global_header_that_renames_members_is_refused() -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", pax_headers={"path": "setup.py"}) as archive:
        archive.addfile(tar_member("demo-1.0/readme"), io.BytesIO())
    assert refusal(buffer.getvalue()) == "ambiguous-member"


def test_global_header_of_git_archive_is_no_anomaly() -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", pax_headers={"comment": "0a1b"}) as archive:
        archive.addfile(tar_member("demo-1.0/setup.py"), io.BytesIO())
    assert not anomaly_kinds(buffer.getvalue())


def test_huge_header_is_refused() -> None:
    member = tar_member("demo-1.0/setup.py")
    member.pax_headers = {"comment": "x" * 100_000}
    assert refusal(packed((member, EVIL))) == "tar-header-too-large"


def test_sparse_member_is_refused() -> None:
    member = tar_member("demo-1.0/setup.py", type=tarfile.GNUTYPE_SPARSE)
    assert refusal(packed((member, EVIL))) == "sparse-member"


def test_pax_sparse_member_is_refused() -> None:
    member = tar_member("demo-1.0/setup.py")
    member.pax_headers = {
        "GNU.sparse.map": "0,1,1000000000,1",
        "GNU.sparse.size": "2000000000",
        "GNU.sparse.name": "demo-1.0/setup.py",
    }
    assert refusal(packed((member, "xy"))) in ("sparse-member", "ambiguous-member")


def test_chain_of_headers_is_refused_and_exhausts_no_stack() -> None:
    header = tarfile.TarInfo("././@LongLink")
    header.type = tarfile.GNUTYPE_LONGNAME
    tar = make_tar([(header, "setup.py\0")] * 5_000, format=tarfile.GNU_FORMAT)
    assert refusal(gzip.compress(tar)) == "broken-archive"


def test_negative_size_is_broken() -> None:
    tar = bytearray(make_tar([SETUP]))
    tar[124:136] = b"\xff" * 12
    tar[148:156] = b"        "
    tar[148:156] = b"%06o\0 " % sum(tar[:512])
    assert refusal(gzip.compress(bytes(tar))) in ("broken-archive", "unknown-format")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("/etc/cron.d/demo.py", "absolute-path"),
        ("demo-1.0/../../evil.py", "parent-path"),
        ("demo-1.0\\evil.py", "backslash-in-name"),
        ("C:/evil.py", "drive-path"),
    ],
)
def test_name_that_leaves_the_root_is_an_anomaly_and_is_read(name: str, kind: str) -> None:
    data = packed(SETUP, (name, EVIL))
    assert kind in anomaly_kinds(data)
    assert EVIL.encode() in contents(data).values()


def test_name_that_is_no_utf8_is_an_anomaly() -> None:
    tar = make_tar([("demo-1.0/caf\udce9.py", EVIL)], format=tarfile.GNU_FORMAT)
    assert "undecodable-name" in anomaly_kinds(gzip.compress(tar))


@pytest.mark.parametrize("type", [tarfile.SYMTYPE, tarfile.LNKTYPE])
@pytest.mark.parametrize("target", ["/etc/passwd", "../../../etc/passwd", "C:\\evil"])
def test_link_out_of_the_root_is_an_anomaly_without_content(type: bytes, target: str) -> None:
    data = packed(SETUP, link("demo-1.0/a.py", target, type=type))
    assert "link-outside-root" in anomaly_kinds(data)
    assert set(contents(data)) == {"setup.py"}


def test_link_within_the_root_is_read_as_what_it_stands_for() -> None:
    data = packed(link("demo-1.0/setup.py", "data/x.txt"), ("demo-1.0/data/x.txt", EVIL))
    assert contents(data)["setup.py"] == EVIL.encode()
    assert "link-member" in anomaly_kinds(data)


def test_hard_link_is_read_as_what_it_stands_for() -> None:
    entry = link("demo-1.0/setup.py", "demo-1.0/x.txt", type=tarfile.LNKTYPE)
    assert contents(packed(("demo-1.0/x.txt", EVIL), entry))["setup.py"] == EVIL.encode()


def test_link_to_a_link_is_followed() -> None:
    data = packed(link("demo-1.0/setup.py", "b"), link("demo-1.0/b", "c"), ("demo-1.0/c", EVIL))
    assert contents(data)["setup.py"] == EVIL.encode()


def test_link_to_a_folder_gives_its_files() -> None:
    data = packed(SETUP, link("demo-1.0/backend", "data"), ("demo-1.0/data/hook.py", EVIL))
    assert contents(data)["backend/hook.py"] == EVIL.encode()


def test_links_in_a_circle_end() -> None:
    data = packed(SETUP, link("demo-1.0/a", "b"), link("demo-1.0/b", "a"), link("demo-1.0/c", "."))
    assert set(contents(data)) == {"setup.py"}


def test_member_written_through_a_link_is_refused() -> None:
    data = packed(SETUP, link("demo-1.0/a", "/tmp"), ("demo-1.0/a/evil.py", EVIL))
    assert refusal(data) == "ambiguous-member"


def test_file_and_link_of_one_name_are_refused() -> None:
    data = packed(SETUP, link("demo-1.0/setup.py", "x"), ("demo-1.0/x", EVIL))
    assert refusal(data) == "ambiguous-member"


def test_very_many_folder_links_are_refused() -> None:
    links = [link(f"demo-1.0/{number}", "data") for number in range(2_000)]
    assert refusal(packed(("demo-1.0/data/a.py", ""), *links)) == "too-many-links"


@pytest.mark.parametrize("type", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_device_is_an_anomaly_without_content(type: bytes) -> None:
    data = packed(SETUP, (tar_member("demo-1.0/null", type=type), ""))
    assert "device-member" in anomaly_kinds(data)
    assert set(contents(data)) == {"setup.py"}


def test_same_name_twice_with_other_content_is_refused() -> None:
    assert refusal(packed(SETUP, ("demo-1.0/setup.py", EVIL))) == "ambiguous-member"


def test_same_name_twice_with_same_content_is_an_anomaly() -> None:
    assert "duplicate-member" in anomaly_kinds(packed(SETUP, SETUP))


def test_member_of_unknown_type_is_read_as_the_file_that_python_writes() -> None:
    member = tar_member("demo-1.0/setup.py", type=b"Z")
    assert contents(packed((member, EVIL)))["setup.py"] == EVIL.encode()


@pytest.mark.parametrize("format", ["gztar", "bztar", "xztar"])
def test_truncated_data_are_broken(format: SdistFormat) -> None:
    noise = random.Random(0).randbytes(100_000)
    data = compress_tar(make_tar([("demo-1.0/a.bin", noise)]), format)
    assert refusal(data[: len(data) // 2]) == "broken-archive"


def test_damaged_data_are_broken() -> None:
    data = bytearray(packed(("demo-1.0/a.bin", random.Random(0).randbytes(50_000))))
    data[20_000:20_100] = bytes(100)
    assert refusal(bytes(data)) == "broken-archive"


def test_bomb_is_refused() -> None:
    limits = replace(DEFAULT_LIMITS, ratio_floor_bytes=2_000_000)
    data = packed(("demo-1.0/zeros.bin", bytes(10_000_000)))
    assert refusal(data, limits=limits) == "compression-ratio"


def test_member_over_the_limit_is_refused() -> None:
    limits = replace(DEFAULT_LIMITS, max_member_bytes=1_000)
    assert refusal(packed(("a", "x" * 1_001)), limits=limits) == "member-too-large"


def test_too_many_members_are_refused() -> None:
    limits = replace(DEFAULT_LIMITS, max_members=10)
    entries = [(f"demo-1.0/{number}", "") for number in range(11)]
    assert refusal(packed(*entries), limits=limits) == "too-many-members"


def test_more_text_than_fits_is_refused() -> None:
    limits = replace(
        DEFAULT_LIMITS,
        max_kept_text_bytes=0,
        max_kept_binary_bytes=0,
        max_kept_compressed_bytes=100,
    )
    text = random.Random(0).randbytes(1_000).hex()
    assert refusal(packed(("demo-1.0/a.py", text)), limits=limits) == "too-much-text"


def test_xz_that_asks_for_much_memory_is_refused() -> None:
    limits = replace(DEFAULT_LIMITS, max_xz_memory_bytes=100_000)
    data = make_sdist(format="xztar")
    assert refusal(data, "demo-1.0.tar.xz", limits=limits) == "broken-archive"


def test_content_is_the_same_however_it_is_held() -> None:
    noise = random.Random(0)
    files = {f"{n}.bin": noise.randbytes(40_000) for n in range(5)}
    files |= {f"{n}.py": noise.randbytes(20_000).hex().encode() for n in range(5)}
    data = make_sdist(files=files)
    held = contents(data)
    nothing_kept = replace(DEFAULT_LIMITS, max_kept_text_bytes=0, max_kept_binary_bytes=0)
    assert contents(data, limits=nothing_kept) == held
    distribution = opened(data, limits=nothing_kept)
    assert {file.path: file.read() for file in reversed(distribution.files)} == held
    assert {file.path: b"".join(file.chunks()) for file in distribution.files} == held


def test_two_readings_at_once_do_not_disturb_each_other() -> None:
    noise = random.Random(0).randbytes(3_000_000)
    data = make_sdist(files={"a.bin": noise, "b.bin": noise[::-1]})
    files = opened(data).by_path
    pairs = list(zip(files["a.bin"].chunks(), files["b.bin"].chunks(), strict=True))
    assert b"".join(one for one, _ in pairs) == noise
    assert b"".join(other for _, other in pairs) == noise[::-1]


def test_top_folder_is_stripped_and_several_roots_are_not() -> None:
    assert set(contents(packed(SETUP))) == {"setup.py"}
    several = packed(SETUP, ("other/a.py", ""))
    assert set(contents(several)) == {"demo-1.0/setup.py", "other/a.py"}
    assert "several-roots" in anomaly_kinds(several)


@pytest.mark.parametrize("data", [b"", b"hello", b"\x7fELF" + bytes(600), gzip.compress(b"hello")])
def test_what_is_no_archive_is_refused(data: bytes) -> None:
    assert refusal(data, SDIST) in ("unknown-format", "broken-archive")


def test_build_file_in_another_case_is_an_anomaly() -> None:
    assert "case-collision" in anomaly_kinds(packed(("demo-1.0/SETUP.PY", EVIL)))
    assert "case-collision" not in anomaly_kinds(packed(SETUP, ("demo-1.0/a/SETUP.PY", "")))


@pytest.mark.parametrize("is_case_blind", [False, True])
def test_build_file_in_another_case_is_read_as_what_the_system_takes_it_for(
    monkeypatch: pytest.MonkeyPatch, is_case_blind: bool
) -> None:
    monkeypatch.setattr(opening, "IS_CASE_BLIND", is_case_blind)
    found = contents(packed(("demo-1.0/SETUP.PY", EVIL)))
    assert found.get("setup.py") == (found["SETUP.PY"] if is_case_blind else None)
    beside = contents(packed(SETUP, ("demo-1.0/SETUP.PY", EVIL)))
    assert beside["setup.py"] != beside["SETUP.PY"]


@pytest.mark.parametrize(
    ("name", "place", "is_refused"),
    [
        ("A", "a/evil.py", True),
        ("a./b", "a/B/evil.py", True),
        ("caf\u00e9", "cafe\u0301/evil.py", True),
        ("A", "ab/evil.py", False),
        ("A", "a", False),
    ],
)
def test_member_in_what_is_a_link_on_some_systems(name: str, place: str, is_refused: bool) -> None:
    data = packed(SETUP, link(f"demo-1.0/{name}", "/tmp"), (f"demo-1.0/{place}", EVIL))
    assert (refusal(data) == "ambiguous-member") if is_refused else contents(data)
