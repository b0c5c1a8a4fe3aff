"""Zips written field by field, so that every field can lie (PKWARE APPNOTE 6.3.10, 4.3)."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

DATE = 0x5821  # 2024-01-01
LOCAL = struct.Struct("<4s5H3L2H")
CENTRAL = struct.Struct("<4s6H3L5H2L")
END = struct.Struct("<4s4H2LH")
END_64 = struct.Struct("<4sQ2H2L4Q")
LOCATOR = struct.Struct("<4sLQL")


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """``stored`` are the bytes as they lie in the zip. What is None is what is true; what begins
    with ``local_`` stands in the header before the bytes alone."""

    name: bytes
    stored: bytes = b""
    method: int = 0
    flags: int = 0
    size: int | None = None
    crc: int | None = None
    compressed_size: int | None = None
    offset: int | None = None
    extra: bytes = b""
    mode: int = 0o100644
    local_name: bytes | None = None
    local_size: int | None = None
    local_compressed_size: int | None = None
    local_crc: int | None = None
    local_method: int | None = None
    local_flags: int | None = None
    local_extra: bytes = b""
    follows: bytes = b""

    @property
    def content(self) -> bytes:
        return zlib.decompress(self.stored, -15) if self.method == 8 else self.stored


def deflated(name: str, content: bytes) -> Member:
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    stored = deflater.compress(content) + deflater.flush()
    return Member(
        name=name.encode(),
        stored=stored,
        method=8,
        crc=zlib.crc32(content),
        size=len(content),
    )


def _or(value: int | None, otherwise: int) -> int:
    return otherwise if value is None else value


def local_header(member: Member) -> bytes:
    name = member.name if member.local_name is None else member.local_name
    content = member.content if member.crc is None or member.size is None else b""
    crc, size = _or(member.crc, zlib.crc32(content)), _or(member.size, len(content))
    compressed_size = _or(member.compressed_size, len(member.stored))
    return (
        LOCAL.pack(
            b"PK\3\4",
            20,
            _or(member.local_flags, member.flags),
            _or(member.local_method, member.method),
            0,
            DATE,
            _or(member.local_crc, crc),
            _or(member.local_compressed_size, compressed_size),
            _or(member.local_size, size),
            len(name),
            len(member.local_extra),
        )
        + name
        + member.local_extra
    )


def central_header(member: Member, offset: int) -> bytes:
    content = member.content if member.crc is None or member.size is None else b""
    return (
        CENTRAL.pack(
            b"PK\1\2",
            (3 << 8) | 20,
            20,
            member.flags,
            member.method,
            0,
            DATE,
            _or(member.crc, zlib.crc32(content)),
            _or(member.compressed_size, len(member.stored)),
            _or(member.size, len(content)),
            len(member.name),
            len(member.extra),
            0,
            0,
            0,
            member.mode << 16,
            _or(member.offset, offset),
        )
        + member.name
        + member.extra
    )


def raw_zip(
    members: Sequence[Member],
    *,
    prefix: bytes = b"",
    gap: bytes = b"",
    comment: bytes = b"",
    disk: int = 0,
    entries: int | None = None,
    directory_size: int | None = None,
    directory_offset: int | None = None,
    before_end: bytes = b"",
) -> bytes:
    """``gap`` lies before the directory, ``before_end`` between it and the end record."""
    body, directory = bytearray(prefix), bytearray()
    for member in members:
        directory += central_header(member, len(body))
        body += local_header(member) + member.stored + member.follows
    body += gap
    start = len(body)
    count = min(_or(entries, len(members)), 0xFFFF)
    end = END.pack(
        b"PK\5\6",
        disk,
        disk,
        count,
        count,
        _or(directory_size, len(directory)),
        _or(directory_offset, start),
        len(comment),
    )
    return bytes(body + directory) + before_end + end + comment


def zip64_end(*, entries: int, size: int, offset: int, position: int) -> bytes:
    """A zip64 end record at that position, and its locator."""
    record = END_64.pack(b"PK\6\6", 44, 45, 45, 0, 0, entries, entries, size, offset)
    return record + LOCATOR.pack(b"PK\6\7", 0, position, 1)
