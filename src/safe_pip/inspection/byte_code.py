"""Modules without their source: what an import would run, and nobody can have read.

Python imports ``name.pyc`` where no ``name.py`` lies beside it. Byte code differs from release to
release, and no reader of ours follows it: an artifact that would run it was not inspected.
"""

from __future__ import annotations

import re
from collections.abc import Set

from safe_pip.distribution import Distribution
from safe_pip.errors import UnscannableError
from safe_pip.extractors.wheel_layout import is_wheel, site_path

_SUFFIX = ".pyc"
_CACHE_FOLDER = "__pycache__"
# A word, and whether it is the name of a keyword argument: setup has one called packages.
_WORD = re.compile(rb"(\w+)(\s*=(?!=))?")


def is_unread_module(path: str, paths: Set[str]) -> bool:
    """Whether a path is one of byte code that an import takes for want of a source.

    An extension module of the same name makes no difference: it may be one for another Python.
    """
    if not path.lower().endswith(_SUFFIX):
        return False
    folder, _, _ = path.rpartition("/")
    return folder.rpartition("/")[2] != _CACHE_FOLDER and path[:-1] not in paths


def refuse_unread_modules(distribution: Distribution) -> None:
    """Raises UnscannableError for a module of byte code alone: in a wheel, one that is installed
    where Python imports from; in a source, one that lies at its root or that a file there names."""
    unread = [
        file.path
        for file in distribution.files
        if is_unread_module(file.path, distribution.by_path.keys())
    ]
    if unread and is_wheel(distribution):
        unread = [path for path in unread if site_path(path, distribution) is not None]
    elif unread:
        named = _named_at_the_root(distribution)
        unread = [path for path in unread if "/" not in path or _module_name(path) in named]
    if unread:
        raise UnscannableError(
            f"{min(unread)!a} is a compiled module without its source, which cannot be read",
            reason="module-compiled",
        )


def _module_name(path: str) -> str:
    folder, _, name = path.rpartition("/")
    stem = name[: -len(_SUFFIX)]
    return folder.rpartition("/")[2] if stem == "__init__" else stem


def _named_at_the_root(distribution: Distribution) -> Set[str]:
    """The words of the sources that a build may start with."""
    words: set[bytes] = set()
    for file in distribution.files:
        if "/" not in file.path and file.path.endswith(".py"):
            words.update(word for word, assigned in _WORD.findall(file.read()) if not assigned)
    return {word.decode("ascii", "replace") for word in words}
