"""Opinions: what each rule of a policy has to say about a verdict, and what sets it aside."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import chain
from typing import TYPE_CHECKING

from safe_pip.artifact import OriginKind
from safe_pip.policy.index_signals import by_index
from safe_pip.policy.opinion import Lift, Opinion
from safe_pip.policy.settings import Action, AllowEntry, Policy, Threshold, Thresholds, milder
from safe_pip.policy.versions import versions_of

if TYPE_CHECKING:
    from safe_pip.policy.rules import Context
    from safe_pip.verdict import RuleHit, Verdict


def opinions(
    verdict: Verdict, policy: Policy, context: Context, *, thresholds: Thresholds, now: datetime
) -> Iterator[Opinion]:
    said = chain(
        _by_name(verdict, policy, context),
        _by_advisories(verdict, policy),
        _by_inspection(verdict, policy),
        _by_blocking_rule(verdict),
        _by_high_score(verdict, policy, thresholds),
        _by_origin(verdict, policy, context),
        by_index(verdict, policy, context, now=now),
        _by_change(verdict, policy),
        # Last of the questions: they are the only ones that policy can answer where nobody is
        # there (without_a_person), and must not stand for another.
        _by_telling_behaviour(verdict, policy, thresholds),
        _by_raised_score(verdict, policy, thresholds),
    )
    yield from (opinion for opinion in said if opinion.action is not Action.ALLOW)
    yield _below_all_limits(verdict, policy, thresholds)


def _below_all_limits(verdict: Verdict, policy: Policy, thresholds: Thresholds) -> Opinion:
    reason = "no finding"
    if verdict.findings and verdict.score is not None:
        limit = policy.ask_above.value(thresholds.ask)
        reason = f"its score is {verdict.score:.4f} of 1, and questions begin at {limit:.4f}"
    return Opinion(action=Action.ALLOW, rule="model", reason=reason, lift=Lift.NEVER)


def _by_name(verdict: Verdict, policy: Policy, context: Context) -> Iterator[Opinion]:
    # A denied artifact could claim another name or version in its metadata; either counts.
    projects = sorted({name for name in (context.project, verdict.project) if name})
    versions = versions_of(verdict, context)
    for project in projects:
        for entry in sorted(policy.deny, key=str):
            if any(entry.covers(project, version) for version in versions):
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


def _by_advisories(verdict: Verdict, policy: Policy) -> Iterator[Opinion]:
    for advisory in verdict.advisories:
        listed = f"({advisory.id} of {advisory.source}: {advisory.summary})"
        if advisory.is_of_release:
            action, reason = policy.advisories, f"it is known malware {listed}"
        else:
            action = milder(policy.advisories, Action.ASK)
            reason = f"a release of it is known malware, and it does not say which it is {listed}"
        yield Opinion(action=action, rule="advisories", reason=reason, lift=Lift.DIGEST)


def _by_inspection(verdict: Verdict, policy: Policy) -> Iterator[Opinion]:
    if verdict.unscannable is not None:
        yield Opinion(
            action=policy.unscannable,
            rule="unscannable",
            reason=f"it could not be inspected ({verdict.unscannable.detail})",
            lift=Lift.DIGEST,
        )


def _by_blocking_rule(verdict: Verdict) -> Iterator[Opinion]:
    for hit in verdict.rules:
        if hit.is_block:
            yield Opinion(
                action=Action.BLOCK,
                rule=hit.name,
                reason=f"{_place(hit)} {hit.says}, which no benign project known to us does "
                f"(rule {hit.name})",
                lift=Lift.DIGEST,
            )


def _by_telling_behaviour(
    verdict: Verdict, policy: Policy, thresholds: Thresholds
) -> Iterator[Opinion]:
    """The name of what lifted the score to the question; the question is the score's."""
    limit = policy.ask_above.value(thresholds.ask)
    if verdict.score is None or verdict.score < limit:
        return
    for hit in verdict.rules:
        if not hit.is_block:
            yield Opinion(
                action=Action.ASK,
                rule=hit.name,
                reason=f"{_place(hit)} {hit.says}, which many families of malware and no benign "
                f"project known to the model do (rule {hit.name}; score {verdict.score:.4f} of 1)",
                lift=Lift.ANY,
            )


def _place(hit: RuleHit) -> str:
    return f"{hit.path}:{hit.line}" if hit.line else hit.path or "it"


def _by_high_score(verdict: Verdict, policy: Policy, thresholds: Thresholds) -> Iterator[Opinion]:
    limit = policy.block_above.value(thresholds.block)
    if verdict.score is not None and verdict.score >= limit:
        yield _by_score(Action.BLOCK, "block-above", verdict.score, limit, policy.block_above)


def _by_raised_score(verdict: Verdict, policy: Policy, thresholds: Thresholds) -> Iterator[Opinion]:
    limit = policy.ask_above.value(thresholds.ask)
    if verdict.score is not None and verdict.score >= limit:
        yield _by_score(Action.ASK, "ask-above", verdict.score, limit, policy.ask_above)


def _by_score(
    action: Action, rule: str, score: float, limit: float, threshold: Threshold
) -> Opinion:
    source = "the policy" if limit == threshold.fixed else "the model"
    verb = "blocks" if action is Action.BLOCK else "asks"
    return Opinion(
        action=action,
        rule=rule,
        reason=f"its score is {score:.4f} of 1, and {source} {verb} from {limit:.4f}",
        lift=Lift.ANY,
    )


def _by_change(verdict: Verdict, policy: Policy) -> Iterator[Opinion]:
    change = verdict.change
    if change is not None and change.score is not None and change.is_suspicious:
        yield Opinion(
            action=policy.changes,
            rule="changes",
            reason=(
                f"it gained what attacks show since {change.previous}: the change scores "
                f"{change.score:.4f} of 1, and the model asks from {change.ask_above:.4f}"
            ),
            lift=Lift.ANY,
        )


def _by_origin(verdict: Verdict, policy: Policy, context: Context) -> Iterator[Opinion]:
    direct_url = ("direct-urls", policy.direct_urls, "a direct URL")
    vcs = ("vcs", policy.vcs, "version control")
    editable = ("editable", policy.editable, "an editable folder")
    by_origin = {
        OriginKind.DIRECT_URL: (direct_url,),
        OriginKind.VCS: (vcs,),
        OriginKind.EDITABLE: (editable,),
        OriginKind.EDITABLE_VCS: (vcs, editable),
    }
    for rule, action, words in by_origin.get(context.origin, ()):
        yield Opinion(action=action, rule=rule, reason=f"it comes from {words}", lift=Lift.DIGEST)
    if verdict.kind == "sdist":
        yield Opinion(
            action=policy.sdists,
            rule="sdists",
            reason="it is a source distribution, which runs code to build",
            lift=Lift.ANY,
        )


def _never_lifted(rule: str, reason: str) -> Opinion:
    return Opinion(action=Action.BLOCK, rule=rule, reason=reason, lift=Lift.NEVER)


def is_set_aside(opinion: Opinion, entry: AllowEntry, policy: Policy) -> bool:
    """Whether an entry that covers the artifact does away with what a rule says about it."""
    if opinion.rule in policy.held and not entry.is_organisation:
        return False
    match opinion.lift:
        case Lift.NEVER:
            return False
        case Lift.DIGEST:
            return entry.sha256 is not None
        case Lift.ANY:
            return True
