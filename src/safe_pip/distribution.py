"""What is inside an artifact: its files and metadata, in memory, never run."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from packaging.utils import NormalizedName

AnomalyKind = Literal[
    "absolute-path",
    "appended-archive",
    "backslash-in-name",
    "bytes-after-archive",
    "bytes-before-archive",
    "case-collision",
    "device-member",
    "drive-path",
    "duplicate-member",
    "encrypted-member",
    "link-member",
    "link-outside-root",
    "misnamed-format",
    "name-mismatch",
    "nul-in-name",
    "parent-path",
    "record-mismatch",
    "several-roots",
    "undecodable-name",
    "unlisted-bytes",
]

CHUNK_BYTES = 1024 * 1024
PREFIX_BYTES = 64


class DistributionKind(enum.Enum):
    WHEEL = "wheel"
    SDIST = "sdist"
    DIRECTORY = "directory"


@dataclass(frozen=True, slots=True, kw_only=True)
class Anomaly:
    """Something two readers of the archive could understand differently."""

    kind: AnomalyKind
    path: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFile:
    """One regular file of a distribution.

    ``path`` is POSIX and relative; the top folder of an sdist is stripped. ``size`` is in bytes.
    ``load`` gives the whole content (hostile) and may raise UnscannableError, among others for a
    file that is too large to be held as one object (see ``Limits.max_loaded_bytes``). Such a file
    can still be looked at from end to end, through ``stream``: pieces of at most CHUNK_BYTES.
    ``prefix`` is as many of the first bytes as are known without inflating; ``has_zip_end`` is None
    where nobody has looked yet. ``is_respelled`` is that its archive names it otherwise, so that
    another tool may write it elsewhere: it is no proof that something lies at its path.
    """

    path: str
    size: int
    is_executable: bool = False
    load: Callable[[], bytes] = field(repr=False, compare=False)
    stream: Callable[[], Iterator[bytes]] | None = field(default=None, repr=False, compare=False)
    prefix: bytes = field(default=b"", repr=False, compare=False)
    has_zip_end: bool | None = field(default=None, repr=False, compare=False)
    is_respelled: bool = field(default=False, repr=False, compare=False)

    def read(self) -> bytes:
        return self.load()

    def chunks(self) -> Iterator[bytes]:
        """The content in order, in non-empty pieces; for what need not be held whole."""
        if self.stream is not None:
            yield from self.stream()
        elif content := self.load():
            yield content

    def head(self, length: int) -> bytes:
        """The first bytes, at most ``length``; inflates no more of a large file than it must."""
        if len(self.prefix) >= min(length, self.size):
            return self.prefix[:length]
        pieces = bytearray()
        for piece in self.chunks():
            pieces += piece[: length - len(pieces)]
            if len(pieces) >= length:
                break
        return bytes(pieces)


@dataclass(frozen=True, kw_only=True)
class Distribution:
    """A wheel, an sdist or a folder, opened.

    ``headers`` maps a lower-case core-metadata field to its values in order; ``description`` is
    the long description. Both are empty when the metadata is missing. ``sha256`` is the digest of
    the archive, or of the sorted (path, content digest) list of a folder. ``project`` and
    ``version`` come from metadata, else from the file name, else are None.
    """

    kind: DistributionKind
    sha256: str
    filename: str
    project: NormalizedName | None
    version: str | None
    headers: Mapping[str, tuple[str, ...]]
    description: str
    files: tuple[SourceFile, ...]
    anomalies: tuple[Anomaly, ...] = ()

    @cached_property
    def by_path(self) -> Mapping[str, SourceFile]:
        return {file.path: file for file in self.files}

    @cached_property
    def certain_paths(self) -> Set[str]:
        """The paths at which every tool that unpacks it has a file."""
        return {file.path for file in self.files if not file.is_respelled}

    def python_files(self) -> Iterator[SourceFile]:
        return (file for file in self.files if file.path.endswith((".py", ".pyw")))

    def header(self, name: str) -> str:
        """The first value of a core-metadata field, or the empty string."""
        return next(iter(self.headers.get(name.lower(), ())), "")
