"""Surfaces: where in a distribution's life the top level of each file runs."""

from __future__ import annotations

import re

from safe_pip.distribution import Distribution, DistributionKind, SourceFile
from safe_pip.evidence import Surface

STARTUP_MODULES = ("sitecustomize.py", "usercustomize.py")
_UNUSED_FOLDERS = frozenset(
    """benchmark benchmarks demo demos doc docs example examples sample samples scripts test
    testing tests tools""".split()  # noqa: SIM905
)
_BACKEND_PATH = re.compile(r"^\s*backend-path\s*=\s*\[([^\]]*)\]", re.MULTILINE)
_BACKEND = re.compile(r"^\s*build-backend\s*=\s*[\"']([\w.]+)", re.MULTILINE)
_QUOTED = re.compile(r"[\"']([^\"']*)[\"']")


def surface_of(file: SourceFile, distribution: Distribution) -> Surface:
    """Where the top level of a file runs, by its path alone."""
    folder, _, name = file.path.rpartition("/")
    is_source = distribution.kind is not DistributionKind.WHEEL
    if is_source and file.path == "setup.py":
        return Surface.SETUP
    if is_source and file.path in backend_paths(distribution):
        return Surface.BUILD_BACKEND
    if name.endswith(".pth") or name in STARTUP_MODULES:
        return Surface.STARTUP
    if folder.endswith(".data/scripts"):
        return Surface.ENTRY_POINT
    folders = [part.strip("_") for part in folder.lower().split("/")]
    if not _UNUSED_FOLDERS.isdisjoint(folders) or name == "conftest.py":
        return Surface.OTHER
    if name == "__main__.py" or not name.endswith((".py", ".pyw")):
        return Surface.ENTRY_POINT
    if name == "__init__.py":
        return Surface.INIT
    return Surface.MODULE


def backend_paths(distribution: Distribution) -> frozenset[str]:
    """The files of a build backend that the source tree itself holds (PEP 517, backend-path)."""
    file = distribution.by_path.get("pyproject.toml")
    if file is None or file.size > 1 << 20:
        return frozenset()
    text = file.read().decode("utf-8", errors="replace")
    folders, backend = _BACKEND_PATH.search(text), _BACKEND.search(text)
    if folders is None or backend is None:
        return frozenset()
    module = backend.group(1).replace(".", "/")
    found: set[str] = set()
    for folder in _QUOTED.findall(folders.group(1)):
        prefix = "" if folder.strip("./") == "" else folder.strip("./") + "/"
        found |= {f"{prefix}{module}.py", f"{prefix}{module}/__init__.py"}
    return frozenset(found)
