"""One number about the distribution as a whole, as evidence."""

from __future__ import annotations

from collections.abc import Iterator

from safe_pip.evidence import MAX_EXCERPT_CHARS, Evidence, Location


def fact(feature: str, value: float, *, excerpt: str = "", detail: str = "") -> Iterator[Evidence]:
    """Evidence of a feature of the whole distribution; none for zero, which folds to zero."""
    if value:
        yield Evidence(
            feature=feature,
            location=Location(path=""),
            value=float(value),
            excerpt=excerpt[:MAX_EXCERPT_CHARS],
            detail=detail,
        )
