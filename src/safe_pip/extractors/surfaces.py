"""Surfaces: where in a distribution's life the top level of each file runs."""

from __future__ import annotations

import re
from collections.abc import Mapping

from safe_pip.distribution import Distribution, SourceFile
from safe_pip.evidence import Surface
from safe_pip.extractors.build_system import build_scripts, inner_backend
from safe_pip.extractors.setuptools_hooks import setuptools_hooks
from safe_pip.extractors.wheel_layout import is_wheel, site_path

_STARTUP_MODULES = frozenset(("sitecustomize.py", "usercustomize.py"))
_SOURCE_FOLDERS = frozenset(("lib", "python", "src"))
_UNUSED_FOLDERS = frozenset(
    """benchmark benchmarks demo demos doc docs example examples sample samples scripts test
    testing tests tools""".split()  # noqa: SIM905
)
_SITE_FOLDERS = (".data/purelib", ".data/platlib")
_PACKAGING_FILES = ("setup.py", "setup.cfg", "pyproject.toml")
_WORD = re.compile(r"[A-Za-z_]\w*")
_MAX_PACKAGING_BYTES = 1 << 20


def is_python_path(path: str) -> bool:
    """Whether a file may be Python by its path: a module, a startup file, a script."""
    folder, _, name = path.rpartition("/")
    return name.endswith((".py", ".pyw", ".pth")) or (
        "." not in name and folder.rpartition("/")[2] in ("scripts", "bin")
    )


def surfaces_of(distribution: Distribution) -> Mapping[str, Surface]:
    """The surface of each Python file, by its path alone: what imports it is not yet known."""
    tree = _SourceTree(distribution)
    return {
        file.path: tree.surface_of(file.path)
        for file in distribution.files
        if is_python_path(file.path)
    }


class _SourceTree:
    """What the files around a file say about it."""

    def __init__(self, distribution: Distribution) -> None:
        self._distribution = distribution
        self._is_wheel = is_wheel(distribution)
        self._paths = distribution.by_path
        texts = {name: _text_of(distribution.by_path.get(name)) for name in _PACKAGING_FILES}
        self._backends = frozenset() if self._is_wheel else _backend_paths(distribution)
        project = distribution.project or ""
        own_names = {project.replace("-", "_"), *project.split("-")}
        self._unused_folders = _UNUSED_FOLDERS - own_names
        self._names = own_names.union(
            word.lower() for text in texts.values() for word in _WORD.findall(text)
        )

    def surface_of(self, path: str) -> Surface:
        folder, _, name = path.rpartition("/")
        if not self._is_wheel and path == "setup.py":
            return Surface.SETUP
        if path.casefold() in self._backends:
            return Surface.BUILD_BACKEND
        if folder.endswith(".data/scripts"):
            return Surface.ENTRY_POINT
        folders = [part.strip("_") for part in folder.lower().split("/")]
        if not self._unused_folders.isdisjoint(folders) or name == "conftest.py":
            return Surface.OTHER
        if name.endswith(".pth") or (name in _STARTUP_MODULES and self._is_top_level(path, folder)):
            return Surface.STARTUP
        if name == "__main__.py" or not name.endswith((".py", ".pyw")):
            return Surface.ENTRY_POINT
        if name == "__init__.py":
            return Surface.INIT
        return Surface.MODULE if self._is_installed(folder, name) else Surface.OTHER

    def _is_top_level(self, path: str, folder: str) -> bool:
        if self._is_wheel and site_path(path, self._distribution) in _STARTUP_MODULES:
            return True
        return folder in ("", *_SOURCE_FOLDERS) or folder.endswith(_SITE_FOLDERS)

    def _is_installed(self, folder: str, name: str) -> bool:
        """Whether a module is part of what is installed, or only lies in the source tree.

        In a source tree a loose file is none of the packages unless the packaging names it.
        """
        if self._is_wheel or f"{folder}/__init__.py" in self._paths:
            return True
        parts = [part for part in folder.split("/") if part not in ("", *_SOURCE_FOLDERS)]
        top_name = parts[0] if parts else name.rpartition(".")[0]
        return top_name.lower() in self._names


def _text_of(file: SourceFile | None) -> str:
    if file is None or file.size > _MAX_PACKAGING_BYTES:
        return ""
    return file.read().decode("utf-8", errors="replace")


def _backend_paths(distribution: Distribution) -> frozenset[str]:
    """The files of a build back end that the source tree itself holds, and the scripts that another
    is told to run, in lower case: some file systems make no difference."""
    pyproject = distribution.by_path.get("pyproject.toml")
    paths = set(build_scripts(pyproject, distribution.by_path.get("hatch.toml")))
    backend = inner_backend(pyproject)
    if backend is not None:
        module = "/".join(backend.module)
        bases = [f"{folder}/{module}".lstrip("/") for folder in backend.folders]
        paths.update(path for base in bases for path in (f"{base}.py", f"{base}/__init__.py"))
    for hook in setuptools_hooks(distribution.by_path):
        module = hook.module.replace(".", "/")
        bases = [f"{folder}{module}" for folder in ("", "lib/", "src/")]
        paths.update(path for base in bases for path in (f"{base}.py", f"{base}/__init__.py"))
    return frozenset(map(str.casefold, paths))
