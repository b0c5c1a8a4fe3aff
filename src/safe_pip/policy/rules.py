"""Policy and decision: the choice that a project or a person makes about a verdict."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from itertools import chain
from typing import TYPE_CHECKING

from packaging.utils import NormalizedName

from safe_pip.artifact import OriginKind
from safe_pip.policy.settings import Action, AllowEntry, Policy, Threshold, Thresholds, Unattended

if TYPE_CHECKING:
    # Only the type is needed: a policy has to be read, and refused, before anything is loaded.
    from safe_pip.verdict import Verdict

__all__ = ["Action", "Context", "Decision", "Policy", "Thresholds", "decide", "without_a_person"]

# An allow entry that names a project and no digest trusts whoever serves that name. For these
# origins nobody vouches for the name, so only a digest counts.
UNVOUCHED_ORIGINS = frozenset({OriginKind.DIRECT_URL, OriginKind.VCS})


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """How an artifact came to be wanted. ``required_by`` is the chain of requirements from the
    command line to this one, outermost first; empty if the user named it.

    ``project`` is what pip takes the artifact for (the artifact itself may claim another name);
    ``index_url`` is the index that offered it. Each is None when it is not known.
    """

    origin: OriginKind
    required_by: tuple[str, ...] = ()
    is_build_requirement: bool = False
    uploaded_at: datetime | None = None
    project: NormalizedName | None = None
    index_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A choice about one verdict: never cached. ``rule`` names what decided (a policy key or
    ``model``); ``reason`` is one sentence for a person. ``not_checked`` says, a sentence each,
    which rules of the policy could not be applied and why."""

    verdict: Verdict
    context: Context
    action: Action
    rule: str
    reason: str
    not_checked: tuple[str, ...] = ()


class _Lift(enum.Enum):
    """What kind of allow entry sets a rule aside."""

    NEVER = "never"
    DIGEST = "an entry with the artifact's digest"
    ANY = "any entry that covers it"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Opinion:
    action: Action
    rule: str
    reason: str
    lift: _Lift


def decide(
    verdict: Verdict,
    policy: Policy,
    context: Context,
    *,
    thresholds: Thresholds,
    now: datetime,
) -> Decision:
    """What the policy says about a verdict; every rule has a say, and the strictest decides.

    Never milder for a higher score. ``now`` is an aware time.
    """
    entry = _covering_entry(verdict, policy, context, now)
    opinions = list(_opinions(verdict, policy, context, thresholds=thresholds, now=now))
    standing = [opinion for opinion in opinions if not _is_lifted(opinion, entry)]
    # max() keeps the first of equals, so the order of _opinions is the order of precedence.
    strictest = max(standing, key=lambda opinion: opinion.action.severity)
    if entry is not None and strictest.action is Action.ALLOW and len(standing) < len(opinions):
        strictest = _Opinion(
            action=Action.ALLOW,
            rule="allow",
            reason=f"the policy allows it: {entry.reason}",
            lift=_Lift.NEVER,
        )
    return Decision(
        verdict=verdict,
        context=context,
        action=strictest.action,
        rule=strictest.rule,
        reason=strictest.reason,
        not_checked=tuple(_not_checked(policy, context)),
    )


def without_a_person(decision: Decision, policy: Policy) -> Decision:
    """The decision when there is nobody to ask.

    ``allow-below-block`` lets pass what only the model's score asks about; a question for any
    other reason (could not look, age unknown, a rule about origins) is a block.
    """
    if decision.action is not Action.ASK:
        return decision
    if policy.unattended is Unattended.ALLOW_BELOW_BLOCK and decision.rule == "ask-above":
        return replace(
            decision,
            action=Action.ALLOW,
            rule="unattended",
            reason=f"{decision.reason}; nobody can be asked and the policy allows it",
        )
    return replace(decision, action=Action.BLOCK, reason=f"{decision.reason}; nobody can be asked")


def _opinions(
    verdict: Verdict, policy: Policy, context: Context, *, thresholds: Thresholds, now: datetime
) -> Iterator[_Opinion]:
    said = chain(
        _by_name(verdict, policy, context),
        _by_advisories(verdict, policy),
        _by_inspection(verdict, policy),
        _by_high_score(verdict, policy, thresholds),
        _by_origin(verdict, policy, context),
        _by_age(policy, context, now),
        # Last of the questions: it is the only one that policy can answer where nobody is there
        # (without_a_person), and must not stand for another.
        _by_raised_score(verdict, policy, thresholds),
    )
    yield from (opinion for opinion in said if opinion.action is not Action.ALLOW)
    yield _Opinion(action=Action.ALLOW, rule="model", reason="no finding", lift=_Lift.NEVER)


def _by_name(verdict: Verdict, policy: Policy, context: Context) -> Iterator[_Opinion]:
    # A denied artifact could claim another name in its metadata; either name counts.
    projects = sorted({name for name in (context.project, verdict.project) if name})
    for project in projects:
        for entry in sorted(policy.deny, key=str):
            if entry.covers(project, verdict.version):
                yield _never_lifted("deny", f"the policy denies {entry}")
    if context.index_url is None:
        return
    for project in projects:
        for private in sorted(policy.private_names, key=lambda name: name.pattern):
            if private.covers(project) and not private.is_served_by(context.index_url):
                yield _never_lifted(
                    "private-names",
                    f"{project} may come from {private.index_url} only, "
                    f"and this came from {context.index_url}",
                )


def _by_advisories(verdict: Verdict, policy: Policy) -> Iterator[_Opinion]:
    for advisory in verdict.advisories:
        yield _Opinion(
            action=policy.advisories,
            rule="advisories",
            reason=f"it is known malware ({advisory.id} of {advisory.source}: {advisory.summary})",
            lift=_Lift.DIGEST,
        )


def _by_inspection(verdict: Verdict, policy: Policy) -> Iterator[_Opinion]:
    if verdict.unscannable is not None:
        yield _Opinion(
            action=policy.unscannable,
            rule="unscannable",
            reason=f"it could not be inspected ({verdict.unscannable.detail})",
            lift=_Lift.DIGEST,
        )


def _by_high_score(verdict: Verdict, policy: Policy, thresholds: Thresholds) -> Iterator[_Opinion]:
    limit = policy.block_above.value(thresholds.block)
    if verdict.score is not None and verdict.score >= limit:
        yield _by_score(Action.BLOCK, "block-above", verdict.score, limit, policy.block_above)


def _by_raised_score(
    verdict: Verdict, policy: Policy, thresholds: Thresholds
) -> Iterator[_Opinion]:
    limit = policy.ask_above.value(thresholds.ask)
    if verdict.score is not None and verdict.score >= limit:
        yield _by_score(Action.ASK, "ask-above", verdict.score, limit, policy.ask_above)


def _by_score(
    action: Action, rule: str, score: float, limit: float, threshold: Threshold
) -> _Opinion:
    source = "the policy" if limit == threshold.fixed else "the model"
    verb = "blocks" if action is Action.BLOCK else "asks"
    return _Opinion(
        action=action,
        rule=rule,
        reason=f"its score is {score:.4f} of 1, and {source} {verb} from {limit:.4f}",
        lift=_Lift.ANY,
    )


def _by_origin(verdict: Verdict, policy: Policy, context: Context) -> Iterator[_Opinion]:
    by_origin = {
        OriginKind.DIRECT_URL: ("direct-urls", policy.direct_urls, "a direct URL"),
        OriginKind.VCS: ("vcs", policy.vcs, "version control"),
        OriginKind.EDITABLE: ("editable", policy.editable, "an editable folder"),
    }
    if context.origin in by_origin:
        rule, action, words = by_origin[context.origin]
        yield _Opinion(action=action, rule=rule, reason=f"it comes from {words}", lift=_Lift.DIGEST)
    if verdict.kind == "sdist":
        yield _Opinion(
            action=policy.sdists,
            rule="sdists",
            reason="it is a source distribution, which runs code to build",
            lift=_Lift.ANY,
        )


def _by_age(policy: Policy, context: Context, now: datetime) -> Iterator[_Opinion]:
    if not policy.minimum_release_age or context.origin is not OriginKind.INDEX:
        return
    if context.uploaded_at is None:
        yield _Opinion(
            action=policy.unknown_age,
            rule="unknown-age",
            reason="the index does not say when it was uploaded",
            lift=_Lift.ANY,
        )
        return
    age = now - _aware(context.uploaded_at)
    if age < policy.minimum_release_age:
        yield _Opinion(
            action=Action.BLOCK,
            rule="minimum-release-age",
            reason=(
                f"it was uploaded {_in_words(age)} ago, "
                f"and the policy waits {_in_words(policy.minimum_release_age)}"
            ),
            lift=_Lift.ANY,
        )


def _never_lifted(rule: str, reason: str) -> _Opinion:
    return _Opinion(action=Action.BLOCK, rule=rule, reason=reason, lift=_Lift.NEVER)


def _is_lifted(opinion: _Opinion, entry: AllowEntry | None) -> bool:
    if entry is None:
        return False
    match opinion.lift:
        case _Lift.NEVER:
            return False
        case _Lift.DIGEST:
            return entry.sha256 is not None
        case _Lift.ANY:
            return True


def _covering_entry(
    verdict: Verdict, policy: Policy, context: Context, now: datetime
) -> AllowEntry | None:
    """The allow entry that covers the artifact, one with a digest before one without."""
    if context.project is not None and verdict.project not in (None, context.project):
        return None
    project = verdict.project or context.project
    today = now.astimezone(timezone.utc).date()
    covering = [
        entry
        for entry in policy.allow
        if entry.covers(project, verdict.version, verdict.sha256)
        and not entry.has_expired(today)
        and (entry.sha256 is not None or context.origin not in UNVOUCHED_ORIGINS)
    ]
    return min(covering, key=lambda entry: (entry.sha256 is None, entry.reason), default=None)


def _not_checked(policy: Policy, context: Context) -> Iterator[str]:
    if policy.private_names and context.index_url is None and context.origin is OriginKind.INDEX:
        yield "private-names: pip did not say which index the artifact came from"


def _aware(time: datetime) -> datetime:
    return time if time.tzinfo is not None else time.replace(tzinfo=timezone.utc)


def _in_words(span: timedelta) -> str:
    if span >= timedelta(days=2):
        return f"{span.days} days"
    return f"{max(0, round(span.total_seconds() / 3600))} hours"
