"""Laws of the reader: any bytes open or are refused, and what was packed comes back."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from collections.abc import Mapping
from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from safe_pip.archive import DEFAULT_LIMITS, read_archive
from safe_pip.errors import UnscannableError
from tests.builders import (
    SdistFormat,
    make_sdist,
    make_wheel,
    make_zip,
    sdist_filename,
    zip_member,
)

SMALL = replace(
    DEFAULT_LIMITS,
    max_total_bytes=5_000_000,
    max_member_bytes=2_000_000,
    max_loaded_bytes=2_000_000,
    max_seconds=5.0,
)
FORMATS: tuple[SdistFormat, ...] = ("gztar", "bztar", "xztar", "tar", "zip")
FILES: Mapping[str, bytes | str] = {
    "setup.py": "x = 1\n",
    "demo/__init__.py": "",
    "demo/data.bin": b"\x00\x01" * 600,
}
ORIGINALS = [
    make_wheel(files={"demo/__init__.py": "", "a.pth": "import a"}),
    *(make_sdist(files=FILES, format=format) for format in FORMATS),
    make_zip([("demo-1.0/inner.zip", make_zip([("a.py", "")]))]),
]
NAMES = st.sampled_from(["demo-1.0.tar.gz", "demo-1.0-py3-none-any.whl", "demo-1.0.zip", "x"])
PATH_PART = st.text("abcdeZ0._-", min_size=1, max_size=8).filter(lambda part: part.strip("."))
PATHS = st.lists(PATH_PART, min_size=1, max_size=4).map("/".join)

given_time = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def read_all(data: bytes, filename: str) -> None:
    """Opens and reads everything, or is refused; any other exception is a defect."""
    try:
        with read_archive(data, filename, SMALL) as distribution:
            for file in distribution.files:
                content = file.read()
                assert content.startswith(file.prefix)
                assert len(content) == file.size
                assert not file.path.startswith("/")
                assert ".." not in file.path.split("/")
    except UnscannableError as error:
        assert error.reason
        assert str(error)


def _found(data: bytes) -> list[bytes] | None:
    """The contents of all files, or None for what is refused or has links or duplicates."""
    try:
        with read_archive(data, "demo-1.0", SMALL) as distribution:
            if {a.kind for a in distribution.anomalies} & {"link-member", "duplicate-member"}:
                return None
            return [file.read() for file in distribution.files]
    except UnscannableError:
        return None


def _is_file(member: tarfile.TarInfo) -> bool:
    return member.isreg() or member.type not in tarfile.SUPPORTED_TYPES


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(member)
    assert file is not None
    return file.read()


def _mend_checksums(tar: bytearray) -> None:
    for start in range(0, len(tar), 512):
        if tar[start + 257 : start + 262] == b"ustar":
            tar[start + 148 : start + 156] = b" " * 8
            tar[start + 148 : start + 156] = b"%06o\0 " % sum(tar[start : start + 512])


@given_time
@given(data=st.binary(max_size=2_000), filename=NAMES)
def test_arbitrary_bytes_open_or_are_refused(data: bytes, filename: str) -> None:
    read_all(data, filename)


@given_time
@given(
    magic=st.sampled_from(
        [b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b\x08", b"BZh9", b"\xfd7zXZ\x00"]
    ),
    data=st.binary(max_size=2_000),
    filename=NAMES,
)
def test_bytes_after_any_magic_open_or_are_refused(
    magic: bytes, data: bytes, filename: str
) -> None:
    read_all(magic + data, filename)


@given_time
@given(
    original=st.sampled_from(ORIGINALS),
    changes=st.lists(st.tuples(st.integers(0, 20_000), st.integers(0, 255)), max_size=8),
    cut=st.one_of(st.none(), st.integers(0, 5_000)),
    filename=NAMES,
)
def test_mutated_archives_open_or_are_refused(
    original: bytes, changes: list[tuple[int, int]], cut: int | None, filename: str
) -> None:
    data = bytearray(original)
    for position, value in changes:
        data[position % len(data)] = value
    read_all(bytes(data[:cut]), filename)


@given_time
@given(
    changes=st.lists(st.tuples(st.integers(0, 4_000), st.integers(0, 255)), max_size=4),
    keeps_checksums=st.booleans(),
)
def test_mutated_tar_opens_as_tarfile_reads_it_or_is_refused(
    changes: list[tuple[int, int]], keeps_checksums: bool
) -> None:
    tar = bytearray(make_sdist(files=FILES, format="tar"))
    for position, value in changes:
        tar[position % len(tar)] = value
    if keeps_checksums:
        _mend_checksums(tar)
    data = gzip.compress(bytes(tar), compresslevel=0)
    read_all(data, "demo-1.0.tar.gz")
    found = _found(data)
    if found is not None:
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            files = {member.name: member for member in archive if _is_file(member)}
            expected = [_content(archive, member) for member in files.values()]
        assert sorted(found) == sorted(expected)


@given_time
@given(
    changes=st.lists(st.tuples(st.integers(0, 4_000), st.integers(0, 255)), max_size=4),
    is_stored=st.booleans(),
)
def test_mutated_zip_opens_as_zipfile_reads_it_or_is_refused(
    changes: list[tuple[int, int]], is_stored: bool
) -> None:
    method = zipfile.ZIP_STORED if is_stored else zipfile.ZIP_DEFLATED
    entries = [(zip_member(f"demo-1.0/{n}", compression=method), c) for n, c in FILES.items()]
    data = bytearray(make_zip(entries))
    for position, value in changes:
        data[position % len(data)] = value
    read_all(bytes(data), "demo-1.0.zip")
    found = _found(bytes(data))
    if found is not None:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = [info for info in archive.infolist() if not info.is_dir()]
            assert sorted(found) == sorted(archive.read(info) for info in members)


@given_time
@given(
    first=st.sampled_from(ORIGINALS),
    second=st.sampled_from(ORIGINALS),
    between=st.binary(max_size=600),
    filename=NAMES,
)
def test_joined_archives_open_or_are_refused(
    first: bytes, second: bytes, between: bytes, filename: str
) -> None:
    read_all(first + between + second, filename)


@settings(max_examples=60, deadline=None)
@given(
    files=st.dictionaries(PATHS, st.binary(max_size=300), min_size=1, max_size=8),
    format=st.sampled_from(FORMATS),
)
def test_what_was_packed_comes_back(files: Mapping[str, bytes], format: SdistFormat) -> None:
    if any(other.startswith(f"{path}/") for path in files for other in files):
        return  # A file and a folder of one name cannot be unpacked.
    data = make_sdist(files=files, format=format)
    with read_archive(data, sdist_filename("demo", "1.0", format=format)) as distribution:
        found = {file.path: file.read() for file in distribution.files}
    for path, content in files.items():
        if path not in ("PKG-INFO", "pyproject.toml"):
            assert found[path] == content


@settings(max_examples=60, deadline=None)
@given(names=st.lists(st.text(max_size=30), max_size=5))
def test_any_member_name_is_read_as_a_relative_path_or_refused(names: list[str]) -> None:
    entries = [(f"demo-1.0/{name}", "x") for name in dict.fromkeys(names)]
    try:
        data = make_zip(entries)
    except (UnicodeEncodeError, ValueError):
        return
    read_all(data, "demo-1.0.zip")
