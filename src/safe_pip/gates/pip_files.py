"""Files in the child: identity, digest, format, and removal from pip's cache.

Child side: standard library only, Python 3.8 and newer.
"""

# pip's paths are text, and so are ours on its side.
# ruff: noqa: PTH107, PTH113, PTH116, PTH118, PTH119, PTH120, PTH123, PTH208
from __future__ import annotations

import contextlib
import hashlib
import os
import tarfile
import zipfile

CHUNK_BYTES = 1024 * 1024


def real(path: str) -> str:
    return os.path.realpath(path)


def identity(path: str) -> list[int]:
    status = os.stat(path)
    return [
        status.st_dev,
        status.st_ino,
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
    ]


def digest(path: str) -> str:
    sha256 = hashlib.sha256()
    with open(path, "rb") as file:
        for chunk in iter(lambda: file.read(CHUNK_BYTES), b""):
            sha256.update(chunk)
    return sha256.hexdigest()


def digests(folder: str) -> dict[str, str]:
    """Of every regular file below a folder."""
    found = {}
    for parent, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(parent, name)
            if os.path.isfile(path):
                found[path] = digest(path)
    return found


def possible_formats(path: str, content_type: str | None) -> set[str]:
    """The formats that some version of pip would take the archive for.

    pip 25 asks for a zip directory anywhere near the end first, 26 for the server's word and the
    name, so that one file can hold two different projects.
    """
    name = os.path.basename(path).lower()
    formats = set()
    if content_type == "application/zip" or name.endswith((".zip", ".whl")):
        formats.add("zip")
    if name.endswith((".tar.gz", ".tgz", ".tar", ".tar.bz2", ".tbz", ".tar.xz", ".txz", ".tlz")):
        formats.add("tar")
    if _has_zip_directory(path):
        formats.add("zip")
    if tarfile.is_tarfile(path):
        formats.add("tar")
    return formats


def _has_zip_directory(path: str) -> bool:
    """Stricter than is_zipfile, to which four bytes near the end of the file are enough."""
    try:
        with zipfile.ZipFile(path) as archive:
            return bool(archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return False


def remove_built_wheel(path: str) -> None:
    """A refused wheel must not stay in pip's cache, where plain pip would take it from."""
    with contextlib.suppress(OSError):
        os.remove(path)
    folder = os.path.dirname(path)
    with contextlib.suppress(OSError):
        # One record of origin serves all the wheels built from one source.
        if not any(name.endswith(".whl") for name in os.listdir(folder)):
            os.remove(os.path.join(folder, "origin.json"))
