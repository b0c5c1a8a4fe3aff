"""Extractors: what is observed in a distribution.

``SCHEMA`` holds every column; ``observe`` gives the evidence that is folded into them.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

from safe_pip.distribution import Distribution
from safe_pip.evidence import Evidence, Location
from safe_pip.extractors import code, copies, files, metadata, talks, text
from safe_pip.extractors.host_census import HostCensus
from safe_pip.extractors.unit import python_units
from safe_pip.feature import FeatureSchema

SCHEMA = FeatureSchema(
    features=metadata.FEATURES + files.FEATURES + code.FEATURES + text.FEATURES + copies.FEATURES
)

_MANY_OBJECTS = 2_000_000


def observe(distribution: Distribution, *, reads_all: bool = False) -> tuple[Evidence, ...]:
    """All evidence about a distribution, sorted by place; independent of member order.

    ``reads_all`` is the straightforward path, against which the two tiers are measured: a tree
    for every file. It takes several times as long, and counts more of what is not weighty.

    Raises UnscannableError when a member cannot be read.
    """
    with _rare_collections():
        return tuple(sorted(_observations(distribution, reads_all), key=_place))


def _observations(distribution: Distribution, reads_all: bool) -> Iterator[Evidence]:
    yield from metadata.observe(distribution)
    yield from files.observe(distribution)
    yield from text.observe(distribution)
    seen_in_code: dict[tuple[str, Location], Evidence] = {}
    described = _description(distribution)
    census, comparison = HostCensus(), copies.Comparison(distribution)
    for unit in python_units(distribution, reads_all=reads_all):
        census.see(unit.data)
        yield from text.observe_unit(unit)
        comparison.add(unit.path, unit.data)
        for item in code.observe_unit(unit, described=described):
            # Several units may reach the same place of another; it counts once, at its most.
            key = (item.feature, item.location)
            before = seen_in_code.get(key)
            if before is None or _strength(item) > _strength(before):
                seen_in_code[key] = item
    held = [
        item
        for item in seen_in_code.values()
        if item.feature != talks.ODD_HOST or census.is_odd(talks.host_of(item))
    ]
    yield from held
    yield from comparison.observe(held)


def _description(distribution: Distribution) -> str:
    """What the distribution says of itself, in lower case."""
    fields = (value for values in distribution.headers.values() for value in values)
    return "\n".join((*fields, distribution.description)).lower()


def _strength(evidence: Evidence) -> tuple[float, str, str, str]:
    return (evidence.value, evidence.surface.name, evidence.detail, evidence.excerpt)


@contextmanager
def _rare_collections() -> Iterator[None]:
    """Lets the garbage collector run less often.

    Syntax trees are millions of objects with little garbage among them; at the usual thresholds
    half of the time of a large wheel goes into walking them. ``Program`` sweeps between files;
    this threshold is for a single file that would grow without end.
    """
    thresholds = gc.get_threshold()
    gc.set_threshold(_MANY_OBJECTS, 1, 1)
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)


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
