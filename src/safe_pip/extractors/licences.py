"""Which licences a distribution states, in three places, and whether they agree."""

from __future__ import annotations

import re
from collections.abc import Iterator

from safe_pip.distribution import Distribution
from safe_pip.evidence import Evidence
from safe_pip.extractors.fact import fact
from safe_pip.feature import Feature, Fold, Group

MAX_LICENCE_CHARS = 4_000
MAX_LICENCE_FILES = 8

FEATURES = (
    Feature(
        name="licence_agreement",
        group=Group.METADATA,
        fold=Fold.VALUE,
        clip=3.0,
        reason="the paper's licence mismatch, aware of SPDX: how many of three places agree",
        says="states the same licence in several places",
    ),
    Feature(
        name="licence_any",
        group=Group.METADATA,
        fold=Fold.VALUE,
        clip=1.0,
        reason="context for the agreement: no licence is not a mismatch",
        says="states a licence",
    ),
)

_FAMILIES = {
    "agpl": r"\bagpl|affero",
    "lgpl": r"\blgpl|lesser general public|library general public",
    "gpl": r"\bgpl|gnu general public",
    "apache": r"\bapache",
    "mit": r"\bmit\b|permission is hereby granted, free of charge",
    "bsd": r"\bbsd|redistribution and use in source and binary forms",
    "mpl": r"\bmpl\b|\bmpl-|mozilla public",
    "isc": r"\bisc\b|permission to use, copy, modify,? and/?(?:or)? distribute",
    "psf": r"\bpsf|python software foundation",
    "unlicense": r"\bunlicense|free and unencumbered software",
    "cc0": r"\bcc0|public domain",
    "zpl": r"\bzpl|zope public",
    "boost": r"\bbsl-1|boost software",
    "epl": r"\bepl|eclipse public",
    "artistic": r"artistic",
    "zlib": r"\bzlib\b",
    "proprietary": r"proprietary|all rights reserved\W{0,3}$|commercial",
}
_PATTERNS = {family: re.compile(pattern) for family, pattern in _FAMILIES.items()}
# The word that each branch begins with: to look for these takes a tenth of a search.
_FIRST_WORDS = {
    family: tuple(re.findall(r"(?:^|\|)(?:\\b)?([a-z0-9]+)", pattern))
    for family, pattern in _FAMILIES.items()
}
_LICENCE_FILE = re.compile(r"(?:li[cs]en[cs]e|copying|unlicense)", re.IGNORECASE)


def observe(distribution: Distribution) -> Iterator[Evidence]:
    stated = stated_licences(distribution)
    agreement = licence_agreement(stated)
    families = ", ".join(sorted(frozenset[str]().union(*stated)))
    yield from fact("licence_agreement", agreement, excerpt=families)
    yield from fact("licence_any", any(stated))


def stated_licences(distribution: Distribution) -> tuple[frozenset[str], ...]:
    """The licence families stated in field or expression, in classifiers, and in files."""
    headers = distribution.headers
    fields = (*headers.get("license-expression", ()), *headers.get("license", ()))
    classifiers = [c for c in headers.get("classifier", ()) if c.startswith("License ::")]
    files = [
        file
        for file in distribution.files
        if _LICENCE_FILE.match(file.path.rpartition("/")[2])
        and (file.path.count("/") == 0 or ".dist-info/" in file.path)
    ]
    return (
        licence_families("\n".join(fields)),
        licence_families("\n".join(classifiers)),
        frozenset[str]().union(
            *(
                licence_families(file.read()[:MAX_LICENCE_CHARS].decode(errors="replace"))
                for file in files[:MAX_LICENCE_FILES]
            )
        ),
    )


def licence_families(text: str) -> frozenset[str]:
    """Families named in a licence's text, name or SPDX expression; versions do not matter."""
    lowered = " ".join(text[:MAX_LICENCE_CHARS].lower().split())
    found = {
        family
        for family, pattern in _PATTERNS.items()
        if any(word in lowered for word in _FIRST_WORDS[family]) and pattern.search(lowered)
    }
    if "zope" not in lowered and "zpl" in found:
        found.discard("zpl")
    # The text of each licence names its stricter or looser sisters.
    if "agpl" in found or "lgpl" in found:
        found.discard("gpl")
    return frozenset(found)


def licence_agreement(stated: tuple[frozenset[str], ...]) -> int:
    """How many of the three places name one and the same family; 0 if those that speak differ."""
    votes = [sum(family in place for place in stated) for family in frozenset().union(*stated)]
    n_speaking = sum(map(bool, stated))
    most = max(votes, default=0)
    return 0 if n_speaking > 1 and most == 1 else most
