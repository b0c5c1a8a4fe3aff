"""Modules without their source: what an import would run, and nobody can have read.

Python imports ``name.pyc`` where no ``name.py`` lies beside it. Byte code differs from release to
release, and no reader of ours follows it: an artifact that would run it was not inspected.
"""

from __future__ import annotations

import re
from collections.abc import Set

from safe_pip.distribution import Distribution, SourceFile
from safe_pip.errors import UnscannableError
from safe_pip.extractors.wheel_layout import is_test_or_doc, is_wheel, site_path

_SUFFIX = ".pyc"
_CACHE_FOLDER = "__pycache__"
_MAGIC_BYTES = 4
# The numbers of Python 2 and of 3.0 to 3.7, none of which pip installs for any more.
_OLD_MAGIC = ((20_000, 62_300), (3_000, 3_400))
# A word, and whether it is the name of a keyword argument: setup has one called packages.
_WORD = re.compile(rb"(\w+)(\s*=(?!=))?")

_ATTRIBUTE = re.compile(rb"\battr\W{1,80}([\w.]+)")


def refuse_unread_modules(distribution: Distribution) -> None:
    """Raises UnscannableError for a module of byte code alone.

    In a wheel, one that is installed where Python imports from; in a source, one that lies at its
    root, in a package or in an inner archive, or that a file at the root names.
    """
    paths = distribution.by_path.keys()
    unread = [file.path for file in distribution.files if _is_unread_module(file, paths)]
    if unread and is_wheel(distribution):
        unread = [path for path in unread if site_path(path, distribution) is not None]
    elif unread:
        named = _named_at_the_root(distribution)
        unread = [path for path in unread if _is_importable(path, paths, named)]
    if unread:
        raise UnscannableError(
            f"{min(unread)!a} is a compiled module without its source, which cannot be read",
            reason="module-compiled",
        )


def is_byte_code(head: bytes) -> bool:
    """Whether some Python that pip installs for could run what begins like this; no Python takes
    another's."""
    number = int.from_bytes(head[:2], "little")
    is_old = any(oldest <= number < newest for oldest, newest in _OLD_MAGIC)
    return head[2:_MAGIC_BYTES] == b"\r\n" and not is_old


def _is_unread_module(file: SourceFile, paths: Set[str]) -> bool:
    """Whether an import could take it for want of a source. An extension module of the same name
    makes no difference: it may be one for another Python."""
    folder, _, name = file.path.rpartition("/")
    stem, suffix = name[: -len(_SUFFIX)], name[-len(_SUFFIX) :]
    if suffix.lower() != _SUFFIX or folder.rpartition("/")[2] == _CACHE_FOLDER:
        return False
    if not stem.isidentifier() or file.path[:-1] in paths:
        return False
    return is_byte_code(file.head(_MAGIC_BYTES))


def _is_importable(path: str, paths: Set[str], named: Set[str]) -> bool:
    folder, _, name = path.rpartition("/")
    stem = name[: -len(_SUFFIX)]
    if not folder or (folder.rpartition("/")[2] if stem == "__init__" else stem) in named:
        return True
    parts = folder.split("/")
    if any("/".join(parts[:count]) in paths for count in range(1, len(parts) + 1)):
        return True  # What contains it is a file: an archive.
    is_package = not paths.isdisjoint((f"{folder}/__init__.py", f"{folder}/__init__.pyc"))
    return is_package and not is_test_or_doc(path)


def _named_at_the_root(distribution: Distribution) -> Set[str]:
    """The words of the sources that a build may start with, and what setuptools is told to import
    for the value of a field."""
    words: set[bytes] = set()
    for name in ("setup.cfg", "pyproject.toml"):
        if (settings := distribution.by_path.get(name)) is not None:
            for names in _ATTRIBUTE.findall(settings.read()):
                words.update(names.split(b"."))
    for file in distribution.files:
        if "/" not in file.path and file.path.endswith(".py"):
            words.update(word for word, assigned in _WORD.findall(file.read()) if not assigned)
    return {word.decode("ascii", "replace") for word in words}
