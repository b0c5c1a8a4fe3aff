"""Fingerprints: which bytes a file held, and whether it still holds them."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from safe_pip.artifact import FileIdentity
from safe_pip.errors import UnscannableError

_CHUNK_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """A digest and the identity that the file had before and after it was read."""

    identity: FileIdentity
    sha256: str


def take_fingerprint(path: Path) -> Fingerprint:
    """Reads the whole file. Raises UnscannableError if it is not a regular file, cannot be read,
    or changes meanwhile."""
    # A named pipe would keep us waiting for ever without O_NONBLOCK.
    flags = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        with open(path, "rb", opener=lambda name, _: os.open(name, flags)) as file:
            before = os.fstat(file.fileno())
            if not stat.S_ISREG(before.st_mode):
                raise UnscannableError(f"{path.name} is not a regular file", reason="not-a-file")
            digest = hashlib.sha256()
            while chunk := file.read(_CHUNK_BYTES):
                digest.update(chunk)
            after = os.fstat(file.fileno())
    except OSError as error:
        raise UnscannableError(
            f"{path.name} cannot be read: {error.strerror}", reason="unreadable"
        ) from error
    if identity_of(before) != identity_of(after):
        raise UnscannableError(f"{path.name} changed while it was read", reason="changing")
    return Fingerprint(identity=identity_of(before), sha256=digest.hexdigest())


def holds_still(path: Path, fingerprint: Fingerprint) -> bool:
    """Whether the file under that name is the one the fingerprint was taken of, unchanged."""
    try:
        return identity_of(path.stat()) == fingerprint.identity
    except OSError:
        return False


def identity_of(status: os.stat_result) -> FileIdentity:
    return FileIdentity(
        device=status.st_dev,
        inode=status.st_ino,
        size=status.st_size,
        mtime_ns=status.st_mtime_ns,
        ctime_ns=status.st_ctime_ns,
    )
