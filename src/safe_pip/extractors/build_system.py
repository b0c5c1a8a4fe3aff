"""What of a source tree a build runs: its own back end (PEP 517, ``backend-path``), and scripts
that it tells other back ends to run."""

from __future__ import annotations

import posixpath
import sys
from collections.abc import Iterator, Mapping
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
    # Most sources hold none.
    tables = read_tables(file, ("backend-path",))
    system = tables.get("build-system")
    if not isinstance(system, dict):
        return None
    # pip takes whatever it can loop over: the letters of a text, the keys of a table.
    paths = system.get("backend-path")
    names = list(paths) if isinstance(paths, (list, str, dict)) else []
    folders = tuple(folder for name in names if isinstance(name, str) for folder in _normal(name))
    name = str(system.get("build-backend") or DEFAULT_BACKEND)
    module = tuple(name.partition(":")[0].split("."))
    return InnerBackend(name=name, folders=folders, module=module) if folders else None


def build_scripts(pyproject: SourceFile | None, hatch: SourceFile | None) -> frozenset[str]:
    """Paths of scripts that hatchling, pdm, poetry or setuptools would run in a build, as the
    settings in ``pyproject.toml`` or ``hatch.toml`` have them; they need not exist."""
    tables = read_tables(pyproject, ("cmdclass", "hatch", "pdm", "poetry"))
    tools, system = tables.get("tool"), tables.get("build-system")
    tools = tools if isinstance(tools, dict) else {}
    found = [*_hatch_scripts(tools.get("hatch")), *_hatch_scripts(read_tables(hatch, ("",)))]
    if "pdm" in tools or "pdm" in str(system):
        found.append("pdm_build.py")  # It needs no setting.
    for name in ("pdm", "poetry"):
        found += _texts(tools.get(name), (), ("build",))
        found += _texts(tools.get(name), ("build",), ("custom-hook", "script", "setup-script"))
    found += _command_modules(tools.get("setuptools"))
    return frozenset(path for name in found for path in _normal(name))


def read_tables(file: SourceFile | None, words: tuple[str, ...]) -> Mapping[str, object]:
    """The tables of a TOML file in which one of these words may stand; none for one that is too
    large, or that cannot be read: at such a ``pyproject.toml`` pip stops, and such a ``hatch.toml``
    is refused (``is_readable``)."""
    if file is None or file.size > MAX_PYPROJECT_BYTES:
        return {}
    text = file.read().decode("utf-8-sig", "replace")
    # The parser takes a hundredth of a worker's start to import.
    if "\\" not in text and not any(word in text for word in words):
        return {}
    return _parsed(text) or {}


def is_readable(file: SourceFile) -> bool:
    """Whether a TOML file can be read here. One that cannot may say more to a newer parser."""
    if file.size > MAX_PYPROJECT_BYTES:
        return False
    return _parsed(file.read().decode("utf-8-sig", "replace")) is not None


def _parsed(text: str) -> Mapping[str, object] | None:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        tables: dict[str, object] = tomllib.loads(text)
    except (RecursionError, ValueError):
        return None
    return tables


def _hatch_scripts(settings: object) -> Iterator[str]:
    """Hooks stand under ``build``, each of its targets, and ``metadata``; a version may be code."""
    if not isinstance(settings, dict):
        return
    build = settings.get("build")
    targets = build.get("targets") if isinstance(build, dict) else None
    places = [build, settings.get("metadata")]
    places += targets.values() if isinstance(targets, dict) else ()
    for place in places:
        hooks = place.get("hooks") if isinstance(place, dict) else None
        if isinstance(hooks, dict) and "custom" in hooks:
            yield from _texts(hooks, ("custom",), ("path",)) or ["hatch_build.py"]
    version = settings.get("version")
    if isinstance(version, dict) and version.get("source") == "code":
        yield from _texts(version, (), ("path",))


def _command_modules(settings: object) -> Iterator[str]:
    """Classes of commands, each as ``package.module.Class``."""
    commands = settings.get("cmdclass") if isinstance(settings, dict) else None
    for name in commands.values() if isinstance(commands, dict) else ():
        module = str(name).rpartition(".")[0].replace(".", "/")
        for folder in ("", "src/"):
            yield from (f"{folder}{module}.py", f"{folder}{module}/__init__.py")


def _texts(table: object, way: tuple[str, ...], names: tuple[str, ...]) -> list[str]:
    """The texts under these names, where this way through the tables leads."""
    for step in way:
        table = table.get(step) if isinstance(table, dict) else None
    values = [table.get(name) for name in names] if isinstance(table, dict) else []
    return [value for value in values if isinstance(value, str) and value]


def _normal(name: str) -> tuple[str, ...]:
    """The paths that a name means: a backslash is a letter where it does not part folders."""
    spellings = dict.fromkeys((name, name.replace("\\", "/")))
    paths = [posixpath.normpath(spelling).lstrip("/") for spelling in spellings]
    return tuple("" if path == "." else path for path in paths)
