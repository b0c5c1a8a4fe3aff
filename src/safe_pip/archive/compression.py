"""The bytes under gzip, bzip2 and xz, in bounded pieces."""

from __future__ import annotations

import bz2
import enum
import lzma
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from safe_pip.archive.limits import Limits
from safe_pip.archive.source_bytes import SourceBytes, pieces
from safe_pip.distribution import CHUNK_BYTES

_GZIP = 16 + zlib.MAX_WBITS


class Compression(enum.Enum):
    """Values: the magic bytes, none for a plain tar."""

    NONE = b""
    GZIP = b"\x1f\x8b"
    BZIP2 = b"BZh"
    XZ = b"\xfd7zXZ\x00"


class Inflater(Protocol):
    """What the three decompressors have in common once zlib's is wrapped."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


@dataclass(slots=True)
class Trailer:
    """What follows the first compressed stream. Tools differ in whether they read on."""

    streams: int = 1
    bytes_after: int = 0


class _GzipInflater:
    def __init__(self) -> None:
        self._inflater = zlib.decompressobj(_GZIP)
        self._pending = b""
        self._may_hold_output = False

    @property
    def eof(self) -> bool:
        return self._inflater.eof

    @property
    def needs_input(self) -> bool:
        return not self._pending and not self._may_hold_output

    @property
    def unused_data(self) -> bytes:
        return self._inflater.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        inflated = self._inflater.decompress(self._pending + data, max_length)
        self._pending = self._inflater.unconsumed_tail
        self._may_hold_output = len(inflated) == max_length
        return inflated


def decompressed(
    source: SourceBytes, compression: Compression, limits: Limits, trailer: Trailer
) -> Iterator[bytes]:
    """The content of all streams in order, in pieces of at most CHUNK_BYTES.

    Raises zlib.error, OSError, lzma.LZMAError or EOFError for damaged data.
    """
    compressed = pieces(source, 0, source.size)
    if compression is Compression.NONE:
        yield from compressed
        return
    make_inflater = _makers(limits)[compression]
    inflater = make_inflater()
    for piece in compressed:
        while piece:
            yield from _feed(inflater, piece)
            if not inflater.eof:
                break
            # Padding with zeros may follow a stream.
            piece = inflater.unused_data.lstrip(b"\0")
            if not piece:
                piece = next((p for p in (q.lstrip(b"\0") for q in compressed) if p), b"")
            if not piece:
                return
            if len(piece) < len(compression.value):
                piece += next(compressed, b"")
            if not piece.startswith(compression.value):
                trailer.bytes_after = len(piece) + sum(len(rest) for rest in compressed)
                return
            trailer.streams += 1
            inflater = make_inflater()
    if not inflater.eof:
        raise EOFError("the compressed data end early")


def _feed(inflater: Inflater, data: bytes) -> Iterator[bytes]:
    while True:
        if inflated := inflater.decompress(data, CHUNK_BYTES):
            yield inflated
        data = b""
        if inflater.eof or inflater.needs_input:
            return


def _makers(limits: Limits) -> dict[Compression, Callable[[], Inflater]]:
    return {
        Compression.GZIP: _GzipInflater,
        Compression.BZIP2: bz2.BZ2Decompressor,
        Compression.XZ: lambda: lzma.LZMADecompressor(
            format=lzma.FORMAT_XZ, memlimit=limits.max_xz_memory_bytes
        ),
    }
