"""Where the files of a distribution land when it is installed, as far as their paths tell."""

from __future__ import annotations

import re

from safe_pip.distribution import Distribution, DistributionKind

_DATA_SCHEME = re.compile(r"[^/]+\.data/(?P<scheme>purelib|platlib|data|scripts|headers)/")
_SITE_PACKAGES = re.compile(r"(?:.*/)?(?:site|dist)-packages/")
_SOURCE_FOLDERS = frozenset({"src", "lib", "python"})
_TEST_WORDS = frozenset({"test", "tests", "testing", "doc", "docs", "example", "examples"})


def is_wheel(distribution: Distribution) -> bool:
    return distribution.kind is DistributionKind.WHEEL


def scheme_path(path: str) -> tuple[str, str]:
    """A wheel member's install scheme and its path below it (PEP 427, "the .data directory")."""
    match = _DATA_SCHEME.match(path)
    if match is None:
        return "purelib", path
    return match["scheme"], path[match.end() :]


def site_path(path: str, distribution: Distribution) -> str | None:
    """The path below site-packages, or None for what is installed elsewhere or not at all.

    For a source this is a guess: what lies at the root or below ``src``.
    """
    if not is_wheel(distribution):
        first, _, rest = path.partition("/")
        return rest if first in _SOURCE_FOLDERS and rest else path
    scheme, below = scheme_path(path)
    if scheme in ("purelib", "platlib"):
        return below
    match = _SITE_PACKAGES.match(below) if scheme == "data" else None
    return below[match.end() :] if match else None


def is_test_or_doc(path: str) -> bool:
    return not _TEST_WORDS.isdisjoint(path.lower().split("/")[:-1])
