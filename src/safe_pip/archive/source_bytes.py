"""The bytes of one archive, in memory or in an open file, readable at any place."""

from __future__ import annotations

import hashlib
import io
import threading
from collections.abc import Iterator
from typing import BinaryIO, Protocol

from safe_pip.distribution import CHUNK_BYTES
from safe_pip.errors import UnscannableError

# What is read once and held, as long as it is looked at; larger files are read again.
_MAX_HELD_BYTES = 32 << 20
_DIGEST_BYTES = 16


class SourceBytes(Protocol):
    """Random access to an archive's bytes. Safe to use from several threads."""

    @property
    def size(self) -> int: ...

    def read_at(self, offset: int, length: int) -> bytes:
        """Fewer bytes than asked for only at the end."""
        ...


class HeldBytes:
    """An archive that is in memory."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    @property
    def size(self) -> int:
        return len(self._data)

    def read_at(self, offset: int, length: int) -> bytes:
        return self._data[offset : offset + length]


class OpenFile:
    """An archive in an open, seekable file, whose bytes are those of the first time that they were
    read: who had mapped it into memory can change it and back without a trace in its times.

    It is read, not mapped: pages of a map count as our memory, and a file that shrinks under a
    map kills the process.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._size = file.seek(0, io.SEEK_END)
        self._digests: dict[int, bytes] = {}
        self._last: tuple[int, bytes] = (-1, b"")

    @property
    def size(self) -> int:
        return self._size

    def read_at(self, offset: int, length: int) -> bytes:
        """Raises UnscannableError for bytes that were others before."""
        end = min(offset + length, self._size)
        if offset >= end:
            return b""
        first, last = offset // CHUNK_BYTES, (end - 1) // CHUNK_BYTES
        with self._lock:
            found = b"".join(self._block(number) for number in range(first, last + 1))
        start = offset - first * CHUNK_BYTES
        return found[start : start + end - offset]

    def _block(self, number: int) -> bytes:
        known, block = self._last
        if known == number:
            return block
        self._file.seek(number * CHUNK_BYTES)
        block = self._file.read(min(CHUNK_BYTES, self._size - number * CHUNK_BYTES))
        digest = hashlib.blake2b(block, digest_size=_DIGEST_BYTES).digest()
        if self._digests.setdefault(number, digest) != digest:
            raise UnscannableError("it changed while it was read", reason="changing")
        self._last = (number, block)
        return block


def source_of(file: BinaryIO) -> SourceBytes:
    """The bytes of an open, seekable file, which stay as they are now."""
    size = file.seek(0, io.SEEK_END)
    if size > _MAX_HELD_BYTES:
        return OpenFile(file)
    file.seek(0)
    return HeldBytes(file.read(size))


class SourceReader(io.RawIOBase):
    """A file object over SourceBytes with a position of its own, for the standard library."""

    def __init__(self, source: SourceBytes) -> None:
        super().__init__()
        self._source = source
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._source.size}
        position = start[whence] + offset
        if position < 0:
            raise OSError(f"seek to {position}")
        self._position = position
        return position

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        data = self._source.read_at(self._position, len(buffer))
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)


def pieces(source: SourceBytes, offset: int, length: int) -> Iterator[bytes]:
    """The bytes from an offset on, in order, in pieces; stops early where the archive ends."""
    end = offset + length
    while offset < end:
        piece = source.read_at(offset, min(CHUNK_BYTES, end - offset))
        if not piece:
            return
        yield piece
        offset += len(piece)


def sha256_of(source: SourceBytes) -> str:
    digest = hashlib.sha256()
    for piece in pieces(source, 0, source.size):
        digest.update(piece)
    return digest.hexdigest()
