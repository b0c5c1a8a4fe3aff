"""The build back end that a source tree itself holds (PEP 517, ``backend-path``)."""

from __future__ import annotations

import posixpath
import sys
from dataclasses import dataclass

from safe_pip.distribution import SourceFile

MAX_PYPROJECT_BYTES = 1 << 20
# What pip takes where none is named; with a path, it too is loaded from there.
DEFAULT_BACKEND = "setuptools.build_meta:__legacy__"


@dataclass(frozen=True, slots=True, kw_only=True)
class InnerBackend:
    """``folders`` are where it is loaded from, relative to the source, the source itself being the
    empty text; ``module`` are the parts of its module's name."""

    name: str
    folders: tuple[str, ...]
    module: tuple[str, ...]


def inner_backend(file: SourceFile | None) -> InnerBackend | None:
    """The back end that a ``pyproject.toml`` names, if it is loaded from the source itself; None
    too for a file that is too large, or that pip cannot read either, and stops at."""
    if file is None or file.size > MAX_PYPROJECT_BYTES:
        return None
    text = file.read().decode("utf-8-sig", "replace")
    # Most sources hold none, and the parser takes a hundredth of a worker's start to import.
    if "backend-path" not in text and "\\" not in text:
        return None
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        system = tomllib.loads(text).get("build-system")
    except (RecursionError, ValueError):
        return None
    if not isinstance(system, dict):
        return None
    # pip takes whatever it can loop over: the letters of a text, the keys of a table.
    paths = system.get("backend-path")
    names = list(paths) if isinstance(paths, (list, str, dict)) else []
    folders = tuple(_normal(name) for name in names if isinstance(name, str))
    name = str(system.get("build-backend") or DEFAULT_BACKEND)
    module = tuple(name.partition(":")[0].split("."))
    return InnerBackend(name=name, folders=folders, module=module) if folders else None


def _normal(name: str) -> str:
    folder = posixpath.normpath(name.replace("\\", "/")).lstrip("/")
    return "" if folder == "." else folder
