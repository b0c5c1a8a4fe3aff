"""Archives inside of a distribution: Python imports modules from a zip wherever that lies, whatever
its name, so the modules in it are read like all others."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections import deque
from collections.abc import Iterator, Set
from dataclasses import replace
from functools import partial

from safe_pip.archive import Limits
from safe_pip.archive.contents import Contents
from safe_pip.archive.source_bytes import HeldBytes
from safe_pip.archive.zip_ends import END_SIGNATURE, ZipEndWatch
from safe_pip.archive.zip_reader import inflated
from safe_pip.archive.zip_structure import (
    CENTRAL_SIGNATURE,
    LOCATOR_SIGNATURE,
    MemberData,
    find_ending,
    locate_members,
)
from safe_pip.distribution import Distribution, SourceFile
from safe_pip.errors import UnscannableError
from safe_pip.inspection.byte_code import is_byte_code

_SOURCES = (".py", ".pyw")
_COMPILED = ".pyc"
# Of an archive that cannot be held, so much is looked at for the names in its directory.
_NAMES_BYTES = 16 << 20
_MAX_MODULES = 20_000
_LOCATOR_BYTES = 20
_WIDE_BYTES = 56 + _LOCATOR_BYTES
_END_BYTES = 22
_ZIP64_SIGNATURE = b"PK\x06\x06"
_IN_ZIP64 = 0xFFFFFFFF
_BROKEN = (
    *(zipfile.BadZipFile, zlib.error, struct.error, OSError, EOFError, RuntimeError),
    *(NotImplementedError, ValueError, LookupError),
)


def with_inner_modules(distribution: Distribution, limits: Limits) -> Distribution:
    """The distribution with the modules of its inner archives as files below them.

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
    if not _has_zip_end(file):
        return
    if file.size > limits.max_loaded_bytes:
        _refuse_modules_in(file, "is too large to be read")
        return
    content = file.read()
    try:
        members = _importable(content)
    except (*_BROKEN, UnscannableError):
        # Python's import asks less of an archive than we do, and might read another one in it.
        _refuse_modules_in(file, "is no archive that every tool reads alike")
        return
    names = {member.info.orig_filename for member in members}
    for member in members:
        name = member.info.orig_filename
        source = _source(content, member, file.path, limits)
        if _hides_source(name, names) and is_byte_code(source):
            raise UnscannableError(
                f"{name!a} in {file.path!a} is run in place of its source", reason="inner-archive"
            )
        yield SourceFile(path=f"{file.path}/{name}", size=len(source), load=partial(bytes, source))


def _has_zip_end(file: SourceFile) -> bool:
    if file.has_zip_end is not None:
        return file.has_zip_end
    watch = ZipEndWatch()
    for piece in file.chunks():
        watch.see(piece)
    return watch.has_zip_end


def _importable(content: bytes) -> list[MemberData]:
    """The modules that Python could import. Raises what ``_BROKEN`` lists, or UnscannableError, for
    an archive in which another reader could see others."""
    source = HeldBytes(content)
    ending = find_ending(source)
    if ending is None:
        raise zipfile.BadZipFile
    _check_narrow_reading(content, ending.start)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        infos = archive.infolist()
    if not any(_is_module(info.orig_filename) for info in infos):
        return []
    members = locate_members(source, infos, ending, Contents())
    return [member for member in members if _is_module(member.info.orig_filename)]


def _check_narrow_reading(content: bytes, end: int) -> None:
    """Python's import knows no zip64 before 3.13, and takes the directory to be where the last
    record alone says. Since then it takes a zip64 record in the right place for one whose locator
    has no signature, which zipfile passes by."""
    has_locator = content[max(end - _LOCATOR_BYTES, 0) : end].startswith(LOCATOR_SIGNATURE)
    if not has_locator and content[max(end - _WIDE_BYTES, 0) : end].startswith(_ZIP64_SIGNATURE):
        raise zipfile.BadZipFile
    if has_locator:
        (size,) = struct.unpack_from("<L", content, end + 12)
        if size <= end and content.startswith(CENTRAL_SIGNATURE, end - size):
            raise zipfile.BadZipFile


def _is_module(name: str) -> bool:
    lower = name.lower()
    if lower.endswith(_SOURCES):
        return True
    # What Python caches has a dot in its stem, which no name of a module has.
    stem = lower.removesuffix(_COMPILED).rpartition("/")[2]
    return lower.endswith(_COMPILED) and ("__pycache__/" not in lower or "." not in stem)


def _hides_source(name: str, names: Set[str]) -> bool:
    """In an archive Python takes a compiled module before its source, if the two fit or the
    compiled one says that nobody needs to look."""
    return name.endswith(_COMPILED) and name[:-1] in names


def _refuse_modules_in(file: SourceFile, why: str) -> None:
    """Of what cannot be held or read, such as a model's weights, the last part has the names."""
    pieces: deque[bytes] = deque()
    n_bytes = 0
    for piece in file.chunks():
        pieces.append(piece)
        n_bytes += len(piece)
        while n_bytes - len(pieces[0]) >= _NAMES_BYTES:
            n_bytes -= len(pieces.popleft())
    tail = b"".join(pieces)
    is_whole = n_bytes >= file.size
    sizes = list(_directory_sizes(tail))
    is_beyond = not is_whole and any(size > record for record, size in sizes)
    # Programs that unpack archives hold these signatures too, but no directory before them.
    has_directory = any(
        size == _IN_ZIP64 or tail.startswith(CENTRAL_SIGNATURE, record - size)
        for record, size in sizes
        if size <= record or size == _IN_ZIP64
    )
    # The suffixes of modules all begin alike.
    if is_beyond or (has_directory and b".py" in tail.lower()):
        raise UnscannableError(f"{file.path!a} holds modules and {why}", reason="inner-archive")


def _directory_sizes(tail: bytes) -> Iterator[tuple[int, int]]:
    """Where each record of an archive's end begins, and how long it says that the directory before
    it is."""
    is_zip64 = LOCATOR_SIGNATURE in tail or _ZIP64_SIGNATURE in tail
    record = tail.find(END_SIGNATURE)
    while 0 <= record <= len(tail) - _END_BYTES:
        (size,) = struct.unpack_from("<L", tail, record + 12)
        yield record, _IN_ZIP64 if is_zip64 else size
        record = tail.find(END_SIGNATURE, record + 1)


def _source(content: bytes, member: MemberData, path: str, limits: Limits) -> bytes:
    """Raises UnscannableError for one that is damaged, which Python might run all the same."""
    name = member.info.orig_filename
    if member.info.file_size > limits.max_metadata_bytes:
        raise UnscannableError(f"{name!a} in {path!a} is too large", reason="inner-archive")
    try:
        return b"".join(inflated(HeldBytes(content), member))
    except UnscannableError as error:
        raise UnscannableError(
            f"{name!a} in {path!a} cannot be read", reason="inner-archive"
        ) from error
