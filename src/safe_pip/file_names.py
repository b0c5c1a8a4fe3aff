"""What an artifact's file name says about it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from packaging.utils import (
    InvalidWheelFilename,
    NormalizedName,
    canonicalize_name,
    parse_wheel_filename,
)
from packaging.version import InvalidVersion, Version

_SDIST_SUFFIXES = (".tar.gz", ".tgz", ".tar.bz2", ".tbz", ".tar.xz", ".txz", ".tlz", ".tar", ".zip")


@dataclass(frozen=True, slots=True, kw_only=True)
class FileName:
    """``suffix`` is the one of a wheel or an sdist, else empty; ``stem`` is what precedes it.

    ``project`` and ``version`` are a guess for an sdist, whose name may hold hyphens.
    """

    stem: str
    suffix: str
    project: NormalizedName | None = None
    version: str | None = None


def parse_file_name(filename: str) -> FileName:
    """Never fails; what cannot be read is None."""
    lower = filename.lower()
    # pip takes one in other letters for a source, and builds it.
    if filename.endswith(".whl"):
        try:
            project, version, _, _ = parse_wheel_filename(filename)
        except (InvalidWheelFilename, InvalidVersion):
            return FileName(stem=filename[:-4], suffix=".whl")
        return FileName(stem=filename[:-4], suffix=".whl", project=project, version=str(version))
    suffix = next((suffix for suffix in _SDIST_SUFFIXES if lower.endswith(suffix)), "")
    stem = filename[: len(filename) - len(suffix)]
    name, hyphen, version_text = stem.rpartition("-")
    if not suffix or not hyphen or not is_version(version_text):
        return FileName(stem=stem, suffix=suffix)
    return FileName(stem=stem, suffix=suffix, project=canonicalize_name(name), version=version_text)


def releases_in(filename: str) -> Iterator[tuple[NormalizedName, str]]:
    """Every project and version that the name of a wheel or an sdist can be read as: where the
    name of an sdist ends and the version begins is known only once one knows the name."""
    name = parse_file_name(filename)
    if name.suffix == ".whl":
        parts = name.stem.split("-")
        if name.project is not None and name.version is not None:
            yield name.project, name.version
        elif len(parts) > 1:  # An older pip takes some that no longer count as names.
            yield canonicalize_name(parts[0]), parts[1]
        return
    parts = name.stem.split("-") if name.suffix else []
    for cut in range(1, len(parts)):
        yield canonicalize_name("-".join(parts[:cut])), "-".join(parts[cut:])


def is_version(text: str) -> bool:
    try:
        Version(text)
    except InvalidVersion:
        return False
    return True


def disagreement(filename: FileName, project: NormalizedName, version: str | None) -> str | None:
    """What a file name and the metadata inside say differently, as a clause; None if nothing."""
    if filename.suffix == ".whl":
        names = [filename.project] if filename.project is not None else []
        versions = [filename.version]
    else:
        readings = releases_in(filename.stem + filename.suffix)
        versions = [said for name, said in readings if name == project]
        names = [project] if versions else [filename.project] if filename.project else []
    if names and project not in names:
        return f"the file is named {names[0]!a} and its metadata {str(project)!a}"
    if names and version is not None and not any(_is_same(v, version) for v in versions):
        return f"the file's version is {versions[0]!a} and its metadata's {version!a}"
    return None


def _is_same(one: str | None, other: str) -> bool:
    """Versions that cannot be read as such are compared as names: build tools escape them."""
    if one is None:
        return True
    try:
        return Version(one) == Version(other)
    except InvalidVersion:
        return canonicalize_name(one) == canonicalize_name(other)
