"""Opens an artifact: decides by its bytes what it is, reads it, and says what is inside."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import BinaryIO

from packaging.utils import NormalizedName, canonicalize_name

from safe_pip.archive.bytecode import refuse_hidden_source
from safe_pip.archive.compression import Compression
from safe_pip.archive.contents import Contents
from safe_pip.archive.core_metadata import (
    CoreMetadata,
    parse_core_metadata,
    read_bounded,
    read_metadata,
)
from safe_pip.archive.directory_reader import read_directory, tree_sha256
from safe_pip.archive.limits import DEFAULT_LIMITS, Limits, Meter
from safe_pip.archive.source_bytes import HeldBytes, SourceBytes, sha256_of, source_of
from safe_pip.archive.tar_reader import read_tar
from safe_pip.archive.tar_stream import is_tar_header
from safe_pip.archive.wheel_record import compare_record
from safe_pip.archive.zip_reader import read_zip
from safe_pip.archive.zip_structure import ZipEnding, find_ending
from safe_pip.artifact import Artifact, OriginKind
from safe_pip.distribution import Distribution, DistributionKind, SourceFile
from safe_pip.errors import UnscannableError
from safe_pip.file_names import FileName, disagreement, parse_file_name

# Trees that a person works in: there, virtual environments and caches are not part of the source.
OWN_TREE_ORIGINS = frozenset({OriginKind.DIRECTORY, OriginKind.EDITABLE, OriginKind.SCANNED})
_SUFFIXES_OF_COMPRESSION: Mapping[Compression, tuple[str, ...]] = {
    Compression.NONE: (".tar",),
    Compression.GZIP: (".tar.gz", ".tgz"),
    Compression.BZIP2: (".tar.bz2", ".tbz"),
    Compression.XZ: (".tar.xz", ".txz", ".tlz"),
}
IS_CASE_BLIND = sys.platform in ("win32", "cygwin", "darwin")
_BUILD_FILES = frozenset({"setup.py", "pyproject.toml", "setup.cfg"})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Opened:
    """An archive's files under the paths that pip gives them."""

    kind: DistributionKind
    contents: Contents
    metadata: CoreMetadata


@contextmanager
def open_distribution(
    artifact: Artifact, limits: Limits = DEFAULT_LIMITS
) -> Iterator[Distribution]:
    """The wheel, sdist or source tree at a path, for as long as the context lasts.

    Nothing is run and nothing is written. The artifact's digest is taken from the file that is
    read. Text is held in memory while it is little; beyond that, and for large binary members,
    content is inflated again when it is asked for. See SourceFile for members of any size.

    Raises UnscannableError for what is broken, over a limit, or would be read differently by
    different tools, and for a file whose digest is not the one the artifact states.
    """
    try:
        if artifact.path.is_dir():
            yield _open_directory(artifact, limits)
            return
        file = artifact.path.open("rb")
    except OSError as error:
        raise UnscannableError(
            f"{artifact.path} cannot be read: {error.strerror}", reason="unreadable"
        ) from error
    with file:
        distribution = _open_archive(source_of(file), artifact.path.name, limits)
        if artifact.sha256 is not None and artifact.sha256 != distribution.sha256:
            raise UnscannableError(
                f"{artifact.path.name}: its SHA-256 is {distribution.sha256}, "
                f"not {artifact.sha256}",
                reason="digest-mismatch",
            )
        yield distribution


@contextmanager
def read_archive(
    data: bytes | BinaryIO, filename: str, limits: Limits = DEFAULT_LIMITS
) -> Iterator[Distribution]:
    """The wheel or sdist in memory, or in an open seekable file; never touches a disk itself.

    Raises UnscannableError as open_distribution does.
    """
    source = HeldBytes(data) if isinstance(data, bytes) else source_of(data)
    yield _open_archive(source, filename, limits)


def _open_archive(source: SourceBytes, filename: str, limits: Limits) -> Distribution:
    meter = Meter(limits=limits)
    sha256 = sha256_of(source)
    name = parse_file_name(filename)
    ending = find_ending(source)
    compression = _tar_compression(source)
    if ending is not None and compression is not None:
        # pip itself changed which of the two it takes from version to version.
        raise UnscannableError("both a zip and a tar", reason="ambiguous-format")
    if ending is not None:
        opened = _open_zip(source, ending, name, meter)
    elif compression is not None:
        contents = read_tar(source, compression, meter)
        opened = _opened_sdist(contents, meter.limits)
        if name.suffix and name.suffix not in _SUFFIXES_OF_COMPRESSION[compression]:
            contents.note("misnamed-format", "", f"a {_words(compression)} named {name.suffix!a}")
    elif source.read_at(0, 2) == b"PK":
        raise UnscannableError("a zip without an end", reason="broken-archive")
    else:
        raise UnscannableError("neither a zip nor a tar", reason="unknown-format")
    opened.contents.note_files_that_are_folders()
    return _distribution(opened, sha256=sha256, filename=filename, name=name)


def _open_zip(source: SourceBytes, ending: ZipEnding, name: FileName, meter: Meter) -> _Opened:
    contents = read_zip(source, ending, meter)
    dist_infos = _dist_infos(contents.files)
    # pip takes what is not named .whl for a source, whatever it holds, and runs its build files.
    if not dist_infos or (name.suffix != ".whl" and _has_build_files(contents)):
        opened = _opened_sdist(contents, meter.limits)
        if name.suffix and name.suffix != ".zip":
            contents.note("misnamed-format", "", f"a source in a zip, named {name.suffix!a}")
        return opened
    if name.suffix and name.suffix != ".whl":
        contents.note("misnamed-format", "", f"a wheel named {name.suffix!a}")
    _refuse_other_places(contents)
    dist_info = dist_infos[0]
    refuse_hidden_source(contents)
    compare_record(contents, dist_info, meter.limits)
    metadata_file = contents.files.get(f"{dist_info}/METADATA")
    metadata = CoreMetadata()
    if metadata_file is not None:
        metadata = parse_core_metadata(read_bounded(metadata_file, meter.limits))
    return _Opened(kind=DistributionKind.WHEEL, contents=contents, metadata=metadata)


def _has_build_files(contents: Contents) -> bool:
    names = (path.lower() if IS_CASE_BLIND else path for path in contents.files)
    return not _BUILD_FILES.isdisjoint(names)


def _refuse_other_places(contents: Contents) -> None:
    """Of a wheel pip writes every member to where its name says, and nowhere else:
    ``demo\\x.pth`` lies in no folder where a backslash is a letter, ``./x.data/scripts/git`` is no
    script, and where ``x.data/../demo/scripts/git`` goes depends on the tool.

    Raises UnscannableError for a name that is not its path, and for what is not pip's to choose
    from: several folders of metadata.
    """
    if contents.respelled:
        raise UnscannableError(
            f"{min(contents.respelled)!a} is spelled otherwise in the wheel",
            reason="ambiguous-member",
        )
    tops = {path.partition("/")[0] for path in contents.files if "/" in path}
    dist_infos = sorted(top for top in tops if top.endswith(".dist-info"))
    if len(dist_infos) > 1:
        raise UnscannableError(
            f"{len(dist_infos)} .dist-info folders, among them {dist_infos[0]!a}",
            reason="ambiguous-member",
        )


def _opened_sdist(contents: Contents, limits: Limits) -> _Opened:
    _strip_top_folder(contents)
    _read_build_files_in_other_case(contents)
    metadata = read_metadata(contents.files, limits)
    return _Opened(kind=DistributionKind.SDIST, contents=contents, metadata=metadata)


def _open_directory(artifact: Artifact, limits: Limits) -> Distribution:
    is_own_tree = artifact.origin in OWN_TREE_ORIGINS
    contents = read_directory(artifact.path, Meter(limits=limits), is_own_tree=is_own_tree)
    metadata = read_metadata(contents.files, limits)
    return _distribution(
        _Opened(kind=DistributionKind.DIRECTORY, contents=contents, metadata=metadata),
        sha256=tree_sha256(contents),
        filename=artifact.path.name,
        name=FileName(stem=artifact.path.name, suffix=""),
    )


def _distribution(opened: _Opened, *, sha256: str, filename: str, name: FileName) -> Distribution:
    metadata, contents = opened.metadata, opened.contents
    project: NormalizedName | None = name.project
    version = metadata.header("version") or name.version
    if stated := metadata.header("name"):
        project = canonicalize_name(stated)
        if name.suffix and (clause := disagreement(name, project, version)):
            contents.note("name-mismatch", "", clause)
    return Distribution(
        kind=opened.kind,
        sha256=sha256,
        filename=filename,
        project=project,
        version=version,
        headers=metadata.headers,
        description=metadata.description,
        files=tuple(contents.files.values()),
        anomalies=tuple(contents.anomalies),
    )


def _tar_compression(source: SourceBytes) -> Compression | None:
    """How a tar is compressed, or None for what cannot be a tar."""
    head = source.read_at(0, 512)
    for compression in (Compression.GZIP, Compression.BZIP2, Compression.XZ):
        if head.startswith(compression.value):
            return compression
    return Compression.NONE if len(head) == 512 and is_tar_header(head) else None


def _words(compression: Compression) -> str:
    return "plain tar" if compression is Compression.NONE else f"{compression.name.lower()} tar"


def _strip_top_folder(contents: Contents) -> None:
    """Paths as pip unpacks them: without the folder that holds everything, if there is one."""
    tops = {path.split("/", 1)[0] for path in contents.files}
    if len(tops) != 1 or any("/" not in path for path in contents.files):
        if len(tops) > 1:
            contents.note("several-roots", "", f"{len(tops)} files and folders at the root")
        return
    strip = len(tops.pop()) + 1
    contents.files = {
        path[strip:]: replace(file, path=path[strip:]) for path, file in contents.files.items()
    }
    contents.sha256_by_path = {
        path[strip:]: digest for path, digest in contents.sha256_by_path.items()
    }
    contents.anomalies = [
        replace(anomaly, path=anomaly.path[strip:]) if "/" in anomaly.path else anomaly
        for anomaly in contents.anomalies
    ]


def _read_build_files_in_other_case(contents: Contents) -> None:
    """``SETUP.PY`` is run as setup.py on Windows and macOS, and is nothing on Linux."""
    for path in list(contents.files):
        name = path.lower()
        if "/" in path or path in _BUILD_FILES or name not in _BUILD_FILES:
            continue
        contents.note("case-collision", path, f"is taken for {name} on some systems")
        if IS_CASE_BLIND and name not in contents.files:
            contents.files[name] = replace(contents.files[path], path=name)
            if path in contents.sha256_by_path:
                contents.sha256_by_path[name] = contents.sha256_by_path[path]


def _dist_infos(files: Mapping[str, SourceFile]) -> list[str]:
    folders = {
        path.split("/", 1)[0]
        for path in files
        if path.count("/") == 1 and path.endswith((".dist-info/METADATA", ".dist-info/WHEEL"))
    }
    return sorted(folders)
