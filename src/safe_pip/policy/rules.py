"""Policy and decision: the choice that a project or a person makes about a verdict."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from packaging.utils import NormalizedName

from safe_pip.artifact import OriginKind, RequirementLine
from safe_pip.policy.index_signals import Release, aware, not_checked
from safe_pip.policy.opinion import Lift, Opinion
from safe_pip.policy.opinions import is_set_aside, opinions
from safe_pip.policy.settings import Action, AllowEntry, Policy, Thresholds, Unattended
from safe_pip.policy.versions import versions_of

if TYPE_CHECKING:
    # Only the type is needed: a policy has to be read, and refused, before anything is loaded.
    from safe_pip.threats.attestations import Attested
    from safe_pip.verdict import Verdict

__all__ = ["Action", "Context", "Decision", "Policy", "Thresholds", "decide", "without_a_person"]

# An allow entry that names a project and no digest trusts whoever serves that name. For these
# origins nobody vouches for the name, so only a digest counts.
UNVOUCHED_ORIGINS = frozenset({OriginKind.DIRECT_URL, OriginKind.VCS, OriginKind.EDITABLE_VCS})

# Questions that the score asks, under its own name or that of what lifted it.
ABOUT_SCORES = frozenset({"ask-above", "telling-behaviour"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """How an artifact came to be wanted. ``required_by`` is the chain of requirements from the
    command line to this one, outermost first; empty if the user named it.

    ``requested_in`` is the line of a requirement file that the chain begins with, if it does.
    ``project`` is what pip takes the artifact for (the artifact itself may claim another name);
    ``index_url`` is the page of the index that offered it, ``page_format`` its kind (``json`` or
    ``html``), ``yanked`` why the index withdrew the release (PEP 592; empty if it does not say),
    ``project_status`` what it says about the project (PEP 792). Each is None when it is not
    known, or not so. ``provenance_url`` is where the index has attestations of the file, if it
    has any, and ``attested`` what came of looking at them, if the policy wants that;
    ``attested_before`` is the latest earlier version that has some, where this file has none.
    ``is_of_unvouched_source``: it was built from what came by such an origin.
    ``releases`` are the project's latest on that page, for a young one; ``other_indexes`` offer
    other files under the same name.
    """

    origin: OriginKind
    required_by: tuple[str, ...] = ()
    requested_in: RequirementLine | None = None
    is_build_requirement: bool = False
    uploaded_at: datetime | None = None
    project: NormalizedName | None = None
    index_url: str | None = None
    page_format: str | None = None
    releases: tuple[Release, ...] = ()
    provenance_url: str | None = None
    attested_before: str | None = None
    attested: Attested | None = None
    yanked: str | None = None
    project_status: str | None = None
    other_indexes: tuple[str, ...] = ()
    is_of_unvouched_source: bool = False

    @property
    def known_since(self) -> datetime | None:
        """The first upload of the project that is known, as an aware time."""
        times = [release.since for release in self.releases]
        if self.uploaded_at is not None:
            times.append(aware(self.uploaded_at))
        return min(times, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A choice about one verdict: never cached. ``rule`` names what decided (a policy key, a hard
    rule or ``model``); ``reason`` is one sentence for a person. ``not_checked`` says, a sentence
    each, which rules of the policy could not be applied and why. ``can_be_allowed``: an allow entry
    of the user's, with the digest, would set the rule aside; ``is_held``: it would, were it not the
    organisation that set the rule."""

    verdict: Verdict
    context: Context
    action: Action
    rule: str
    reason: str
    not_checked: tuple[str, ...] = ()
    can_be_allowed: bool = True
    is_held: bool = False


def decide(
    verdict: Verdict,
    policy: Policy,
    context: Context,
    *,
    thresholds: Thresholds,
    now: datetime,
    gaps: Sequence[str] = (),
) -> Decision:
    """What the policy says about a verdict; every rule has a say, and the strictest decides.

    Never milder for a higher score. ``now`` is an aware time; ``gaps`` says what could not be
    looked up for any artifact, a sentence each.
    """
    entries = _covering_entries(verdict, policy, context, now)
    said = list(opinions(verdict, policy, context, thresholds=thresholds, now=now))
    standing = [
        opinion
        for opinion in said
        if not any(is_set_aside(opinion, entry, policy) for entry in entries)
    ]
    # max() keeps the first of equals, so the order of opinions() is the order of precedence.
    strictest = max(standing, key=lambda opinion: opinion.action.severity)
    counting = [
        entry for entry in entries if any(is_set_aside(opinion, entry, policy) for opinion in said)
    ]
    if counting and strictest.action is Action.ALLOW:
        strictest = Opinion(
            action=Action.ALLOW,
            rule="allow",
            reason=f"the policy allows it: {counting[0].reason}",
            lift=Lift.NEVER,
        )
    return Decision(
        verdict=verdict,
        context=context,
        action=strictest.action,
        rule=strictest.rule,
        reason=strictest.reason,
        can_be_allowed=strictest.lift is not Lift.NEVER and strictest.rule not in policy.held,
        is_held=strictest.lift is not Lift.NEVER and strictest.rule in policy.held,
        not_checked=(
            *gaps,
            *not_checked(verdict, policy, context),
            *_not_compared(verdict, policy),
        ),
    )


def without_a_person(decision: Decision, policy: Policy) -> Decision:
    """The decision when there is nobody to ask.

    ``allow-below-block`` lets pass what only the model's score asks about; a question for any
    other reason (could not look, age unknown, a rule about origins) is a block.
    """
    if decision.action is not Action.ASK:
        return decision
    if policy.unattended is Unattended.ALLOW_BELOW_BLOCK and decision.rule in ABOUT_SCORES:
        return replace(
            decision,
            action=Action.ALLOW,
            rule="unattended",
            reason=f"{decision.reason}; nobody can be asked and the policy allows it",
        )
    return replace(decision, action=Action.BLOCK, reason=f"{decision.reason}; nobody can be asked")


def _not_compared(verdict: Verdict, policy: Policy) -> Iterator[str]:
    change = verdict.change
    if change is not None and change.unread and policy.changes is not Action.ALLOW:
        yield f"changes: it was not compared with {change.previous}, because {change.unread}"


def _covering_entries(
    verdict: Verdict, policy: Policy, context: Context, now: datetime
) -> Sequence[AllowEntry]:
    """The allow entries that cover the artifact, those with a digest before those without."""
    if context.project is not None and verdict.project not in (None, context.project):
        return ()
    project = verdict.project or context.project
    today = now.astimezone(timezone.utc).date()
    versions = versions_of(verdict, context)
    is_vouched = context.origin not in UNVOUCHED_ORIGINS and not context.is_of_unvouched_source
    covering = [
        entry
        for entry in policy.allow
        if all(
            entry.covers(project, version, verdict.sha256)
            # A digest says which release was meant, whatever that is called.
            for version in (versions if entry.sha256 is None else (verdict.version,))
        )
        and not entry.has_expired(today)
        and (entry.sha256 is not None or is_vouched)
    ]
    return sorted(covering, key=lambda entry: (entry.sha256 is None, entry.reason))
