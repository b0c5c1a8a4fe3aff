"""Summary and long description: stubs, random text, or another project's README."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from packaging.utils import canonicalize_name

from safe_pip.distribution import Distribution
from safe_pip.evidence import Evidence
from safe_pip.extractors.fact import fact
from safe_pip.extractors.popular import PopularNames, popular_names
from safe_pip.feature import Feature, Fold, Group

MAX_READ_CHARS = 40_000
MIN_WORDS = 4

FEATURES = (
    Feature(
        name="summary_len",
        group=Group.METADATA,
        fold=Fold.VALUE,
        clip=math.log1p(60),
        reason="bots leave stubs; capped at a short sentence",
        says="has a summary",
    ),
    Feature(
        name="desc_len",
        group=Group.METADATA,
        fold=Fold.VALUE,
        clip=math.log1p(1_000),
        reason="bots leave stubs; capped so that small projects are not punished",
        says="has a description",
    ),
    Feature(
        name="desc_gibberish",
        group=Group.METADATA,
        fold=Fold.VALUE,
        clip=9.0,
        reason="bot families fill the description with random letters",
        says="is described in random letters",
    ),
    Feature(
        name="desc_mentions_self",
        group=Group.METADATA,
        fold=Fold.VALUE,
        clip=1.0,
        reason="a copied README does not know its new name",
        says="mentions its own name in its description",
    ),
    Feature(
        name="desc_other_pkg",
        group=Group.METADATA,
        fold=Fold.VALUE,
        is_monotone=True,
        clip=3.0,
        reason="a clone with a payload keeps the headline, badge and pip line of its victim",
        says="has the description of another, popular project",
    ),
)

_WORD = re.compile(r"[A-Za-z]{3,24}")
_HEADLINE = re.compile(
    r"^[ \t]{0,3}#{1,2}[ \t]*([^\n#]{1,80})|^([^\n]{1,80})\n[=~*-]{3,}", re.MULTILINE
)
_BADGE = re.compile(
    r"(?:shields\.io/(?:pypi|conda/vn)/[a-z]{1,12}/|badge\.fury\.io/py/|pepy\.tech/badge/"
    r"|\bpypi\.(?:org|python\.org)/(?:project|pypi)/)([A-Za-z0-9._-]{1,64})"
)
_BADGE_SIGNS = ("pypi", "badge", "shields.io")
# The boundary before "pip" is asked for behind it: a search that begins with letters is faster.
_PIP_LINE = re.compile(r"pip(?<=\bpip)3?[ \t]{1,4}install[ \t]{1,4}([^\n`]{1,120})")
_TOOLS = frozenset(("pip", "pipx", "uv", "build", "setuptools", "wheel", "pytest", "tox"))
_REQUIREMENT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def observe(distribution: Distribution) -> Iterator[Evidence]:
    summary = distribution.header("summary")
    text = distribution.description[:MAX_READ_CHARS]
    yield from fact("summary_len", math.log1p(len(summary.strip())), excerpt=summary)
    yield from fact("desc_len", math.log1p(len(text.strip())))
    yield from fact("desc_gibberish", gibberish_bits(f"{summary}\n{text}"), excerpt=summary or text)
    if distribution.project is None:
        return
    yield from fact("desc_mentions_self", mentions(distribution.project, f"{summary}\n{text}"))
    foreign = foreign_names(distribution.project, text, popular_names())
    if foreign:
        yield from fact(
            "desc_other_pkg",
            len(foreign),
            excerpt=", ".join(f"{place}: {name}" for place, name in foreign.items()),
            detail=f"the {' and the '.join(foreign)} of the description name another project",
        )


def gibberish_bits(text: str) -> float:
    """The median surprisal of the text's words, in bits a letter; 0 for too few words.

    Only Latin letters are judged, so that a Chinese description is not gibberish.
    """
    words = sorted({word.lower() for word in _WORD.findall(text[:4_000])})
    if len(words) < MIN_WORDS:
        return 0.0
    bits = sorted(popular_names().letters.surprisals(words).tolist())
    return float(bits[len(bits) // 2])


def mentions(project: str, text: str) -> bool:
    """Whether a text names the project, whatever the separators."""
    squeezed = re.sub(r"[-_. ]", "", text.lower())
    return project.replace("-", "") in squeezed


def foreign_names(project: str, text: str, popular: PopularNames) -> dict[str, str]:
    """Places of the description (headline, badge, pip line) that name a popular project only.

    A place that also names the project itself counts for nothing, nor does a popular name that
    is part of the project's own or the other way round (psycopg2-binary), nor a tool that every
    README installs.
    """
    named = {
        "headline": [_headline_name(text)],
        "badge": _badge_names(text),
        "pip line": [name for line in _PIP_LINE.findall(text) for name in _installed(line)],
    }
    foreign: dict[str, str] = {}
    for place, found in named.items():
        names = [canonicalize_name(name) for name in found if name]
        if any(name in project or project in name for name in names):
            continue
        targets = [name for name in names if popular.is_target(name) and name not in _TOOLS]
        if targets:
            foreign[place] = targets[0]
    return foreign


def _badge_names(text: str) -> list[str]:
    """The projects that badges and links to the index name; none of them holds a blank."""
    return [
        name
        for word in text.split()
        if any(sign in word for sign in _BADGE_SIGNS)
        for name in _BADGE.findall(word)
    ]


def _headline_name(text: str) -> str:
    match = _HEADLINE.search(text[:2_000])
    headline = (match.group(1) or match.group(2) or "").strip(" \t#*`") if match else ""
    return headline if _REQUIREMENT_NAME.fullmatch(headline) else ""


def _installed(line: str) -> list[str]:
    """The project names on one ``pip install`` line."""
    words = (word for word in line.split() if not word.startswith("-"))
    matches = (_REQUIREMENT_NAME.match(word.strip("'\"")) for word in words)
    return [match.group() for match in matches if match]
