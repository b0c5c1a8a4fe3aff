"""Zips that tools read differently, and zips that are only damaged."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from dataclasses import replace

import pytest

from safe_pip.archive import DEFAULT_LIMITS
from tests.builders import make_sdist, make_wheel, make_zip, zip_member
from tests.reading import WHEEL, ZIP_SDIST, anomaly_kinds, contents, opened, refusal

EVIL = "print('evil')"
LOCAL_HEADER = b"PK\x03\x04"
CENTRAL_HEADER = b"PK\x01\x02"
END_RECORD = b"PK\x05\x06"


def zip_sdist(**files: str) -> bytes:
    return make_zip([(f"demo-1.0/{name}", content) for name, content in files.items()])


def patched(data: bytes, offset: int, new: bytes) -> bytes:
    return data[:offset] + new + data[offset + len(new) :]


def without_directory(data: bytes) -> bytes:
    """The members alone: what a streaming tool reads."""
    return data[: data.index(CENTRAL_HEADER)]


def shifted(data: bytes, by: int) -> bytes:
    """The same zip with all its offsets moved."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        starts = [info.header_offset for info in archive.infolist()]
    position = 0
    for start in starts:
        position = data.index(CENTRAL_HEADER, position)
        data = patched(data, position + 42, struct.pack("<L", start + by))
        position += 1
    end = data.rindex(END_RECORD)
    (directory,) = struct.unpack_from("<L", data, end + 16)
    return patched(data, end + 16, struct.pack("<L", directory + by))


def test_wheel_and_zip_sdist_give_back_what_was_put_in() -> None:
    assert contents(make_wheel(files={"a.py": "x"}), WHEEL)["a.py"] == b"x"
    assert contents(make_sdist(files={"a.py": "x"}, format="zip"), ZIP_SDIST)["a.py"] == b"x"


def test_ordinary_archives_have_no_anomaly() -> None:
    assert not anomaly_kinds(make_wheel(), WHEEL)
    assert not anomaly_kinds(make_sdist(format="zip"), ZIP_SDIST)


def test_stored_inner_zip_is_no_anomaly() -> None:
    inner = make_zip([("template.py", "x = 1\n" * 50)], comment=b"inner")
    member = zip_member("demo/data.zip", compression=zipfile.ZIP_STORED)
    wheel = make_wheel(files={"demo/__init__.py": ""}, record=False)
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        entries = [(info, archive.read(info)) for info in archive.infolist()]
    data = make_zip([*entries, (member, inner)])
    assert anomaly_kinds(data, WHEEL) == {"record-mismatch"}
    assert contents(data, WHEEL)["demo/data.zip"] == inner


def test_file_written_as_a_stream_has_no_anomaly() -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def seek(self, *_: object) -> int:
            raise OSError("a pipe")

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zip_member("demo-1.0/setup.py"), "x = 1")
        archive.writestr(zip_member("demo-1.0/a.py"), "y = 2")
    assert not anomaly_kinds(pipe.getvalue(), ZIP_SDIST)


def test_zip64_member_is_read() -> None:
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(buffer, "w") as archive,
        archive.open(zip_member("demo-1.0/setup.py"), "w", force_zip64=True) as member,
    ):
        member.write(b"x = 1")
    assert contents(buffer.getvalue(), ZIP_SDIST) == {"setup.py": b"x = 1"}


def test_member_that_the_directory_does_not_list_is_refused() -> None:
    hidden = without_directory(make_zip([("demo-1.0/setup.py", EVIL)]))
    listed = zip_sdist(**{"setup.py": "x = 1"})
    assert refusal(hidden + shifted(listed, len(hidden)), ZIP_SDIST) == "hidden-member"


def test_zip_in_front_of_a_zip_is_refused() -> None:
    first = zip_sdist(**{"setup.py": EVIL})
    assert refusal(first + zip_sdist(**{"setup.py": "x = 1"}), ZIP_SDIST) in (
        "ambiguous-archive",
        "hidden-member",
    )


def test_second_ending_in_the_comment_is_refused() -> None:
    inner = zip_sdist(**{"setup.py": EVIL})
    data = make_zip([("demo-1.0/setup.py", "x = 1")], comment=inner)
    assert refusal(data, ZIP_SDIST) == "ambiguous-archive"


def test_bytes_before_a_zip_are_an_anomaly() -> None:
    data = b"#!/usr/bin/env python\n" + zip_sdist(**{"setup.py": ""})
    assert "bytes-before-archive" in anomaly_kinds(data, ZIP_SDIST)


def test_bytes_after_a_zip_are_an_anomaly() -> None:
    data = zip_sdist(**{"setup.py": ""}) + b"more"
    assert "bytes-after-archive" in anomaly_kinds(data, ZIP_SDIST)


def test_bytes_between_members_are_an_anomaly() -> None:
    data = zip_sdist(**{"setup.py": "x"})
    start = data.index(CENTRAL_HEADER)
    end = data.rindex(END_RECORD)
    (directory,) = struct.unpack_from("<L", data, end + 16)
    data = patched(data, end + 16, struct.pack("<L", directory + 7))
    data = data[:start] + b"padding" + data[start:]
    assert "unlisted-bytes" in anomaly_kinds(data, ZIP_SDIST)


def test_header_with_another_name_than_the_directory_is_refused() -> None:
    data = zip_sdist(**{"setup.py": EVIL})
    data = patched(data, data.index(b"setup.py"), b"setup.tx")
    assert refusal(data, ZIP_SDIST) == "ambiguous-member"


@pytest.mark.parametrize("offset", [14, 18, 22], ids=["crc", "compressed", "size"])
def test_header_with_other_sizes_than_the_directory_is_refused(offset: int) -> None:
    data = zip_sdist(**{"setup.py": EVIL})
    assert refusal(patched(data, offset, struct.pack("<L", 3)), ZIP_SDIST) == "ambiguous-member"


def test_second_name_in_an_extra_field_is_refused() -> None:
    member = zip_member("demo-1.0/readme.txt")
    name = b"demo-1.0/setup.py"
    crc = zlib.crc32(member.filename.encode())
    member.extra = struct.pack("<HHBL", 0x7075, 5 + len(name), 1, crc) + name
    assert refusal(make_zip([(member, EVIL)]), ZIP_SDIST) == "ambiguous-member"


def test_members_that_share_their_bytes_are_refused() -> None:
    data = zip_sdist(**{"a.py": EVIL, "b.py": EVIL})
    second = data.index(CENTRAL_HEADER, data.index(CENTRAL_HEADER) + 1)
    data = patched(data, second + 42, struct.pack("<L", 0))
    assert refusal(data, ZIP_SDIST) in ("ambiguous-member", "overlapping-members")


def test_directory_that_lists_another_number_of_members_is_refused() -> None:
    data = zip_sdist(**{"setup.py": EVIL})
    assert refusal(patched(data, len(data) - 12, b"\x02\x00"), ZIP_SDIST) == "ambiguous-archive"


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_same_name_twice_with_other_content_is_refused() -> None:
    data = make_zip([("demo-1.0/setup.py", "x = 1"), ("demo-1.0/setup.py", EVIL)])
    assert refusal(data, ZIP_SDIST) == "ambiguous-member"


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_same_name_twice_with_same_content_is_an_anomaly() -> None:
    data = make_zip([("demo-1.0/a.py", "x = 1"), ("demo-1.0/a.py", "x = 1")])
    assert "duplicate-member" in anomaly_kinds(data, ZIP_SDIST)


def test_two_spellings_of_one_path_with_other_content_are_refused() -> None:
    data = make_zip([("demo-1.0/setup.py", "x = 1"), ("demo-1.0/./setup.py", EVIL)])
    assert refusal(data, ZIP_SDIST) == "ambiguous-member"


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
    data = make_zip([("demo-1.0/setup.py", ""), (name, EVIL)])
    assert kind in anomaly_kinds(data, ZIP_SDIST)
    assert EVIL.encode() in contents(data, ZIP_SDIST).values()


def test_name_with_a_nul_is_an_anomaly_and_read_under_the_name_python_takes() -> None:
    data = make_zip([("demo-1.0/setup.py_readme", EVIL)])
    data = data.replace(b"setup.py_readme", b"setup.py\0readme")
    assert "nul-in-name" in anomaly_kinds(data, ZIP_SDIST)
    assert contents(data, ZIP_SDIST) == {"setup.py": EVIL.encode()}


def test_names_that_differ_in_case_alone_are_an_anomaly() -> None:
    data = zip_sdist(**{"setup.py": "", "Setup.py": EVIL})
    assert "case-collision" in anomaly_kinds(data, ZIP_SDIST)


def test_names_that_differ_in_unicode_form_alone_are_an_anomaly() -> None:
    data = zip_sdist(**{"caf\u00e9.py": "", "cafe\u0301.py": EVIL})
    assert "case-collision" in anomaly_kinds(data, ZIP_SDIST)


def test_encrypted_member_is_refused() -> None:
    data = zip_sdist(**{"setup.py": EVIL})
    data = patched(data, 6, b"\x01")
    data = patched(data, data.index(CENTRAL_HEADER) + 8, b"\x01")
    assert refusal(data, ZIP_SDIST) == "encrypted-member"


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_compression_that_wheels_do_not_use_is_refused(method: int) -> None:
    data = make_zip([(zip_member("demo-1.0/setup.py", compression=method), EVIL)])
    assert refusal(data, ZIP_SDIST) == "compression-method"


def test_symbolic_link_is_an_anomaly_and_read_as_the_file_that_pip_writes() -> None:
    data = make_zip([(zip_member("demo-1.0/a.py", mode=0o120777), "/etc/passwd")])
    assert "link-member" in anomaly_kinds(data, ZIP_SDIST)
    assert contents(data, ZIP_SDIST) == {"a.py": b"/etc/passwd"}


def test_wrong_checksum_is_broken() -> None:
    data = zip_sdist(**{"setup.py": EVIL})
    for start in (14, data.index(CENTRAL_HEADER) + 16):
        data = patched(data, start, b"\0\0\0\0")
    assert refusal(data, ZIP_SDIST) == "broken-archive"


def test_member_that_inflates_to_more_than_it_says_is_broken() -> None:
    data = zip_sdist(**{"setup.py": "x" * 10_000})
    for start in (22, data.index(CENTRAL_HEADER) + 24):
        data = patched(data, start, struct.pack("<L", 10))
    assert refusal(data, ZIP_SDIST) == "broken-archive"


@pytest.mark.parametrize("keep", [4, 20, 60, 100])
def test_truncated_zip_is_broken(keep: int) -> None:
    assert refusal(make_wheel()[:keep], WHEEL) == "broken-archive"


def test_bomb_is_refused_before_it_is_inflated() -> None:
    limits = replace(DEFAULT_LIMITS, ratio_floor_bytes=100_000)
    data = zip_sdist(**{"zeros.bin": "\0" * 1_000_000})
    assert refusal(data, ZIP_SDIST, limits=limits) == "compression-ratio"


def test_highly_compressible_data_below_the_floor_is_read() -> None:
    assert len(contents(zip_sdist(**{"a.csv": "0,0\n" * 250_000}), ZIP_SDIST)["a.csv"]) == 1_000_000


def test_too_many_members_are_refused() -> None:
    limits = replace(DEFAULT_LIMITS, max_members=10)
    data = zip_sdist(**{f"{number}.py": "" for number in range(11)})
    assert refusal(data, ZIP_SDIST, limits=limits) == "too-many-members"


def test_member_over_the_limit_is_refused() -> None:
    limits = replace(DEFAULT_LIMITS, max_member_bytes=10)
    assert refusal(zip_sdist(a="x" * 11), ZIP_SDIST, limits=limits) == "member-too-large"


def test_many_bytes_in_all_are_refused() -> None:
    limits = replace(DEFAULT_LIMITS, max_total_bytes=100)
    assert refusal(zip_sdist(a="x" * 60, b="y" * 60), ZIP_SDIST, limits=limits) == "too-many-bytes"


def test_time_over_the_limit_is_refused() -> None:
    limits = replace(DEFAULT_LIMITS, max_seconds=-1.0)
    assert refusal(zip_sdist(a="x"), ZIP_SDIST, limits=limits) == "time-out"


@pytest.mark.parametrize(
    ("name", "reason"), [("a/" * 100 + "b", "path-too-deep"), ("a" * 2_000, "path-too-long")]
)
def test_path_over_the_limit_is_refused(name: str, reason: str) -> None:
    assert refusal(make_zip([(name, "")]), ZIP_SDIST) == reason


def test_file_too_large_for_one_object_can_still_be_streamed() -> None:
    limits = replace(
        DEFAULT_LIMITS, max_loaded_bytes=1_000, max_kept_text_bytes=0, max_kept_binary_bytes=0
    )
    data = zip_sdist(**{"big.bin": "x" * 5_000_000})
    assert refusal(data, ZIP_SDIST, limits=limits) == "file-too-large"
    file = opened(data, ZIP_SDIST, limits=limits).by_path["big.bin"]
    assert sum(len(piece) for piece in file.chunks()) == 5_000_000
    assert file.head(3) == b"xxx"
    assert len(file.head(100_000)) == 100_000


def test_text_beyond_what_is_kept_is_inflated_again() -> None:
    limits = replace(DEFAULT_LIMITS, max_kept_text_bytes=0, max_kept_binary_bytes=0)
    assert contents(make_wheel(files={"a.py": "x"}), WHEEL, limits=limits)["a.py"] == b"x"


def test_folder_entries_are_no_files() -> None:
    data = make_zip([("demo-1.0/", ""), ("demo-1.0/setup.py", "")])
    assert set(contents(data, ZIP_SDIST)) == {"setup.py"}


def test_empty_zip_is_opened() -> None:
    assert contents(make_zip([]), ZIP_SDIST) == {}


def test_100_000_small_files_are_read_in_seconds() -> None:
    data = make_zip([(zip_member(f"d/{n}", compression=0), "") for n in range(100_000)])
    assert len(opened(data, ZIP_SDIST).files) == 100_000
