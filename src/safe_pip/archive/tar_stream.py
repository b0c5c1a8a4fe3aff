"""A tar's members in order, read by tarfile with checks of what tools read differently."""

from __future__ import annotations

import io
import tarfile
import threading
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, cast

from safe_pip.archive.compression import Compression, Trailer, decompressed
from safe_pip.archive.contents import broken_is_unscannable
from safe_pip.archive.limits import Limits
from safe_pip.archive.source_bytes import SourceBytes
from safe_pip.distribution import CHUNK_BYTES
from safe_pip.errors import UnscannableError

if TYPE_CHECKING:
    from typing_extensions import Self

# tarfile reads a long name or PAX header whole and matches regular expressions on it that were
# slow for long ones (CVE-2024-6232). Real ones are under 10 kB.
_MAX_HEADER_BYTES = 65_536
_HEADER_TYPES = (
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
)
# tarfile copies its buffer at each header, so a large one is slow.
_BUFFER_BYTES = 32_768
_MAX_REMEMBERED_BYTES = 4 * CHUNK_BYTES


class CheckedHeader(tarfile.TarInfo):
    """A header that remembers the size in its fixed part.

    PAX may state another size. Tools that take one and tools that take the other see different
    members from there on (CVE-2025-62518).
    """

    fixed_size = 0

    @classmethod
    def fromtarfile(cls, archive: tarfile.TarFile) -> Self:
        try:
            return super().fromtarfile(archive)
        except tarfile.InvalidHeaderError as error:  # type: ignore[attr-defined]
            # tarfile takes this for the end, others skip to the next header and go on.
            raise UnscannableError(
                f"a damaged tar header: {error}", reason="broken-archive"
            ) from error

    def _proc_member(self, archive: tarfile.TarFile) -> tarfile.TarInfo:
        # tarfile names this method as the one to override to handle member types.
        self.fixed_size = self.size
        if self.size < 0:
            raise tarfile.HeaderError(f"a member of {self.size} bytes")
        if self.type in _HEADER_TYPES and self.size > _MAX_HEADER_BYTES:
            raise UnscannableError(
                f"a tar header of {self.size:,} bytes", reason="tar-header-too-large"
            )
        if self.type == tarfile.GNUTYPE_SPARSE:
            raise sparse_refusal(self.name)
        member: tarfile.TarInfo = super()._proc_member(archive)  # type: ignore[misc]
        return member


class _PieceReader(io.RawIOBase):
    """A file object over pieces of bytes, as tarfile wants one."""

    def __init__(self, stream: Iterator[bytes]) -> None:
        super().__init__()
        self._pieces = stream
        self._piece = b""
        self._position = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        if self._position >= len(self._piece):
            self._piece = next(self._pieces, b"")
            self._position = 0
        data = self._piece[self._position : self._position + len(buffer)]
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)


class TarStream:
    """The members of a tar in order. Content is read between one member and the next."""

    def __init__(self, stream: Iterator[bytes]) -> None:
        self.index = -1
        self.archive = tarfile.open(  # noqa: SIM115 (closed by close)
            mode="r|",
            fileobj=cast(IO[bytes], _PieceReader(stream)),
            bufsize=_BUFFER_BYTES,
            tarinfo=CheckedHeader,
            encoding="utf-8",
        )

    def next_member(self) -> CheckedHeader | None:
        member = self.archive.next()
        # tarfile remembers every member, about 2 kB each.
        self.archive.members.clear()  # type: ignore[attr-defined]
        self.index += 1
        assert member is None or isinstance(member, CheckedHeader)
        return member

    def content(self, member: tarfile.TarInfo) -> Iterator[bytes]:
        file = self.archive.extractfile(member)
        assert file is not None
        while piece := file.read(CHUNK_BYTES):
            yield piece

    def rest(self) -> Iterator[bytes]:
        """What follows the end-of-archive mark, in pieces that start at a block."""
        while piece := self.archive.fileobj.read(_BUFFER_BYTES):
            yield piece

    def close(self) -> None:
        self.archive.close()


class Rereader:
    """Content that is not held, read again from the archive.

    Members asked for in archive order cost one pass in all; going back costs a new pass. The
    last one is remembered, unless it is large.
    """

    def __init__(self, source: SourceBytes, compression: Compression, limits: Limits) -> None:
        self._source = source
        self._compression = compression
        self._limits = limits
        self._idle: TarStream | None = None
        self._last: tuple[int, bytes] = (-1, b"")
        self._lock = threading.Lock()

    def stream(self, index: int) -> Iterator[bytes]:
        known, content = self._last
        if known == index:
            yield from _cut(content)
            return
        with broken_is_unscannable("the tar"):
            tar = self._take(index)
            member = tar.next_member()
            while member is not None and tar.index < index:
                member = tar.next_member()
            if member is None:
                raise UnscannableError("the archive changed", reason="broken-archive")
            try:
                if member.size <= _MAX_REMEMBERED_BYTES:
                    content = b"".join(tar.content(member))
                    self._last = (index, content)
                    yield from _cut(content)
                else:
                    yield from tar.content(member)
            finally:
                with self._lock:
                    self._idle = tar

    def _take(self, index: int) -> TarStream:
        with self._lock:
            tar, self._idle = self._idle, None
        if tar is not None and tar.index < index:
            return tar
        return TarStream(decompressed(self._source, self._compression, self._limits, Trailer()))


def _cut(content: bytes) -> Iterator[bytes]:
    return (content[at : at + CHUNK_BYTES] for at in range(0, len(content), CHUNK_BYTES))


def is_tar_header(block: bytes) -> bool:
    """Whether 512 bytes are a tar header with a right checksum."""
    try:
        tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except (tarfile.HeaderError, ValueError):
        return False
    return True


def sparse_refusal(path: str) -> UnscannableError:
    return UnscannableError(f"{path!a} is a sparse file", reason="sparse-member")
