"""Distributions from source text alone, for tests of what is read in code."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping

from packaging.utils import canonicalize_name

from safe_pip.distribution import Distribution, DistributionKind, SourceFile
from safe_pip.evidence import Evidence
from safe_pip.extractors import code
from safe_pip.extractors.unit import python_units


def distribution_of(
    files: Mapping[str, str | bytes], *, kind: DistributionKind = DistributionKind.SDIST
) -> Distribution:
    """A distribution of these files; text is dedented, and its first line is line 1."""
    return Distribution(
        kind=kind,
        sha256="0" * 64,
        filename="demo-1.0.tar.gz",
        project=canonicalize_name("demo"),
        version="1.0",
        headers={},
        description="",
        files=tuple(_file(path, content) for path, content in files.items()),
    )


def code_evidence(
    files: Mapping[str, str | bytes], *, kind: DistributionKind = DistributionKind.SDIST
) -> list[Evidence]:
    """The code group's evidence about these files."""
    distribution = distribution_of(files, kind=kind)
    return [item for unit in python_units(distribution) for item in code.observe_unit(unit)]


def places(evidence: list[Evidence], feature: str) -> set[tuple[str, int]]:
    """Where a feature was seen: path and line."""
    return {
        (item.location.path, item.location.line) for item in evidence if item.feature == feature
    }


def features(evidence: list[Evidence]) -> set[str]:
    return {item.feature for item in evidence}


def _file(path: str, content: str | bytes) -> SourceFile:
    data = content if isinstance(content, bytes) else _dedented(content).encode()
    return SourceFile(path=path, size=len(data), load=_loader(data))


def _dedented(text: str) -> str:
    return textwrap.dedent(text.removeprefix("\n"))


def _loader(data: bytes) -> Callable[[], bytes]:
    return lambda: data
