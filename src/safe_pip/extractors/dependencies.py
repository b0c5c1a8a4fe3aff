"""Requirements of a distribution: how many, from where, and whether one is a squat."""

from __future__ import annotations

import math
from collections.abc import Iterator

from packaging.utils import canonicalize_name

from safe_pip.distribution import Distribution
from safe_pip.evidence import Evidence
from safe_pip.extractors.fact import fact
from safe_pip.extractors.late_regex import late_regex
from safe_pip.extractors.popular import popular_names
from safe_pip.feature import Feature, Fold, Group

MAX_REQUIREMENTS = 500

FEATURES = (
    Feature(
        name="n_requires",
        group=Group.METADATA,
        fold=Fold.VALUE,
        clip=math.log1p(10),
        reason="19 of 20 malicious uploads need nothing; capped",
        says="requires other projects",
    ),
    Feature(
        name="req_near_popular",
        group=Group.METADATA,
        fold=Fold.VALUE,
        is_monotone=True,
        clip=1.0,
        reason="the payload may lie in a required squat, with nothing here to see",
        says="requires a project that is easily mistaken for a popular one",
    ),
    Feature(
        name="req_direct_url",
        group=Group.METADATA,
        fold=Fold.VALUE,
        is_monotone=True,
        clip=1.0,
        reason="a requirement by URL comes past the index and its checks",
        says="requires something from outside the index",
    ),
)

_NAME = late_regex(r"\s*([A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?)")
_EXTRA_MARKER = late_regex(r";.*\bextra\s*==")
_DIRECT_URL = late_regex(r"\s*[A-Za-z0-9._-]{1,64}\s*(?:\[[^\]]{0,200}\])?\s*@\s*(\S+)")


def observe(distribution: Distribution) -> Iterator[Evidence]:
    requirements = distribution.headers.get("requires-dist", ())[:MAX_REQUIREMENTS]
    yield from fact("n_requires", math.log1p(len(requirements)))
    direct = next((text for text in requirements if _DIRECT_URL.match(text[:1000])), None)
    if direct is not None:
        yield from fact("req_direct_url", 1.0, excerpt=direct)
    # What only an extra asks for is not installed unless a user names the extra.
    always = (text for text in requirements if not _EXTRA_MARKER.search(text[:1000]))
    named = {canonicalize_name(m.group(1)) for text in always if (m := _NAME.match(text))}
    near = {
        name: match
        for name in sorted(named)
        if (match := popular_names().nearest(name, max_edits=1)) is not None
    }
    if near:
        name, match = max(near.items(), key=lambda item: item[1].closeness)
        yield from fact(
            "req_near_popular",
            match.closeness,
            excerpt=name,
            detail=f"{match.manner} from {match.popular}, number {match.rank} by downloads",
        )
