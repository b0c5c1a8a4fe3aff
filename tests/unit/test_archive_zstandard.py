"""Zstandard: Python 3.14 and the pips in it unpack what is compressed so; no index takes it."""

from __future__ import annotations

import gzip
import io
import struct
import sys
import tarfile
import zipfile
import zlib

import pytest

from tests.builders import make_sdist, make_wheel
from tests.reading import SDIST, WHEEL, refusal

ZSTANDARD = 93


def _frame(data: bytes) -> bytes:
    """A frame of stored blocks (RFC 8878, 3.1.1), for Pythons that cannot make one."""
    blocks = [data[start : start + 100_000] for start in range(0, len(data), 100_000)]
    return b"".join(
        (
            b"\x28\xb5\x2f\xfd\xa0",
            struct.pack("<I", len(data)),
            *(
                struct.pack("<I", (block is blocks[-1]) | len(block) << 3)[:3] + block
                for block in blocks
            ),
        )
    )


def _zip_of(data: bytes) -> bytes:
    """A zip with all members compressed by zstandard, as zipfile of 3.14 reads it."""
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as given, zipfile.ZipFile(target, "w") as made:
        sizes = {}
        for name in given.namelist():
            content = given.read(name)
            made.writestr(name, _frame(content))
            sizes[name] = (zlib.crc32(content), len(content))
        raw = bytearray(target.getvalue())
        for info in made.infolist():
            start = info.header_offset
            struct.pack_into("<H", raw, start + 8, ZSTANDARD)
            struct.pack_into("<I", raw, start + 14, sizes[info.filename][0])
            struct.pack_into("<I", raw, start + 22, sizes[info.filename][1])
            info.compress_type = ZSTANDARD
            info.CRC, info.file_size = sizes[info.filename]
        target.seek(0, io.SEEK_END)
        end = len(raw)
    written = bytearray(target.getvalue())
    written[:end] = raw
    return bytes(written)


def _tar_of(data: bytes) -> bytes:
    return _frame(gzip.decompress(data))


@pytest.mark.parametrize("name", [SDIST, SDIST.removesuffix(".gz"), f"{SDIST[:-3]}.zst"])
def test_tar_of_zstandard_is_refused(name: str) -> None:
    assert refusal(_tar_of(make_sdist("demo", "1.0")), name) == "unknown-format"


def test_wheel_of_zstandard_is_refused() -> None:
    assert refusal(_zip_of(make_wheel("demo", "1.0")), WHEEL) == "compression-method"


@pytest.mark.skipif(sys.version_info < (3, 14), reason="zipfile and tarfile read it since 3.14")
def test_python_reads_what_is_refused() -> None:
    with zipfile.ZipFile(io.BytesIO(_zip_of(make_wheel("demo", "1.0")))) as archive:
        assert archive.testzip() is None
    with tarfile.open(fileobj=io.BytesIO(_tar_of(make_sdist("demo", "1.0")))) as archive:
        assert archive.getnames()
