"""Modules without their source: what an import would run, and nobody can have read.

Python imports ``name.pyc`` where no ``name.py`` lies beside it. Byte code differs from release to
release, and no reader of ours follows it: an artifact that would run it was not inspected.
"""

from __future__ import annotations

import re
from collections.abc import Set

from safe_pip.archive.member_names import folders_of
from safe_pip.distribution import Distribution, SourceFile
from safe_pip.errors import UnscannableError
from safe_pip.extractors.build_system import inner_backend
from safe_pip.extractors.wheel_layout import is_test_or_doc, is_wheel

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

    In a wheel, anywhere: a line of a ``.pth`` file or a script's folder makes a place for modules
    of any. In a source, anywhere but among tests and documentation that nothing else names.
    """
    sources = distribution.certain_paths
    unread = [file.path for file in distribution.files if _is_unread_module(file, sources)]
    if unread and not is_wheel(distribution):
        unread = _importable(unread, distribution)
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


def _is_unread_module(file: SourceFile, sources: Set[str]) -> bool:
    """Whether an import could take it for want of a source. An extension module of the same name
    makes no difference: it may be one for another Python. Nor does it that ``__pycache__`` is the
    folder: Python imports from that as from any, and what it caches there itself has a dot in its
    stem."""
    name = file.path.rpartition("/")[2]
    stem, suffix = name[: -len(_SUFFIX)], name[-len(_SUFFIX) :]
    if suffix.lower() != _SUFFIX or not stem.isidentifier() or file.path[:-1] in sources:
        return False
    return is_byte_code(file.head(_MAGIC_BYTES))


def _importable(unread: list[str], distribution: Distribution) -> list[str]:
    """Those that something but a test could import: among them all that lie in a folder of which a
    back end is loaded."""
    backend = inner_backend(distribution.by_path.get("pyproject.toml"))
    folders = tuple(f"{folder}/" for folder in backend.folders if folder) if backend else ()
    paths, named = distribution.by_path.keys(), _named(distribution)
    return [
        path
        for path in unread
        if not is_test_or_doc(path) or path.startswith(folders) or _is_used(path, paths, named)
    ]


def _is_used(path: str, paths: Set[str], named: Set[str]) -> bool:
    *parts, name = path.split("/")
    stem = name[: -len(_SUFFIX)]
    word = "".join(parts[-1:]) if stem == "__init__" else stem
    if _CACHE_FOLDER in parts or word in named:
        return True
    # What contains it may be a file: an archive.
    return any(folder in paths for folder in folders_of(path))


def _named(distribution: Distribution) -> Set[str]:
    """The words of the sources that are no tests, and what setuptools is told to import for the
    value of a field."""
    words: set[bytes] = set()
    for name in ("setup.cfg", "pyproject.toml"):
        if (settings := distribution.by_path.get(name)) is not None:
            for names in _ATTRIBUTE.findall(settings.read()):
                words.update(names.split(b"."))
    for file in distribution.python_files():
        if not is_test_or_doc(file.path):
            words.update(word for word, assigned in _WORD.findall(file.read()) if not assigned)
    return {word.decode("ascii", "replace") for word in words}
