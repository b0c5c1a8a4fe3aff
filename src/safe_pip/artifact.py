"""What arrived: a file or a folder that pip is about to use, and where it came from."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from pathlib import Path


class OriginKind(enum.Enum):
    """How an artifact reached the gate. The values are the words shown to people."""

    INDEX = "index"
    FILE = "local file"
    DIRECT_URL = "direct URL"
    VCS = "version control"
    DIRECTORY = "local directory"
    EDITABLE = "editable directory"
    EDITABLE_VCS = "editable checkout"
    WHEEL_CACHE = "pip's cache of built wheels"
    BUILT = "built from a source"
    SCANNED = "named on the command line"
    INSTALLED = "installed before"

    @property
    def word(self) -> str:
        """The word of files: ``direct-url``."""
        return self.name.lower().replace("_", "-")


@dataclass(frozen=True, slots=True, kw_only=True)
class RequirementLine:
    """Where somebody wrote down that they want something: ``file`` as pip was given it."""

    file: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FileIdentity:
    """The identity of one file's bytes on disk: what ``fstat`` said when they were read.

    A user cannot set ``ctime_ns``, so an equal identity means the bytes that were read.
    """

    device: int
    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """A file or folder to be inspected.

    ``sha256`` is the lower-case hex digest of a file, or None for a folder, whose content is
    digested while it is read. ``url`` is where it came from, without credentials. ``previous``
    is another release of the project to compare with, as untrusted as this one.
    """

    path: Path
    origin: OriginKind
    sha256: str | None = None
    url: str | None = None
    previous: Artifact | None = None
