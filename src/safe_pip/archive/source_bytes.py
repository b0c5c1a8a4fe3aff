"""The bytes of one archive, in memory or in an open file, readable at any place."""

from __future__ import annotations

import hashlib
import io
import threading
from collections.abc import Iterator
from typing import BinaryIO, Protocol

from safe_pip.distribution import CHUNK_BYTES


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
    """An archive in an open, seekable file.

    It is read, not mapped: pages of a map count as our memory, and a file that shrinks under a
    map kills the process.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._size = file.seek(0, io.SEEK_END)

    @property
    def size(self) -> int:
        return self._size

    def read_at(self, offset: int, length: int) -> bytes:
        if offset >= self._size:
            return b""
        with self._lock:
            self._file.seek(offset)
            return self._file.read(length)


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
