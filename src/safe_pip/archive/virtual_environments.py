"""Virtual environments in a person's own working tree: what a build could load from them is read.

Whoever made the folder may have made it look like one. An import statement reaches all of it but
``site-packages``, which is no name; what the build's settings name, a build may load whole.
"""

from __future__ import annotations

import configparser
import re
import sys
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

_SETTINGS = "pyvenv.cfg"
_LIBRARY = r"(?:local/)?lib(?:64)?/(?:python|pypy)\d+\.\d+t?"
_SITE_PACKAGES = re.compile(rf"(?:{_LIBRARY}|lib)/(?:site|dist)-packages", re.IGNORECASE)
# A name with a dot is none for an import either. Old environments have links to Python there.
_OF_PYTHON = re.compile(rf"{_LIBRARY}(?:/.*)?", re.IGNORECASE)
_PROGRAMS = frozenset({"bin", "include", "scripts"})
_WORD = re.compile(r"[\w.-]+")
# Lists of what is not looked at.
_LEAVING_OUT = frozenset(
    """exclude excludes extend-exclude extend-ignore extend-skip ignore norecursedirs omit skip
    skip_glob""".split()  # noqa: SIM905
)
_MAX_BYTES = 1 << 20


class VirtualEnvironments:
    """Those below a folder that the files which say what is built do not name."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._known: dict[Path, bool] = {}

    def around(self, path: Path) -> Path | None:
        """The environment that a file or folder lies in, or is."""
        for folder in (path, *path.parents):
            if folder == self._root:
                return None
            if self._is_one(folder):
                return folder
        return None

    def leaves_out(self, folder: Path) -> bool:
        """Whether a folder is where an environment keeps what is installed."""
        environment = self.around(folder)
        return environment is not None and bool(
            _SITE_PACKAGES.fullmatch(folder.relative_to(environment).as_posix())
        )

    def is_beyond_import(self, path: Path) -> bool:
        """Whether no import statement reaches a file or folder, but by a link to it."""
        environment = self.around(path)
        if environment is None:
            return False
        below = path.relative_to(environment).as_posix()
        return self.leaves_out(path) or bool(_OF_PYTHON.fullmatch(below))

    def is_among_programs(self, path: Path) -> bool:
        """Whether it is where an environment keeps programs, archives among them on Windows."""
        environment = self.around(path)
        parts = path.relative_to(environment).parts if environment else ()
        return bool(parts) and parts[0].casefold() in _PROGRAMS

    def is_own(self, path: Path) -> bool:
        """Whether a file or link is one that makes an environment: its settings, a link from its
        library to Python's, or from one of its folders to another."""
        environment = self.around(path)
        if environment is None:
            return False
        if path == environment / _SETTINGS:
            return True
        if not path.is_symlink():
            return False
        target = path.resolve()
        if target.is_relative_to(self._root):
            is_within = target.is_dir() and target.is_relative_to(environment)
            return is_within and not self.is_beyond_import(target)
        return self.is_beyond_import(path)

    def _is_one(self, folder: Path) -> bool:
        known = self._known.get(folder)
        if known is None:
            known = self._known[folder] = _looks_like_one(folder) and not self._is_named(folder)
        return known

    def _is_named(self, folder: Path) -> bool:
        return self._build_words is None or folder.name in self._build_words

    @cached_property
    def _build_words(self) -> frozenset[str] | None:
        """The words of the files that say what is built, or None if they cannot be read: a newer
        parser may read more."""
        words: set[str] = set()
        try:
            for text in _build_texts(self._root):
                for word in _WORD.findall(text):
                    words.update((word, *word.split(".")))
        except (OSError, RecursionError, ValueError, configparser.Error):
            return None
        return frozenset(words)


def _looks_like_one(folder: Path) -> bool:
    return (
        (folder / _SETTINGS).is_file()
        and any((folder / python).exists() for python in ("bin/python", "Scripts/python.exe"))
        and not (folder / "__init__.py").exists()
    )


def _build_texts(root: Path) -> Iterator[str]:
    if text := _text(root / "setup.py"):
        yield text
    parser = configparser.RawConfigParser(strict=False, allow_no_value=True)
    parser.read_string(_text(root / "setup.cfg"))
    for section in parser.sections():
        items = dict(parser.items(section))
        yield from _values({key: items[key] for key in items.keys() - _LEAVING_OUT})
    yield from _values(_tables(root / "hatch.toml"))
    tables = _tables(root / "pyproject.toml")
    system, tools = tables.get("build-system"), tables.get("tool")
    yield from _values(system)
    # Of the tools, those that build; without a word on it, setuptools does.
    builders = f"setuptools {system}".lower().replace("_", "-")
    for name, settings in tools.items() if isinstance(tools, dict) else ():
        if name.lower().replace("_", "-") not in builders:
            continue
        if name == "hatch" and isinstance(settings, dict):  # Its environments build nothing.
            settings = {key: value for key, value in settings.items() if key != "envs"}
        yield from _values(settings)


def _values(settings: object) -> Iterator[str]:
    """The texts in tables and lists; of tables, also the keys."""
    if isinstance(settings, dict):
        for key, value in settings.items():
            if key not in _LEAVING_OUT or not isinstance(value, list):
                yield key
                yield from _values(value)
    elif isinstance(settings, list):
        for value in settings:
            yield from _values(value)
    elif isinstance(settings, str):
        yield settings


def _tables(path: Path) -> dict[str, object]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    tables: dict[str, object] = tomllib.loads(_text(path))
    return tables


def _text(path: Path) -> str:
    if not path.is_file():
        return ""
    if path.stat().st_size > _MAX_BYTES:
        raise ValueError(f"{path.name!a} is too large")
    return path.read_bytes().decode("utf-8-sig", "replace")
