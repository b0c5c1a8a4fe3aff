"""Metadata features."""

from __future__ import annotations

from collections.abc import Iterator

from safe_pip.distribution import Distribution
from safe_pip.evidence import Evidence
from safe_pip.extractors import names
from safe_pip.feature import Feature

DISPOSABLE_DOMAINS = "disposable_domains.txt.gz"
FEATURES: tuple[Feature, ...] = names.FEATURES


def observe(distribution: Distribution) -> Iterator[Evidence]:
    yield from names.observe(distribution)
