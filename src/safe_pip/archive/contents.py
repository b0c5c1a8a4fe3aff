"""What a reader found: files by path, and what tools could understand differently."""

from __future__ import annotations

import hashlib
import lzma
import struct
import tarfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from safe_pip.archive.limits import Limits
from safe_pip.archive.member_names import collision_key
from safe_pip.distribution import Anomaly, AnomalyKind, SourceFile
from safe_pip.errors import UnscannableError

# Enough for any report. A hostile archive could make one anomaly a member: where so many of a kind
# are told, there may be more.
MAX_ANOMALIES_OF_A_KIND = 50
_TEXT_PROBE_BYTES = 8_192

# All that the standard library's readers are known to raise on damaged input, besides their own
# errors: they are not written for hostile bytes, and promise nothing.
_READER_ERRORS = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    ArithmeticError,
    EOFError,
    LookupError,
    MemoryError,
    NotImplementedError,
    OSError,
    RecursionError,
    ValueError,
)


@contextmanager
def broken_is_unscannable(what: str) -> Iterator[None]:
    """Turns what a standard-library reader raises on damaged bytes into UnscannableError."""
    try:
        yield
    except _READER_ERRORS as error:
        raise UnscannableError(
            f"{what} cannot be read: {type(error).__name__}: {error}", reason="broken-archive"
        ) from error


@dataclass(slots=True)
class Contents:
    """Files in archive order. A path is there once; what disagrees about it is refused.

    ``respelled`` are the paths of members, folders too, that the archive spells otherwise.
    """

    files: dict[str, SourceFile] = field(default_factory=dict)
    sha256_by_path: dict[str, bytes] = field(default_factory=dict)
    anomalies: list[Anomaly] = field(default_factory=list)
    respelled: set[str] = field(default_factory=set)
    _first_of_key: dict[str, str] = field(default_factory=dict)
    _noted: Counter[AnomalyKind] = field(default_factory=Counter)

    def add(self, file: SourceFile) -> None:
        """Raises UnscannableError for a second file of the same path with other content."""
        known = self.files.get(file.path)
        if known is not None:
            if not _are_equal(known, file):
                raise UnscannableError(
                    f"{file.path!a} is there twice with different content",
                    reason="ambiguous-member",
                )
            self.note("duplicate-member", file.path, "is there twice, with the same content")
            return
        self.files[file.path] = file
        first = self._first_of_key.setdefault(collision_key(file.path), file.path)
        if first != file.path:
            self.note("case-collision", file.path, f"differs from {first!a} only in case or form")

    def note_files_that_are_folders(self) -> None:
        """``setup.py`` beside ``setup.py/evil.py``: which of them is written, tools differ in."""
        for path in self.files:
            end = path.rfind("/")
            while end > 0:
                if path[:end] in self.files:
                    self.note("duplicate-member", path[:end], "is a file and a folder")
                end = path.rfind("/", 0, end)

    def note(self, kind: AnomalyKind, path: str, detail: str) -> None:
        self.note_all([Anomaly(kind=kind, path=path, detail=detail)])

    def note_all(self, anomalies: Iterable[Anomaly]) -> None:
        for anomaly in anomalies:
            self._noted[anomaly.kind] += 1
            if self._noted[anomaly.kind] <= MAX_ANOMALIES_OF_A_KIND:
                self.anomalies.append(anomaly)


@dataclass(slots=True)
class KeptBytes:
    """How much inflated content is held so that it need not be inflated again."""

    limits: Limits
    text_bytes: int = 0
    binary_bytes: int = 0
    compressed_bytes: int = 0

    def takes(self, content: bytes) -> bool:
        """Whether this content is to be held as it is; it is, while there is room."""
        if is_text(content):
            fits = self.text_bytes + len(content) <= self.limits.max_kept_text_bytes
            self.text_bytes += len(content) * fits
        else:
            fits = self.binary_bytes + len(content) <= self.limits.max_kept_binary_bytes
            self.binary_bytes += len(content) * fits
        return fits

    def compress(self, stream: Iterable[bytes], *, path: str) -> bytes:
        """A text's content, compressed; UnscannableError when there is no room for it."""
        compressor = zlib.compressobj(1)
        compressed = bytearray()
        for piece in stream:
            compressed += compressor.compress(piece)
            self._check_room(len(compressed), path)
        compressed += compressor.flush()
        self._check_room(len(compressed), path)
        self.compressed_bytes += len(compressed)
        return bytes(compressed)

    def _check_room(self, size: int, path: str) -> None:
        if self.compressed_bytes + size > self.limits.max_kept_compressed_bytes:
            raise UnscannableError(f"too much text, up to {path!a}", reason="too-much-text")


def is_text(content: bytes) -> bool:
    return b"\0" not in content[:_TEXT_PROBE_BYTES]


def joined(stream: Iterable[bytes], *, path: str, size: int, limits: Limits) -> bytes:
    """A member's whole content; refused when it is too large for one object."""
    if size > limits.max_loaded_bytes:
        raise UnscannableError(
            f"{path!a}: {size:,} bytes are too many to be read as one text",
            reason="file-too-large",
        )
    return b"".join(stream)


def sha256(stream: Iterable[bytes]) -> bytes:
    digest = hashlib.sha256()
    for piece in stream:
        digest.update(piece)
    return digest.digest()


def _are_equal(one: SourceFile, other: SourceFile) -> bool:
    return one.size == other.size and sha256(one.chunks()) == sha256(other.chunks())
