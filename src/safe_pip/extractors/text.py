"""Text features."""

from __future__ import annotations

from collections.abc import Iterator

from safe_pip.evidence import Evidence
from safe_pip.extractors.unit import PythonUnit
from safe_pip.feature import Feature

FEATURES: tuple[Feature, ...] = ()


def observe_unit(unit: PythonUnit) -> Iterator[Evidence]:
    yield from ()
