"""The metadata group."""

from __future__ import annotations

from collections.abc import Iterator

from safe_pip.distribution import Distribution
from safe_pip.evidence import Evidence
from safe_pip.feature import Feature

FEATURES: tuple[Feature, ...] = ()


def observe(distribution: Distribution) -> Iterator[Evidence]:
    yield from ()
