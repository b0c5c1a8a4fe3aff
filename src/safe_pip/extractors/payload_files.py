"""Files that carry something other than what their name says."""

from __future__ import annotations

import bz2
import io
import lzma
import math
import re
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator

import numpy as np

from safe_pip.distribution import Distribution, SourceFile
from safe_pip.evidence import MAX_EXCERPT_CHARS, Evidence, Location
from safe_pip.extractors.file_kinds import HEAD_BYTES, FileKind, file_kind, suffix_of
from safe_pip.extractors.late_regex import late_regex
from safe_pip.feature import Feature, Fold, Group

FEATURES = (
    Feature(
        name="magic_ext_mismatch",
        group=Group.FILE,
        fold=Fold.ANY,
        is_monotone=True,
        reason="hiding itself is the signal",
        says="hides a program, an archive or code under the name of something else",
    ),
    Feature(
        name="pyc_without_py",
        group=Group.FILE,
        fold=Fold.ANY,
        is_monotone=True,
        reason="the source was withheld",
        says="ships compiled Python without its source",
    ),
    Feature(
        name="nested_archive_code",
        group=Group.FILE,
        fold=Fold.ANY,
        is_monotone=True,
        reason="an archive in the archive evades scanners that do not look into it",
        says="holds an inner archive with code in it",
    ),
    Feature(
        name="opaque_blob",
        group=Group.FILE,
        fold=Fold.MAX,
        is_monotone=True,
        clip=math.log1p(256),
        reason="an encrypted stage has the entropy of noise; the value is log1p of its kB",
        says="carries data that look encrypted",
    ),
)

# Names that promise a picture, a sound or a text.
_MEDIA = "png jpg jpeg gif bmp ico svg webp wav mp3 ogg mp4 avi woff woff2 ttf pdf"
_TEXTS = "txt md rst json csv tsv xml html htm css cfg ini toml yml yaml log po lock"
_MEDIA_SUFFIXES = frozenset(f".{word}" for word in _MEDIA.split())
_DISGUISE_SUFFIXES = _MEDIA_SUFFIXES | {f".{word}" for word in _TEXTS.split()}
_CODE_NAME = late_regex(r"\.(?:py|pyw|pyc|pyd|so|dll|exe|sh|bat|ps1|vbs|js|dylib)$", re.IGNORECASE)
_CODE_TEXT = late_regex(
    rb"(?m)^(?:#!|import \w|from \w[\w.]* import |exec\(|eval\(|def \w+\(|class \w+|\w+ ?= ?lambda)"
)
_ZIP_END = b"PK\x05\x06"
_ZIP_END_BYTES = 22 + 0xFFFF
_MAX_PICTURE_BYTES = 16 * 1024 * 1024
_MAX_NESTED_BYTES = 64 * 1024 * 1024
_MAX_NESTED_ENTRIES = 100_000
_XZ_MEMORY_BYTES = 128 * 1024 * 1024
_NESTED_PREFIX_BYTES = 4 * 1024 * 1024
_MIN_BLOB_BYTES = 1_024
_BLOB_SAMPLE_BYTES = 16 * 1024 * 1024
_BLOB_ENTROPY_BITS = 7.5


def observe(distribution: Distribution) -> Iterator[Evidence]:
    """Evidence about what files are by their content.

    Raises UnscannableError when a member cannot be read.
    """
    paths = {file.path for file in distribution.files}
    for file in distribution.files:
        kind = file_kind(file)
        yield from _observe_disguise(file, kind)
        if kind in (FileKind.ZIP, FileKind.COMPRESSED):
            yield from _observe_nested(file, kind)
        elif kind is FileKind.UNKNOWN:
            yield from _observe_blob(file)
        if file.path.endswith(".pyc"):
            yield from _observe_bytecode(file, paths)


def _observe_disguise(file: SourceFile, kind: FileKind) -> Iterator[Evidence]:
    suffix = suffix_of(file.path)
    if suffix not in _DISGUISE_SUFFIXES:
        return
    if kind.is_native or kind in (FileKind.ZIP, FileKind.BYTECODE):
        yield _seen("magic_ext_mismatch", file, f"is {kind.value} under the name of a {suffix}")
    elif kind is FileKind.TEXT and suffix in _MEDIA_SUFFIXES - {".svg", ".pdf"}:
        head = file.head(HEAD_BYTES)
        if match := _CODE_TEXT.search(head):
            line = head.count(b"\n", 0, match.start()) + 1
            excerpt = head[match.start() :].split(b"\n", 1)[0].decode("utf-8", "replace")
            yield Evidence(
                feature="magic_ext_mismatch",
                location=Location(path=file.path, line=line),
                excerpt=excerpt[:MAX_EXCERPT_CHARS],
                detail=f"is code under the name of a {suffix}",
            )
    elif kind is FileKind.KNOWN and file.size <= _MAX_PICTURE_BYTES:
        # Python imports from a zip that follows a picture as from any other.
        data = file.read()
        if data.rfind(_ZIP_END, -_ZIP_END_BYTES) >= 0 and _first_code(_zip_names(data)):
            yield _seen("magic_ext_mismatch", file, f"has a zip with code behind a {suffix}")


def _observe_bytecode(file: SourceFile, paths: set[str]) -> Iterator[Evidence]:
    """In ``__pycache__`` a module without its source is never imported; beside it, it is."""
    folder, _, name = file.path.rpartition("/")
    if folder.rpartition("/")[2] != "__pycache__" and f"{file.path[:-1]}" not in paths:
        yield _seen("pyc_without_py", file, f"{name} is imported, and its source is not here")


def _observe_nested(file: SourceFile, kind: FileKind) -> Iterator[Evidence]:
    if file.size > _MAX_NESTED_BYTES:
        return
    names = _zip_names(file.read()) if kind is FileKind.ZIP else _tar_names(file)
    inner = _first_code(names)
    if inner is not None:
        yield Evidence(
            feature="nested_archive_code",
            location=Location(path=file.path),
            excerpt=inner[:MAX_EXCERPT_CHARS],
            detail="is an archive with code in it",
        )


def _first_code(names: Iterable[str]) -> str | None:
    return next((name for name in names if _CODE_NAME.search(name)), None)


def _zip_names(data: bytes) -> Iterable[str]:
    if data.count(b"PK\x01\x02") > _MAX_NESTED_ENTRIES:
        return ()
    try:
        return zipfile.ZipFile(io.BytesIO(data)).namelist()
    except (
        zipfile.BadZipFile,
        struct.error,
        ArithmeticError,
        LookupError,
        NotImplementedError,
        OSError,
        ValueError,
    ):
        return ()  # No zip after all, whatever it starts with; then nothing can import from it.


def _tar_names(file: SourceFile) -> Iterator[str]:
    """Names in the first megabytes of a compressed tar; nothing for other content."""
    data = file.read()
    if not _is_tar_header(_inflated_start(data, tarfile.BLOCKSIZE)):
        return
    start = _inflated_start(data, _NESTED_PREFIX_BYTES)
    offset = 0
    while offset + tarfile.BLOCKSIZE <= len(start):
        block = start[offset : offset + tarfile.BLOCKSIZE]
        try:
            header = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        except (tarfile.HeaderError, ValueError):
            return
        yield header.name
        blocks = -(-max(header.size, 0) // tarfile.BLOCKSIZE)
        offset += (1 + blocks) * tarfile.BLOCKSIZE


def _is_tar_header(block: bytes) -> bool:
    try:
        tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except (tarfile.HeaderError, ValueError):
        return False
    return True


def _inflated_start(data: bytes, length: int) -> bytes:
    try:
        if data.startswith(b"\x1f\x8b"):
            return zlib.decompressobj(16 + zlib.MAX_WBITS).decompress(data, length)
        if data.startswith(b"BZh"):
            return bz2.BZ2Decompressor().decompress(data, length)
        if data.startswith(b"\xfd7zXZ"):
            inflater = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY_BYTES)
            return inflater.decompress(data, length)
    except (zlib.error, lzma.LZMAError, OSError, EOFError):
        pass  # Not compressed after all: nothing that unpacks it will find code either.
    return b""


def _observe_blob(file: SourceFile) -> Iterator[Evidence]:
    if file.size < _MIN_BLOB_BYTES:
        return
    entropy = _entropy_bits(file)
    if entropy > _BLOB_ENTROPY_BITS:
        yield Evidence(
            feature="opaque_blob",
            location=Location(path=file.path),
            value=math.log1p(file.size / 1024),
            detail=f"{file.size:,} bytes of no known format, {entropy:.2f} bits a byte",
        )


def _entropy_bits(file: SourceFile) -> float:
    """Shannon entropy of the first megabytes, in bits a byte."""
    counts = np.zeros(256, dtype=np.int64)
    seen = 0
    for piece in file.chunks():
        counts += np.bincount(np.frombuffer(piece, dtype=np.uint8), minlength=256)
        seen += len(piece)
        if seen >= _BLOB_SAMPLE_BYTES:
            break
    shares = counts[counts > 0] / max(seen, 1)
    return float(-(shares * np.log2(shares)).sum())


def _seen(feature: str, file: SourceFile, detail: str) -> Evidence:
    return Evidence(feature=feature, location=Location(path=file.path), detail=detail)
