"""A source's own build back end: what a build would load of it must be what can be read.

PEP 517: ``backend-path`` names folders of the source. Python takes any other file there for an
archive of modules, and compiled modules in place of sources or before them. Nobody writes a back
end that way but who hides one.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Set

from safe_pip.archive.contents import MAX_ANOMALIES_OF_A_KIND
from safe_pip.archive.member_names import folders_of
from safe_pip.distribution import Distribution, DistributionKind, SourceFile
from safe_pip.errors import UnscannableError
from safe_pip.extractors.build_system import MAX_PYPROJECT_BYTES, InnerBackend, inner_backend

_MAX_PARTS = 100
_EXTENSIONS = (".so", ".pyd", ".dll")


def refuse_unread_backend(distribution: Distribution) -> None:
    """Raises UnscannableError for a back end in an archive, in a compiled module, or in nothing
    that was read."""
    if distribution.kind is DistributionKind.WHEEL:
        return
    for file in distribution.files:
        # Some file systems make no difference between upper and lower case.
        if file.path.casefold() == "pyproject.toml":
            _refuse_backend_in(file, distribution)


def _refuse_backend_in(file: SourceFile, distribution: Distribution) -> None:
    if file.size > MAX_PYPROJECT_BYTES:
        raise UnscannableError(
            f"a pyproject.toml of {file.size:,} bytes", reason="metadata-too-large"
        )
    backend = inner_backend(file)
    if backend is None:
        return
    if max(len(backend.folders), len(backend.module)) > _MAX_PARTS:
        raise UnscannableError("a build back end of too many parts", reason="metadata-too-large")
    paths = {file.path.casefold() for file in distribution.files}
    outside = [
        anomaly.path.casefold()
        for anomaly in distribution.anomalies
        if anomaly.kind == "link-outside-root"
    ]
    if len(outside) >= MAX_ANOMALIES_OF_A_KIND:
        raise UnscannableError(
            "the build back end is loaded from the source, from which too many links lead out",
            reason="link-outside-root",
        )
    sources = distribution.certain_paths
    extensions = {_stem(path): path for path in paths if path.endswith(_EXTENSIONS)}
    for folder in backend.folders:
        for part in _ways(folder.casefold()):
            if part in paths:
                raise UnscannableError(
                    f"the build back end is loaded from {part!a}, which is no folder",
                    reason="backend-in-archive",
                )
            if part in outside:
                raise UnscannableError(
                    f"the build back end is loaded from {part!a}, a link out of the source",
                    reason="link-outside-root",
                )
        for base in _ways(posixpath.join(folder, *backend.module)):
            if compiled := _compiled(base, sources, paths, extensions):
                raise UnscannableError(
                    f"the build back end is loaded from {compiled!a}, a compiled module",
                    reason="backend-compiled",
                )
    if not any(_is_source(folder, backend, sources) for folder in backend.folders):
        # pip takes it from nowhere else. There may be more in the folder than was read.
        raise UnscannableError(
            f"the build back end {backend.name[:80]!a} is loaded from the source, where it is in "
            "no file that can be read",
            reason="backend-unread",
        )


def _is_source(folder: str, backend: InnerBackend, sources: Set[str]) -> bool:
    base = posixpath.join(folder, *backend.module)
    return f"{base}.py" in sources or f"{base}/__init__.py" in sources


def _ways(path: str) -> Iterator[str]:
    """A path and those above it: ``a``, ``a/b``, ``a/b/c``."""
    parts = [part for part in path.split("/") if part]
    return folders_of("/".join([*parts, ""]))


def _compiled(
    base: str, sources: Set[str], paths: Set[str], extensions: Mapping[str, str]
) -> str | None:
    """The compiled module that an import of ``base`` would take, if it would take one: Python looks
    for packages before modules, and for extension modules, sources and byte code in this order.
    ``paths`` and ``extensions`` are in lower case, ``sources`` are not: a source in other case is
    none where that makes a difference."""
    for stem in (f"{base}/__init__", base):
        if stem.casefold() in extensions:
            return extensions[stem.casefold()]
        if f"{stem}.py" in sources:
            return None
        if f"{stem}.pyc".casefold() in paths:
            return f"{stem}.pyc"
    return None


def _stem(path: str) -> str:
    """Without the suffixes, which name a platform too."""
    folder, slash, name = path.rpartition("/")
    return folder + slash + name.partition(".")[0]
