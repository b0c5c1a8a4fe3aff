"""Which top-level modules a distribution installs, as far as its files tell."""

from __future__ import annotations

import re

from safe_pip.distribution import Distribution, DistributionKind

_EXTENSION_MODULE = re.compile(r"\.(?:py|pyw|so|pyd)$")
_NOT_PACKAGE_WORDS = (
    "test tests testing docs doc example examples sample samples scripts script tools bench "
    "benchmarks benchmark build dist ci setup conftest noxfile tasks versioneer fabfile src lib "
    "bin tutorials notebooks utils"
)
_NOT_PACKAGES = frozenset(_NOT_PACKAGE_WORDS.split())


def top_level_modules(distribution: Distribution) -> frozenset[str]:
    """Names of importable top-level modules and packages, without tests, docs and build files.

    A wheel's are at its root. A source tree's are the packages at its root or below ``src``,
    and its loose modules.
    """
    modules = {
        module
        for file in distribution.files
        if (module := _module_of(file.path, is_source=_is_source(distribution))) is not None
    }
    return frozenset(modules)


def _is_source(distribution: Distribution) -> bool:
    return distribution.kind is not DistributionKind.WHEEL


def _module_of(path: str, *, is_source: bool) -> str | None:
    parts = path.split("/")
    if is_source and parts[0] in ("src", "lib") and len(parts) > 1:
        parts = parts[1:]
    first = parts[0]
    if len(parts) == 1:
        if not _EXTENSION_MODULE.search(first):
            return None
        first = first.partition(".")[0]
    elif first.endswith((".dist-info", ".data", ".libs", ".egg-info")) or not (
        _EXTENSION_MODULE.search(parts[-1]) and (not is_source or parts[1] == "__init__.py")
    ):
        return None
    return first if first.isidentifier() and first.lower() not in _NOT_PACKAGES else None
