"""Score and verdict: what was found about some bytes. No policy here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from packaging.utils import NormalizedName

from safe_pip.evidence import Evidence, Location
from safe_pip.feature import Group


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceLines:
    """Some lines of a file, hostile text, each cut to a few hundred characters."""

    first_line: int
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Evidence that moved the score, strongest first in a verdict.

    ``contribution`` is how far the score falls when the feature is set to its benign median.
    ``around`` is the source around its place, where there is one to show.
    """

    evidence: Evidence
    group: Group
    contribution: float
    around: SourceLines | None = None


def by_place(findings: Iterable[Finding]) -> Sequence[Sequence[Finding]]:
    """Finds at one line together; the places in the order of their strongest find."""
    places: dict[Location, list[Finding]] = {}
    for finding in findings:
        places.setdefault(finding.evidence.location, []).append(finding)
    return list(places.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Unscannable:
    """Why the bytes could not be looked at in full: a kebab-case word and a sentence."""

    reason: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Advisory:
    """An entry of a known-malicious list (OSV id and summary)."""

    id: str
    summary: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookalike:
    """That a project's name is easily mistaken for a popular one's. ``closeness``: 0 to 1, how
    alike times how popular; ``words`` tell the other name and how the two differ."""

    closeness: float
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What was found about one artifact: a fact about its bytes.

    Exactly one of ``score`` (calibrated probability of malice, 0 to 1) and ``unscannable`` is
    set. ``sha256`` is empty only when not even the digest could be taken.
    """

    sha256: str
    filename: str
    kind: str
    project: NormalizedName | None
    version: str | None
    scanner_id: str
    score: float | None
    unscannable: Unscannable | None
    findings: tuple[Finding, ...] = ()
    advisories: tuple[Advisory, ...] = ()
    lookalike: Lookalike | None = None

    def __post_init__(self) -> None:
        if (self.score is None) == (self.unscannable is None):
            raise ValueError("a verdict has either a score or a reason why there is none")
