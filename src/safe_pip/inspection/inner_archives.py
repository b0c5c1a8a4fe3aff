"""Archives inside of a distribution: Python imports modules from a zip wherever that lies, whatever
its name, so the modules in it are read like all others."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from safe_pip.archive import Limits
from safe_pip.distribution import Distribution, SourceFile
from safe_pip.errors import UnscannableError
from safe_pip.inspection.byte_code import is_unread_module

_SOURCES = (".py", ".pyw")
_FIRST_BYTES = b"PK\x03\x04"
_LAST_RECORD = b"PK\x05\x06"
# zipimport looks this far back for the record: the longest comment, and the record itself.
_TAIL_BYTES = (1 << 16) + 22
# What does not begin like a zip may be one all the same; so much of it is read to find out.
_MAX_DISGUISED_BYTES = 4 << 20
_NAMES_BYTES = 1 << 20
_MAX_MODULES = 20_000
_BROKEN = (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError, NotImplementedError)


def with_inner_modules(distribution: Distribution, limits: Limits) -> Distribution:
    """The distribution with the sources of its inner archives as files below them.

    Raises UnscannableError for modules that cannot be read, or are too many.
    """
    found: list[SourceFile] = []
    total_bytes = 0
    for file in distribution.files:
        for module in _modules(file, limits):
            if module.path in distribution.by_path:
                raise UnscannableError(f"two files are {module.path!a}", reason="inner-archive")
            found.append(module)
            total_bytes += module.size
            if len(found) > _MAX_MODULES or total_bytes > limits.max_kept_text_bytes:
                raise UnscannableError(
                    f"{file.path!a} holds more modules than can be read", reason="inner-archive"
                )
    return replace(distribution, files=(*distribution.files, *found)) if found else distribution


def _modules(file: SourceFile, limits: Limits) -> Iterator[SourceFile]:
    is_zip = file.head(4) == _FIRST_BYTES
    if not is_zip and not 22 <= file.size <= _MAX_DISGUISED_BYTES:
        return
    if file.size > limits.max_loaded_bytes:
        _refuse_modules_in(file, "is too large to be read")
        return
    content = file.read()
    if _LAST_RECORD not in content[-_TAIL_BYTES:]:
        return
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except (*_BROKEN, ValueError):
        # Python's import asks less of an archive than zipfile does.
        _refuse_modules_in(file, "is no archive that can be read")
        return
    with archive:
        names = set(archive.namelist())
        for member in archive.infolist():
            if is_unread_module(member.filename, names):
                raise UnscannableError(
                    f"{member.filename!a} in {file.path!a} is a compiled module without its source",
                    reason="inner-archive",
                )
            if member.filename.lower().endswith(_SOURCES):
                source = _source(archive, member, file.path, limits)
                yield SourceFile(
                    path=f"{file.path}/{member.filename}",
                    size=len(source),
                    load=partial(bytes, source),
                )


def _refuse_modules_in(file: SourceFile, why: str) -> None:
    """Of what cannot be held or read, such as a model's weights, the last part has the names."""
    tail = b""
    for piece in file.chunks():
        tail = (tail + piece)[-_NAMES_BYTES:]
    if any(suffix.encode() in tail.lower() for suffix in _SOURCES):
        raise UnscannableError(f"{file.path!a} holds modules and {why}", reason="inner-archive")


def _source(archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: str, limits: Limits) -> bytes:
    """Raises UnscannableError: Python asks less of an archive than we do, and might read it."""
    try:
        with archive.open(member) as stream:
            source = stream.read(limits.max_metadata_bytes + 1)
    except _BROKEN as error:
        raise UnscannableError(
            f"{member.filename!a} in {path!a} cannot be read", reason="inner-archive"
        ) from error
    if len(source) > limits.max_metadata_bytes:
        raise UnscannableError(
            f"{member.filename!a} in {path!a} is too large", reason="inner-archive"
        )
    return source
