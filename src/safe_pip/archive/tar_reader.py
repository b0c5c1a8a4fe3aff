"""Reads a tar, compressed or not: in one pass, as pip's tarfile understands it."""

from __future__ import annotations

import tarfile
import zlib
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from itertools import chain

from safe_pip.archive.compression import Compression, Trailer, decompressed
from safe_pip.archive.contents import (
    Contents,
    KeptBytes,
    broken_is_unscannable,
    is_text,
    joined,
    sha256,
)
from safe_pip.archive.limits import Meter
from safe_pip.archive.links import Link, add_links
from safe_pip.archive.member_names import parse_member_name
from safe_pip.archive.source_bytes import SourceBytes
from safe_pip.archive.tar_stream import Rereader, TarStream, is_tar_header, sparse_refusal
from safe_pip.archive.zip_ends import ZipEndWatch
from safe_pip.distribution import CHUNK_BYTES, PREFIX_BYTES, SourceFile
from safe_pip.errors import UnscannableError

# Tools differ in whether these apply to every member that follows.
_AMBIGUOUS_GLOBAL_FIELDS = frozenset({"path", "linkpath", "size"})
# A few larger members would fill what is held.
_MAX_HELD_BYTES = 4 * CHUNK_BYTES


def read_tar(source: SourceBytes, compression: Compression, meter: Meter) -> Contents:
    """The files of a tar. Text is held, compressed once it is much; large binary members are read
    again from the archive when they are asked for."""
    contents = Contents()
    trailer = Trailer()
    reader = _TarReader(
        contents=contents,
        kept=KeptBytes(meter.limits),
        meter=meter,
        rereader=Rereader(source, compression, meter.limits),
    )
    stream = _metered(decompressed(source, compression, meter.limits, trailer), source.size, meter)
    with broken_is_unscannable("the tar"), closing(TarStream(stream)) as tar:
        links = list(reader.read(tar))
        _check_rest(tar, contents, meter)
    if trailer.streams > 1:
        contents.note("appended-archive", "", f"{trailer.streams} compressed streams in one file")
    if trailer.bytes_after:
        contents.note("bytes-after-archive", "", f"{trailer.bytes_after:,} bytes follow the data")
    add_links(contents, links, meter)
    return contents


class _TarReader:
    def __init__(
        self, *, contents: Contents, kept: KeptBytes, meter: Meter, rereader: Rereader
    ) -> None:
        self._contents = contents
        self._kept = kept
        self._meter = meter
        self._rereader = rereader

    def read(self, tar: TarStream) -> Iterator[Link]:
        """Adds the regular files, and gives the links, whose targets may come later."""
        while (member := tar.next_member()) is not None:
            self._meter.count_member()
            if _AMBIGUOUS_GLOBAL_FIELDS & tar.archive.pax_headers.keys():
                raise UnscannableError(
                    "a global header renames or resizes members", reason="ambiguous-member"
                )
            name = parse_member_name(member.name, self._meter.limits)
            # All tools take a path from here for one from nowhere.
            is_respelled = name.path != member.name.removeprefix("./")
            self._contents.note_all(name.anomalies)
            is_file = _is_file(member)
            if member.size != member.fixed_size or (member.fixed_size and not is_file):
                raise UnscannableError(
                    f"{name.path!a}: its headers disagree about its size",
                    reason="ambiguous-member",
                )
            if member.issparse():
                raise sparse_refusal(name.path)
            if is_file:
                self._add_file(tar, member, name.path, is_respelled=is_respelled)
            elif member.issym() or member.islnk():
                yield Link(
                    path=name.path,
                    target=member.linkname,
                    is_hard=member.islnk(),
                    is_respelled=is_respelled,
                )
            elif not member.isdir():
                self._contents.note("device-member", name.path, "is a device or pipe")

    def _add_file(
        self, tar: TarStream, member: tarfile.TarInfo, path: str, *, is_respelled: bool
    ) -> None:
        if not path:
            raise UnscannableError("a member without a name", reason="broken-archive")
        self._meter.check_declared_size(path, member.size)
        watch = ZipEndWatch()
        stream = _watched(tar.content(member), watch)
        first = next(stream, b"")
        if member.size <= _MAX_HELD_BYTES:
            first = b"".join(chain([first], stream))
        if len(first) == member.size and self._kept.takes(first):
            load, reread = partial(_identity, first), None
        elif is_text(first):
            compressed = self._kept.compress(chain([first], stream), path=path)
            reread = partial(_inflated, compressed)
            load = partial(self._load, reread, path, member.size)
        else:
            for _ in stream:
                pass
            reread = partial(self._rereader.stream, tar.index)
            load = partial(self._load, reread, path, member.size)
        self._contents.add(
            SourceFile(
                path=path,
                size=member.size,
                is_executable=bool(member.mode & 0o111),
                load=load,
                stream=reread,
                prefix=first[:PREFIX_BYTES],
                has_zip_end=watch.has_zip_end,
                is_respelled=is_respelled,
            )
        )

    def _load(self, stream: partial[Iterator[bytes]], path: str, size: int) -> bytes:
        return joined(stream(), path=path, size=size, limits=self._meter.limits)


def _metered(stream: Iterator[bytes], compressed_size: int, meter: Meter) -> Iterator[bytes]:
    for piece in stream:
        meter.spend(len(piece))
        meter.check_ratio("the tar", size=meter.total_bytes, compressed_size=compressed_size)
        yield piece


def _watched(stream: Iterator[bytes], watch: ZipEndWatch) -> Iterator[bytes]:
    for piece in stream:
        watch.see(piece)
        yield piece


def _check_rest(tar: TarStream, contents: Contents, meter: Meter) -> None:
    """No tool that installs packages reads on after the end-of-archive mark, unless told to.

    The same members once more are noted, other ones are refused.
    """
    rest = tar.rest()
    copies = 0
    while (piece := _next_used(rest)) is not None:
        if not is_tar_header(piece[: tarfile.BLOCKSIZE]):
            contents.note("bytes-after-archive", "", "more follows the end of the tar")
            return
        copies += 1
        again = TarStream(chain([piece], rest))
        _check_copy(again, contents, meter)
        rest = again.rest()
    if copies:
        contents.note("appended-archive", "", f"the same members {copies} times more")


def _check_copy(tar: TarStream, contents: Contents, meter: Meter) -> None:
    while (member := tar.next_member()) is not None:
        meter.count_member()
        if not _is_file(member):
            continue
        path = parse_member_name(member.name, meter.limits).path
        known = contents.files.get(path)
        if (
            known is None
            or known.size != member.size
            or sha256(known.chunks()) != sha256(tar.content(member))
        ):
            raise UnscannableError(
                f"{path!a} follows the end of the tar, with other content", reason="hidden-member"
            )


def _next_used(rest: Iterator[bytes]) -> bytes | None:
    """The rest of the piece with the next block that is not all zeros, from that block on."""
    for piece in rest:
        for start in range(0, len(piece), tarfile.BLOCKSIZE):
            if piece[start : start + tarfile.BLOCKSIZE].strip(b"\0"):
                return piece[start:]
    return None


def _is_file(member: tarfile.TarInfo) -> bool:
    """Whether tarfile writes a regular file: it takes types that it does not know for such."""
    return member.isreg() or member.type not in tarfile.SUPPORTED_TYPES


def _identity(content: bytes) -> bytes:
    return content


def _inflated(compressed: bytes) -> Iterator[bytes]:
    inflater = zlib.decompressobj()
    data = compressed
    while not inflater.eof:
        if piece := inflater.decompress(data, CHUNK_BYTES):
            yield piece
        data = inflater.unconsumed_tail
