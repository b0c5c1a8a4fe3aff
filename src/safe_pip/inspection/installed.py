"""Installed distributions, read from the files that their RECORD names; nothing of them is run.

An installed copy is no archive any more: it has no digest of one, scripts were rewritten, and what
is in its folders may have changed since. It is read as what Python would load from it now.
"""

from __future__ import annotations

import configparser
import os
import stat
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from hashlib import sha256
from pathlib import Path

from packaging.utils import canonicalize_name

from safe_pip.archive import Limits
from safe_pip.archive.contents import Contents, joined
from safe_pip.archive.core_metadata import CoreMetadata, parse_core_metadata, read_bounded
from safe_pip.archive.directory_reader import tree_sha256
from safe_pip.archive.limits import Meter
from safe_pip.archive.member_names import parse_member_name
from safe_pip.archive.wheel_record import RecordRow, compare_record, record_rows
from safe_pip.distribution import (
    CHUNK_BYTES,
    PREFIX_BYTES,
    Distribution,
    DistributionKind,
    SourceFile,
)
from safe_pip.errors import UnscannableError
from safe_pip.inspection.unscannable import (
    METADATA_SUFFIXES,
    NO_RECORD,
    claimed_names,
)

_SCRIPT_FOLDERS = ("bin", "Scripts")
_LIBRARY_FOLDERS = frozenset({"lib", "lib64"})
_SCRIPT_GROUPS = ("console_scripts", "gui_scripts")
# PEP 552: a .pyc with these flags is run without a look at its source.
_UNCHECKED_PYC_FLAGS = 0b01
_PYC_HEADER_BYTES = 8


def open_installed(path: Path, limits: Limits) -> Distribution:
    """What an installed distribution, or a file that belongs to none, consists of now. Raises
    UnscannableError and OSError."""
    if not path.name.endswith(METADATA_SUFFIXES):
        return _open_unlisted(path, limits)
    if not (path / "RECORD").is_file():
        raise UnscannableError(
            f"{path.name} has no RECORD, so that nothing tells which files are its own",
            reason=NO_RECORD,
        )
    installed = _Installed(path.parent, Meter(limits=limits))
    record = f"{path.name}/RECORD"
    installed.add(record)
    for row in recorded_files(path / "RECORD", limits):
        # pip gives no digest for what it compiled itself.
        installed.add(row.path, is_shipped=bool(row.digest))
    contents = installed.contents
    compare_record(contents, path.name, limits)
    metadata_file = contents.files.get(f"{path.name}/METADATA")
    metadata = CoreMetadata()
    if metadata_file is not None:
        metadata = parse_core_metadata(read_bounded(metadata_file, limits))
    claimed = claimed_names(path.name)
    stated = metadata.header("name")
    return Distribution(
        kind=DistributionKind.WHEEL,
        sha256=tree_sha256(contents),
        filename=path.name,
        project=canonicalize_name(stated) if stated else claimed.project,
        version=metadata.header("version") or claimed.version,
        headers=metadata.headers,
        description=metadata.description,
        files=tuple(installed.as_in_a_wheel(path.name)),
        anomalies=tuple(contents.anomalies),
    )


def _open_unlisted(folder: Path, limits: Limits) -> Distribution:
    """What lies in site-packages and is in the RECORD of none: anybody may have put it there."""
    installed = _Installed(folder, Meter(limits=limits))
    for name in unlisted_names(installed.root, limits):
        installed.add(name)
    contents = installed.contents
    return Distribution(
        kind=DistributionKind.WHEEL,
        sha256=tree_sha256(contents),
        filename=f"{folder.name} (in no RECORD)",
        project=None,
        version=None,
        headers={},
        description="",
        files=tuple(contents.files.values()),
        anomalies=tuple(contents.anomalies),
    )


def unlisted_names(site_folder: Path, limits: Limits) -> Iterator[str]:
    """Files that no RECORD lists, without the caches that Python makes by itself.

    Links to folders are followed, as an import follows them.
    """
    listed: set[str] = set()
    for record in sorted(site_folder.glob("*.dist-info/RECORD")):
        if not record.is_file():
            continue  # A pipe would never end.
        listed.add(os.path.normpath(f"{record.parent.name}/RECORD"))
        listed.update(os.path.normpath(row.path) for row in recorded_files(record, limits))
    waiting, seen = [site_folder], {site_folder.resolve()}
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                path = Path(entry.path)
                name = path.relative_to(site_folder).as_posix()
                if entry.is_dir():
                    if (real := path.resolve()) not in seen:
                        seen.add(real)
                        waiting.append(path)
                elif os.path.normpath(name) not in listed and not _is_checked_cache(path):
                    yield name


def recorded_files(record: Path, limits: Limits) -> Iterator[RecordRow]:
    """The rows of a RECORD. Raises UnscannableError if it is too large."""
    if record.stat().st_size > limits.max_record_bytes:
        raise UnscannableError(f"the RECORD of {record.parent.name}", reason="file-too-large")
    return record_rows(record.read_bytes())


class _Installed:
    """The files of one distribution, under the paths of its RECORD."""

    def __init__(self, site_folder: Path, meter: Meter) -> None:
        self.root = site_folder.resolve()
        self.contents = Contents()
        self._prefix = _prefix_of(self.root)
        self._meter = meter

    def add(self, name: str, *, is_shipped: bool = False) -> None:
        """Note what is wrong with a listed file, or take it in. What is missing is left to the
        comparison with RECORD. A cache of a compiled module counts only if it ``is_shipped``."""
        if name in self.contents.files:
            return
        self._meter.count_member()
        self.contents.note_all(
            anomaly
            for anomaly in parse_member_name(name, self._meter.limits).anomalies
            if anomaly.kind not in ("parent-path", "absolute-path")  # Scripts are listed so.
        )
        path = self._path_of(name)
        if path is None:
            self.contents.note("parent-path", name, "is listed, and outside of the environment")
            return
        try:
            status = path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return
        if stat.S_ISDIR(status.st_mode):
            return
        if not stat.S_ISREG(status.st_mode):
            self.contents.note("device-member", name, "is a device, socket or pipe")
            return
        if is_shipped or not _is_checked_cache(path):
            self._take_in(name, path, status)

    def as_in_a_wheel(self, dist_info: str) -> Iterator[SourceFile]:
        """The files under the paths that they would have in a wheel (PEP 427)."""
        data = f"{dist_info.removesuffix('.dist-info')}.data"
        entry_points = self.contents.files.get(f"{dist_info}/entry_points.txt")
        generated = _script_names(entry_points) if entry_points is not None else frozenset()
        for name, file in self.contents.files.items():
            path = self._path_of(name)
            assert path is not None
            yield replace(file, path=self._path_in_wheel(path, data, generated))

    def _path_in_wheel(self, path: Path, data: str, generated: frozenset[str]) -> str:
        if path.is_relative_to(self.root):
            return path.relative_to(self.root).as_posix()
        below = path.relative_to(self._prefix)
        if below.parts[0] not in _SCRIPT_FOLDERS:
            return f"{data}/data/{below.as_posix()}"
        # pip wrote those of entry points; read like code, they are no ready-made scripts.
        script = below.name.removesuffix(".exe")
        # pip writes itself as pip3.11 as well.
        is_generated = not generated.isdisjoint((script, script.rstrip("0123456789.-")))
        return f"bin/{below.name}" if is_generated else f"{data}/scripts/{below.name}"

    def _path_of(self, name: str) -> Path | None:
        """Where a listed file is; None outside of the environment."""
        if "\0" in name:
            return None
        path = Path(os.path.normpath(self.root / name))
        is_inside = path.is_relative_to(self.root) or path.is_relative_to(self._prefix)
        return path if is_inside else None

    def _take_in(self, name: str, path: Path, status: os.stat_result) -> None:
        self._meter.check_declared_size(name, status.st_size)
        digest, prefix = sha256(), b""
        for piece in _pieces(path):
            prefix = prefix or piece[:PREFIX_BYTES]
            self._meter.spend(len(piece))
            digest.update(piece)
        limits = self._meter.limits
        self.contents.add(
            SourceFile(
                path=name,
                size=status.st_size,
                is_executable=bool(status.st_mode & 0o111),
                load=lambda: joined(_pieces(path), path=name, size=status.st_size, limits=limits),
                stream=partial(_pieces, path),
                prefix=prefix,
            )
        )
        self.contents.sha256_by_path[name] = digest.digest()


def _prefix_of(site_folder: Path) -> Path:
    """The environment around a site-packages: what is above its ``lib``, if there is one."""
    for folder in site_folder.parents[:2]:
        if folder.name.lower() in _LIBRARY_FOLDERS:
            return folder.parent
    return site_folder


def _script_names(entry_points: SourceFile) -> frozenset[str]:
    parser = configparser.RawConfigParser(delimiters=("=",), strict=False)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    try:
        parser.read_string(entry_points.read().decode("utf-8", "replace"))
    except (configparser.Error, ValueError):
        return frozenset()
    return frozenset(
        name for group in _SCRIPT_GROUPS if parser.has_section(group) for name in parser[group]
    )


def _is_checked_cache(path: Path) -> bool:
    """Whether this is a compiled module that Python runs only if it fits its source."""
    if path.suffix != ".pyc" or path.parent.name != "__pycache__":
        return False
    header = next(_pieces(path), b"")[:_PYC_HEADER_BYTES]
    flags = int.from_bytes(header[4:], "little")
    return len(header) == _PYC_HEADER_BYTES and flags != _UNCHECKED_PYC_FLAGS


def _pieces(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            while piece := file.read(CHUNK_BYTES):
                yield piece
    except OSError as error:
        raise UnscannableError(f"{path}: {error.strerror}", reason="unreadable") from error
