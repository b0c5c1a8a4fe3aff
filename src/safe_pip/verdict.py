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
    """An entry of a known-malicious list (OSV id and summary). ``is_of_release`` is false where
    some releases are listed and the artifact does not say which one it is."""

    id: str
    summary: str
    source: str
    is_of_release: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookalike:
    """That a project's name is easily mistaken for a popular one's. ``closeness``: 0 to 1, how
    alike times how popular; ``words`` tell the other name and how the two differ."""

    closeness: float
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleHit:
    """A hard rule that holds for an artifact (scoring.hard_rules), and where. ``says`` is what
    is there, in our words. A rule that does not block asks."""

    name: str
    says: str
    path: str
    line: int = 0
    is_block: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What is new since another release of the project, which ``previous`` names.

    Either ``score`` (0 to 1; ``ask_above`` is the model's own limit) or ``unread``, why the two
    were not compared, is set. Where all of the release, were it new, would stay below the limit,
    the score is that upper bound and there are no findings.
    """

    previous: str
    score: float | None = None
    ask_above: float = 1.0
    unread: str = ""
    findings: tuple[Finding, ...] = ()

    def __post_init__(self) -> None:
        if (self.score is None) != bool(self.unread):
            raise ValueError("a change has either a score or a reason why there is none")

    @property
    def is_suspicious(self) -> bool:
        return self.score is not None and self.score >= self.ask_above


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What was found about one artifact: a fact about its bytes.

    Exactly one of ``score`` (calibrated probability of malice, 0 to 1) and ``unscannable`` is
    set. ``sha256`` is empty only when not even the digest could be taken. ``change`` is there if
    another release was at hand to compare with; it is about both, and never remembered. ``rules``
    are the hard rules that hold for it.
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
    change: Change | None = None
    rules: tuple[RuleHit, ...] = ()

    @property
    def telling(self) -> tuple[Finding, ...]:
        """What people are shown: what is new, if the change is suspicious, before the rest."""
        if self.change is None or not self.change.is_suspicious:
            return self.findings
        new = {(item.evidence.feature, item.evidence.location) for item in self.change.findings}
        rest = (
            item
            for item in self.findings
            if (item.evidence.feature, item.evidence.location) not in new
        )
        return (*self.change.findings, *rest)

    def __post_init__(self) -> None:
        if (self.score is None) == (self.unscannable is None):
            raise ValueError("a verdict has either a score or a reason why there is none")
