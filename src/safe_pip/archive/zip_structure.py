"""Does a zip mean the same to every tool?

Python's zipfile (so pip) trusts the directory at the end of a zip; streaming tools trust the
header before each member. Where the two disagree, tools install different files from one
archive (PyPI, "ZIP parser confusion", August 2025). The checks here compare the two; reading
itself is left to zipfile. Field names and layouts: PKWARE APPNOTE 6.3.10, sections 4.3 and 4.4.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass

from safe_pip.archive.contents import Contents
from safe_pip.archive.limits import Limits
from safe_pip.archive.source_bytes import SourceBytes
from safe_pip.errors import UnscannableError

LOCAL_SIGNATURE = b"PK\x03\x04"
CENTRAL_SIGNATURE = b"PK\x01\x02"
_END_SIGNATURE = b"PK\x05\x06"
LOCATOR_SIGNATURE = b"PK\x06\x07"
_END = struct.Struct("<4s4H2LH")
_END_64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR = struct.Struct("<4sLQL")
_LOCAL = struct.Struct("<4s5H3L2H")
# One more than the field can say: zipfile looks that far back.
_MAX_COMMENT_BYTES = 0x10000
_IN_ZIP64 = 0xFFFFFFFF
_UTF8_NAME = 0x800
# Encrypted, patched (0x20) and masked members: no tool that installs packages reads them.
_ENCRYPTED = 0x1 | 0x20 | 0x40 | 0x2000
_SIZES_FOLLOW = 0x8
_ZIP64_EXTRA = 0x0001
_UNICODE_NAME_EXTRA = 0x7075


@dataclass(frozen=True, slots=True, kw_only=True)
class ZipEnding:
    """Where a zip's directory is, as its last end-of-directory record says.

    ``shift`` is how far everything is from where the record says: bytes put before the archive.
    """

    start: int
    entries: int
    directory_start: int
    directory_size: int
    shift: int
    bytes_after: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberData:
    """Where a member's compressed bytes are."""

    info: zipfile.ZipInfo
    start: int

    @property
    def end(self) -> int:
        return self.start + self.info.compress_size


def find_ending(source: SourceBytes) -> ZipEnding | None:
    """The ending that Python's zipfile takes; None where there is no plausible one.

    Raises UnscannableError where another tool would take another one.
    """
    tail_start = max(source.size - _MAX_COMMENT_BYTES - _END.size, 0)
    tail = source.read_at(tail_start, source.size - tail_start)
    position = tail.rfind(_END_SIGNATURE)
    if tail[-_END.size :].startswith(_END_SIGNATURE) and tail.endswith(b"\0\0"):
        # zipfile looks here first. A later signature is then inside of this record's own fields.
        position = len(tail) - _END.size
    if position < 0 or len(tail) - position < _END.size:
        return None
    ending = _parse_ending(source, tail[position:], tail_start + position)
    if ending is None:
        return None
    # Tools that search forwards take an earlier record whose comment reaches the end exactly.
    earlier = tail.find(_END_SIGNATURE)
    while 0 <= earlier < position:
        (comment_size,) = struct.unpack_from("<H", tail, earlier + _END.size - 2)
        if earlier + _END.size + comment_size == len(tail):
            raise UnscannableError(
                "two end-of-directory records claim this zip", reason="ambiguous-archive"
            )
        earlier = tail.find(_END_SIGNATURE, earlier + 1)
    return ending


def check_directory(source: SourceBytes, ending: ZipEnding, limits: Limits) -> None:
    """Bounds what zipfile is about to parse."""
    if ending.directory_size > limits.max_zip_directory_bytes:
        raise UnscannableError(
            f"a zip directory of {ending.directory_size:,} bytes", reason="too-many-members"
        )
    directory = source.read_at(ending.directory_start, ending.directory_size)
    if directory.count(CENTRAL_SIGNATURE) > limits.max_members:
        raise UnscannableError(
            f"more than {limits.max_members:,} members", reason="too-many-members"
        )


def locate_members(
    source: SourceBytes, members: Iterable[zipfile.ZipInfo], ending: ZipEnding, contents: Contents
) -> list[MemberData]:
    """The place of each member's bytes, in directory order, once every header agrees.

    Raises UnscannableError for members that overlap, that a streaming tool would see otherwise,
    or that are encrypted; bytes between members that no tool reads are noted.
    """
    located = [_locate(source, info) for info in members]
    if len(located) != ending.entries:
        raise UnscannableError(
            f"the directory lists {len(located)} members and claims {ending.entries}",
            reason="ambiguous-archive",
        )
    position = 0
    for member in sorted(located, key=lambda member: member.info.header_offset):
        _check_gap(source, position, member.info.header_offset, contents)
        position = member.end
        if member.info.flag_bits & _SIZES_FOLLOW:
            position += _descriptor_size(source, member)
    _check_gap(source, position, ending.directory_start, contents)
    if ending.bytes_after:
        contents.note(
            "bytes-after-archive", "", f"{ending.bytes_after:,} bytes follow the end of the zip"
        )
    return located


def _parse_ending(source: SourceBytes, tail: bytes, start: int) -> ZipEnding | None:
    _, _, _, _, entries, size, offset, comment_size = _END.unpack_from(tail)
    directory_end = start
    locator = source.read_at(start - _LOCATOR.size, _LOCATOR.size) if start > 76 else b""
    if locator.startswith(LOCATOR_SIGNATURE):
        directory_end = start - _LOCATOR.size - _END_64.size
        wide = _parse_zip64(source, locator, directory_end)
        unknown = (0xFFFF, _IN_ZIP64, _IN_ZIP64)
        for value, *agreeing in zip((entries, size, offset), wide, unknown, strict=True):
            if value not in agreeing:
                raise UnscannableError(
                    "the zip's two end records disagree", reason="ambiguous-archive"
                )
        entries, size, offset = wide
    directory_start = directory_end - size
    shift = directory_start - offset
    if directory_start < 0:
        return None
    if entries and source.read_at(directory_start, 4) != CENTRAL_SIGNATURE:
        return None
    if shift < 0:
        raise UnscannableError("the zip's directory is misplaced", reason="broken-archive")
    if shift and entries and source.read_at(offset, 4) == CENTRAL_SIGNATURE:
        raise UnscannableError("two directories in one zip", reason="ambiguous-archive")
    return ZipEnding(
        start=start,
        entries=entries,
        directory_start=directory_start,
        directory_size=size,
        shift=shift,
        bytes_after=max(len(tail) - _END.size - comment_size, 0),
    )


def _parse_zip64(source: SourceBytes, locator: bytes, position: int) -> tuple[int, int, int]:
    _, _, offset, _ = _LOCATOR.unpack(locator)
    record = source.read_at(max(position, 0), _END_64.size)
    if len(record) < _END_64.size or record[:4] != b"PK\x06\x06":
        raise UnscannableError("a zip64 ending without its record", reason="broken-archive")
    # The locator says where the record is; Python ignores that and looks right before it.
    if offset != position and source.read_at(offset, 4) == b"PK\x06\x06":
        raise UnscannableError("two zip64 end records", reason="ambiguous-archive")
    *_, entries, size, directory_offset = _END_64.unpack(record)
    return entries, size, directory_offset


def _locate(source: SourceBytes, info: zipfile.ZipInfo) -> MemberData:
    name = info.orig_filename
    if info.flag_bits & _ENCRYPTED:
        raise UnscannableError(f"{name!a} is encrypted", reason="encrypted-member")
    raw_name = name.encode("utf-8" if info.flag_bits & _UTF8_NAME else "cp437")
    header_size = _LOCAL.size + len(raw_name)
    header = source.read_at(info.header_offset, header_size)
    if len(header) < header_size or header[:4] != LOCAL_SIGNATURE:
        raise UnscannableError(f"{name!a} has no header", reason="broken-archive")
    (_, _, flags, method, _, _, crc, compressed, size, name_size, extra_size) = _LOCAL.unpack_from(
        header
    )
    data_start = info.header_offset + _LOCAL.size + name_size + extra_size
    extra = source.read_at(info.header_offset + _LOCAL.size + name_size, extra_size)
    if _IN_ZIP64 in (compressed, size):
        size, compressed = _wide_sizes(extra, size=size, compressed=compressed)
    # A header may leave out what a descriptor after the data says.
    may_be_zero = (flags | info.flag_bits) & _SIZES_FOLLOW
    same = [
        (header[_LOCAL.size :], raw_name),
        (name_size, len(raw_name)),
        (method, info.compress_type),
        (flags & (_SIZES_FOLLOW | _ENCRYPTED), info.flag_bits & (_SIZES_FOLLOW | _ENCRYPTED)),
    ]
    for local, central in (
        (crc, info.CRC),
        (compressed, info.compress_size),
        (size, info.file_size),
    ):
        if local or not may_be_zero:
            same.append((local, central))
    if any(local != central for local, central in same):
        raise UnscannableError(
            f"{name!a}: its header and the zip's directory disagree", reason="ambiguous-member"
        )
    for field in (extra, info.extra):
        _check_unicode_name(field, raw_name, name)
    return MemberData(info=info, start=data_start)


def _extra_fields(extra: bytes) -> Iterable[tuple[int, bytes]]:
    position = 0
    while position + 4 <= len(extra):
        kind, size = struct.unpack_from("<HH", extra, position)
        yield kind, extra[position + 4 : position + 4 + size]
        position += 4 + size


def _wide_sizes(extra: bytes, *, size: int, compressed: int) -> tuple[int, int]:
    for kind, data in _extra_fields(extra):
        if kind == _ZIP64_EXTRA:
            values = iter(struct.unpack(f"<{len(data) // 8}Q", data[: len(data) // 8 * 8]))
            if size == _IN_ZIP64:
                size = next(values, size)
            if compressed == _IN_ZIP64:
                compressed = next(values, compressed)
    return size, compressed


def _check_unicode_name(extra: bytes, raw_name: bytes, name: str) -> None:
    """Python 3.13 takes a name from this extra field, older ones do not."""
    for kind, data in _extra_fields(extra):
        if kind != _UNICODE_NAME_EXTRA or len(data) <= 5:
            continue
        version, crc = struct.unpack_from("<BL", data)
        if version == 1 and crc == zlib.crc32(raw_name) and data[5:] != name.encode("utf-8"):
            raise UnscannableError(f"{name!a} has a second name", reason="ambiguous-member")


def _descriptor_size(source: SourceBytes, member: MemberData) -> int:
    """The size of the descriptor after a member's data, 0 where there is none that agrees."""
    info = member.info
    data = source.read_at(member.end, 24)
    for form in ("<LLL", "<LQQ"):
        try:
            packed = struct.pack(form, info.CRC, info.compress_size, info.file_size)
        except struct.error:
            continue
        for descriptor in (b"PK\x07\x08" + packed, packed):
            if data.startswith(descriptor):
                return len(descriptor)
    return 0


def _check_gap(source: SourceBytes, start: int, end: int, contents: Contents) -> None:
    if end < start:
        raise UnscannableError("members of the zip overlap", reason="overlapping-members")
    if end == start:
        return
    if source.read_at(start, 4) == LOCAL_SIGNATURE:
        raise UnscannableError(
            "the zip holds a member that its directory does not list", reason="hidden-member"
        )
    if start == 0:
        contents.note("bytes-before-archive", "", f"{end:,} bytes stand before the zip")
    else:
        contents.note(
            "unlisted-bytes", "", f"{end - start:,} bytes at {start:,} belong to no member"
        )
