"""Extractors: what is observed in a distribution.

``SCHEMA`` holds every column; ``observe`` gives the evidence that is folded into them.
"""

from __future__ import annotations

from collections.abc import Iterator

from safe_pip.distribution import Distribution
from safe_pip.evidence import Evidence
from safe_pip.extractors import code, files, metadata, text
from safe_pip.extractors.unit import python_units
from safe_pip.feature import FeatureSchema

SCHEMA = FeatureSchema(
    features=metadata.FEATURES + files.FEATURES + code.FEATURES + text.FEATURES
)


def observe(distribution: Distribution) -> tuple[Evidence, ...]:
    """All evidence about a distribution, sorted by place; independent of member order.

    Raises UnscannableError when a member cannot be read.
    """
    return tuple(sorted(_observations(distribution), key=_place))


def _observations(distribution: Distribution) -> Iterator[Evidence]:
    yield from metadata.observe(distribution)
    yield from files.observe(distribution)
    yield from text.observe(distribution)
    for unit in python_units(distribution):
        yield from code.observe_unit(unit)
        yield from text.observe_unit(unit)


def _place(evidence: Evidence) -> tuple[str, int, str, str, float, str]:
    location = evidence.location
    return (
        location.path,
        location.line,
        evidence.feature,
        evidence.excerpt,
        evidence.value,
        evidence.detail,
    )
