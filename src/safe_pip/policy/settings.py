"""Settings: what a policy says, and the meet of two policies."""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass, field
from datetime import date, timedelta
from fnmatch import fnmatchcase

from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName
from packaging.version import InvalidVersion, Version


class Action(enum.Enum):
    """What to do with an artifact, from mild to strict."""

    ALLOW = "allow"
    ASK = "ask"
    BLOCK = "block"

    @property
    def severity(self) -> int:
        return _ACTIONS.index(self)


_ACTIONS = tuple(Action)


def stricter(first: Action, second: Action) -> Action:
    return max(first, second, key=lambda action: action.severity)


def milder(first: Action, second: Action) -> Action:
    return min(first, second, key=lambda action: action.severity)


class Unattended(enum.Enum):
    """What becomes of a question when nobody can answer it, from mild to strict."""

    ALLOW_BELOW_BLOCK = "allow-below-block"
    BLOCK = "block"


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """The model's own limits: scores (0 to 1) at or above which to ask, and to block."""

    ask: float
    block: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """A score at or above which a rule applies.

    It is the smaller of ``fixed`` and, if ``includes_model``, of what the model came with. Both
    are kept so that a meet can be taken before any model is loaded.
    """

    fixed: float = math.inf
    includes_model: bool = True

    def value(self, model: float) -> float:
        return min(self.fixed, model) if self.includes_model else self.fixed

    def meet(self, other: Threshold) -> Threshold:
        return Threshold(
            fixed=min(self.fixed, other.fixed),
            includes_model=self.includes_model or other.includes_model,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DenyEntry:
    """A project, or some of its versions, that never passes. An empty specifier is every version;
    ``*`` in the name stands for any characters."""

    project: str
    specifier: SpecifierSet = field(default_factory=SpecifierSet)

    def covers(self, project: NormalizedName, version: str | None) -> bool:
        if not fnmatchcase(project, self.project):
            return False
        # A version that cannot be read could be any version, so the entry counts.
        return not self.specifier or _contains(self.specifier, version, unreadable=True)

    def __str__(self) -> str:
        return f"{self.project}{self.specifier}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AllowEntry:
    """A reviewed artifact, project or range of versions that passes without a question.

    With ``sha256`` it covers those bytes alone. ``expires`` is the last day on which it counts.
    ``is_organisation``: it stands in the organisation's file, and sets aside its rules as well.
    """

    project: NormalizedName
    specifier: SpecifierSet = field(default_factory=SpecifierSet)
    sha256: str | None = None
    reason: str
    expires: date | None = None
    is_organisation: bool = False

    def covers(self, project: NormalizedName | None, version: str | None, sha256: str) -> bool:
        if self.sha256 is not None and self.sha256 != sha256:
            return False
        if project != self.project:
            return False
        return not self.specifier or _contains(self.specifier, version, unreadable=False)

    def has_expired(self, today: date) -> bool:
        return self.expires is not None and today > self.expires


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivateName:
    """Projects (``*`` stands for any characters) that may come from one index only."""

    pattern: str
    index_url: str

    def covers(self, project: NormalizedName) -> bool:
        return fnmatchcase(project, self.pattern)

    def is_served_by(self, index_url: str) -> bool:
        # The slash keeps https://index.example.evil/ from passing for https://index.example.
        return f"{index_url.rstrip('/')}/".startswith(f"{self.index_url.rstrip('/')}/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Every choice that safe-pip leaves to people. The defaults are the built-in policy.

    ``held`` names the rules that the organisation speaks about: only its own allow entries set
    them aside. No file can say it.
    """

    block_above: Threshold = Threshold()
    ask_above: Threshold = Threshold()
    unattended: Unattended = Unattended.BLOCK
    unscannable: Action = Action.BLOCK
    deny: frozenset[DenyEntry] = frozenset()
    allow: frozenset[AllowEntry] = frozenset()
    direct_urls: Action = Action.ALLOW
    vcs: Action = Action.ALLOW
    editable: Action = Action.ALLOW
    sdists: Action = Action.ALLOW
    advisories: Action = Action.BLOCK
    changes: Action = Action.ASK
    advisory_feeds: frozenset[str] = frozenset()
    offline: bool = False
    minimum_release_age: timedelta = timedelta(0)
    minimum_release_age_exempt: frozenset[str] = frozenset()
    unknown_age: Action = Action.ASK
    yanked: Action = Action.ALLOW
    quarantined: Action = Action.BLOCK
    several_indexes: Action = Action.ALLOW
    name_squats: Action = Action.ASK
    name_squats_exempt: frozenset[str] = frozenset()
    attestations: Action = Action.ALLOW
    attestation_loss: Action = Action.ALLOW
    private_names: frozenset[PrivateName] = frozenset()
    held: frozenset[str] = frozenset()

    def meet(self, other: Policy) -> Policy:
        """The mildest policy that is nowhere looser than either; commutative and idempotent."""
        return Policy(
            block_above=self.block_above.meet(other.block_above),
            ask_above=self.ask_above.meet(other.ask_above),
            unattended=(
                self.unattended if self.unattended is Unattended.BLOCK else other.unattended
            ),
            unscannable=stricter(self.unscannable, other.unscannable),
            deny=self.deny | other.deny,
            allow=self.allow & other.allow,
            direct_urls=stricter(self.direct_urls, other.direct_urls),
            vcs=stricter(self.vcs, other.vcs),
            editable=stricter(self.editable, other.editable),
            sdists=stricter(self.sdists, other.sdists),
            advisories=stricter(self.advisories, other.advisories),
            changes=stricter(self.changes, other.changes),
            advisory_feeds=self.advisory_feeds | other.advisory_feeds,
            offline=self.offline or other.offline,
            minimum_release_age=max(self.minimum_release_age, other.minimum_release_age),
            minimum_release_age_exempt=(
                self.minimum_release_age_exempt & other.minimum_release_age_exempt
            ),
            unknown_age=stricter(self.unknown_age, other.unknown_age),
            yanked=stricter(self.yanked, other.yanked),
            quarantined=stricter(self.quarantined, other.quarantined),
            several_indexes=stricter(self.several_indexes, other.several_indexes),
            name_squats=stricter(self.name_squats, other.name_squats),
            name_squats_exempt=self.name_squats_exempt & other.name_squats_exempt,
            attestations=stricter(self.attestations, other.attestations),
            attestation_loss=stricter(self.attestation_loss, other.attestation_loss),
            private_names=self.private_names | other.private_names,
            held=self.held | other.held,
        )


def _contains(specifier: SpecifierSet, version: str | None, *, unreadable: bool) -> bool:
    try:
        return specifier.contains(Version(version or ""), prereleases=True)
    except InvalidVersion:
        return unreadable
