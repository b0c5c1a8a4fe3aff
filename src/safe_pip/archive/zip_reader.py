"""Reads a zip: every member is inflated and checked once, and again when it is asked for."""

from __future__ import annotations

import hashlib
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from safe_pip.archive.contents import Contents, KeptBytes, broken_is_unscannable, joined
from safe_pip.archive.limits import Limits, Meter
from safe_pip.archive.member_names import parse_member_name
from safe_pip.archive.source_bytes import SourceBytes, SourceReader, pieces
from safe_pip.archive.zip_ends import ZipEndWatch
from safe_pip.archive.zip_structure import (
    MemberData,
    ZipEnding,
    check_directory,
    locate_members,
)
from safe_pip.distribution import CHUNK_BYTES, PREFIX_BYTES, SourceFile
from safe_pip.errors import UnscannableError

_RAW_DEFLATE = -zlib.MAX_WBITS


@dataclass(frozen=True, slots=True, kw_only=True)
class _FirstPass:
    """``content`` is None for what is too large to be held."""

    content: bytes | None
    prefix: bytes
    sha256: bytes
    has_zip_end: bool


def read_zip(source: SourceBytes, ending: ZipEnding, meter: Meter) -> Contents:
    """The files of a zip. Text is kept while there is room; the rest is inflated on demand.

    The first pass finds damage and lies (checksum, size) in members that nobody would ask for,
    and takes the digests that a wheel's RECORD is compared with.
    """
    contents = Contents()
    check_directory(source, ending, meter.limits)
    with broken_is_unscannable("the zip"):
        archive = zipfile.ZipFile(SourceReader(source))
        members = locate_members(source, archive.infolist(), ending, contents)
    kept = KeptBytes(meter.limits)
    for member in members:
        meter.count_member()
        _add_member(source, member, contents, kept=kept, meter=meter)
    return contents


def _add_member(
    source: SourceBytes, member: MemberData, contents: Contents, *, kept: KeptBytes, meter: Meter
) -> None:
    info = member.info
    name = parse_member_name(info.orig_filename, meter.limits)
    contents.note_all(name.anomalies)
    if name.is_respelled:
        contents.respelled.add(name.path)
    # zipfile, and pip with it, takes the name to end at a NUL.
    if info.orig_filename.endswith("/") and info.filename.endswith("/"):
        if info.file_size:
            contents.note("unlisted-bytes", name.path, "a folder with content")
        return
    if not name.path:
        raise UnscannableError("a member without a name", reason="broken-archive")
    mode = info.external_attr >> 16
    if stat.S_ISLNK(mode):
        contents.note("link-member", name.path, "is a symbolic link")
    elif stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        contents.note("device-member", name.path, "is a special file")
    meter.check_declared_size(name.path, info.file_size)
    meter.check_ratio(name.path, size=info.file_size, compressed_size=info.compress_size)
    stream = partial(inflated, source, member)
    first = _first_pass(stream, info.file_size, meter)
    load: Callable[[], bytes]
    if first.content is not None and kept.takes(first.content):
        load = partial(_identity, first.content)
    else:
        load = partial(_load, source, member, name.path, meter.limits)
    contents.add(
        SourceFile(
            path=name.path,
            size=info.file_size,
            is_executable=stat.S_ISREG(mode) and bool(mode & 0o111),
            load=load,
            stream=stream,
            prefix=first.prefix,
            has_zip_end=first.has_zip_end,
            is_respelled=name.is_respelled,
        )
    )
    contents.sha256_by_path[name.path] = first.sha256


def _first_pass(stream: Callable[[], Iterator[bytes]], size: int, meter: Meter) -> _FirstPass:
    digest, watch = hashlib.sha256(), ZipEndWatch()
    content = b"" if size == 0 else None
    prefix = b""
    for piece in stream():
        meter.spend(len(piece))
        digest.update(piece)
        watch.see(piece)
        prefix = prefix or piece[:PREFIX_BYTES]
        content = piece if len(piece) == size else None
    return _FirstPass(
        content=content,
        prefix=prefix,
        sha256=digest.digest(),
        has_zip_end=watch.has_zip_end,
    )


def _identity(content: bytes) -> bytes:
    return content


def _load(source: SourceBytes, member: MemberData, path: str, limits: Limits) -> bytes:
    return joined(inflated(source, member), path=path, size=member.info.file_size, limits=limits)


def inflated(source: SourceBytes, member: MemberData) -> Iterator[bytes]:
    """A member's content in pieces; its size and checksum hold, or UnscannableError."""
    info = member.info
    match info.compress_type:
        case zipfile.ZIP_STORED:
            stream = pieces(source, member.start, info.compress_size)
        case zipfile.ZIP_DEFLATED:
            stream = _deflated(source, member)
        case method:
            # Neither pip nor any build back end writes others, and PyPI refuses them in wheels.
            raise UnscannableError(
                f"{info.orig_filename!a} is compressed by method {method}",
                reason="compression-method",
            )
    crc = size = 0
    with broken_is_unscannable(repr(info.orig_filename)):
        for piece in stream:
            size += len(piece)
            crc = zlib.crc32(piece, crc)
            if size > info.file_size:
                break
            yield piece
    if size != info.file_size or crc != info.CRC:
        raise UnscannableError(
            f"{info.orig_filename!a}: size or checksum is wrong", reason="broken-archive"
        )


def _deflated(source: SourceBytes, member: MemberData) -> Iterator[bytes]:
    inflater = zlib.decompressobj(_RAW_DEFLATE)
    for piece in pieces(source, member.start, member.info.compress_size):
        while piece and not inflater.eof:
            if content := inflater.decompress(piece, CHUNK_BYTES):
                yield content
            piece = inflater.unconsumed_tail
    while not inflater.eof and (content := inflater.decompress(b"", CHUNK_BYTES)):
        yield content
    if not inflater.eof or inflater.unused_data:
        raise UnscannableError(
            f"{member.info.orig_filename!a}: its data end early or late", reason="broken-archive"
        )
