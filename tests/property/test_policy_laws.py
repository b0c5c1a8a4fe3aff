"""The laws of policies: what the merge and the decision promise for every input."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from safe_pip.policy.loading import hold, override, tighten
from safe_pip.policy.rules import Context, decide, without_a_person
from safe_pip.policy.settings import Action, Policy, Threshold, Thresholds, Unattended
from safe_pip.verdict import Change, RuleHit, Verdict
from tests.policies import NOW, contexts, make_verdict, policies, scores, verdicts

model_thresholds = st.builds(
    lambda low, high: Thresholds(ask=min(low, high), block=max(low, high)), scores, scores
)


def severity(
    verdict: Verdict,
    policy: Policy,
    context: Context,
    thresholds: Thresholds,
    *,
    is_attended: bool,
) -> int:
    decision = decide(verdict, policy, context, thresholds=thresholds, now=NOW)
    if not is_attended:
        decision = without_a_person(decision, policy)
    return decision.action.severity


@given(policies, policies)
def test_meet_is_commutative(first: Policy, second: Policy) -> None:
    assert first.meet(second) == second.meet(first)


@given(policies)
def test_meet_is_idempotent(policy: Policy) -> None:
    assert policy.meet(policy) == policy


@given(policies, policies, policies)
def test_meet_is_associative(first: Policy, second: Policy, third: Policy) -> None:
    assert first.meet(second).meet(third) == first.meet(second.meet(third))


@settings(max_examples=500)
@given(policies, policies, verdicts, contexts, model_thresholds, st.booleans())
def test_meet_is_never_looser_than_either(
    first: Policy,
    second: Policy,
    verdict: Verdict,
    context: Context,
    thresholds: Thresholds,
    is_attended: bool,
) -> None:
    together, alone = (
        severity(verdict, policy, context, thresholds, is_attended=is_attended)
        for policy in (first.meet(second), first)
    )
    assert together >= alone


@given(policies, policies, verdicts, contexts, model_thresholds, st.booleans())
def test_an_untrusted_file_never_loosens(
    base: Policy,
    wanted: Policy,
    verdict: Verdict,
    context: Context,
    thresholds: Thresholds,
    is_attended: bool,
) -> None:
    said = {name: getattr(wanted, name) for name in _FIELDS}
    reached, alone = (
        severity(verdict, policy, context, thresholds, is_attended=is_attended)
        for policy in (tighten(base, said), base)
    )
    assert reached >= alone


MILDEST = Policy(
    block_above=Threshold(fixed=2.0, includes_model=False),
    ask_above=Threshold(fixed=2.0, includes_model=False),
    unattended=Unattended.ALLOW_BELOW_BLOCK,
    unscannable=Action.ALLOW,
    advisories=Action.ALLOW,
    unknown_age=Action.ALLOW,
    quarantined=Action.ALLOW,
)
# No file can say it.
_FIELDS = sorted(set(Policy.__slots__) - {"held"})


@given(
    policies,
    policies,
    st.frozensets(st.sampled_from(_FIELDS)),
    verdicts,
    contexts,
    model_thresholds,
    st.booleans(),
)
def test_nothing_gets_under_what_the_organisation_says(
    below: Policy,
    wanted: Policy,
    names: frozenset[str],
    verdict: Verdict,
    context: Context,
    thresholds: Thresholds,
    is_attended: bool,
) -> None:
    said = {name: getattr(wanted, name) for name in names}
    allow = frozenset(replace(entry, is_organisation=True) for entry in wanted.allow)
    if "allow" in said:
        said["allow"] = allow
        below = replace(below, allow=below.allow | allow)
    organisation = override(MILDEST, said)
    reached, alone = (
        severity(verdict, policy, context, thresholds, is_attended=is_attended)
        for policy in (hold(below, said), organisation)
    )
    assert reached >= alone


@given(policies, policies)
def test_an_untrusted_file_counts_once(base: Policy, wanted: Policy) -> None:
    said = {name: getattr(wanted, name) for name in _FIELDS}
    once = tighten(base, said)
    assert tighten(once, said) == once


@given(policies)
def test_a_file_that_says_nothing_changes_nothing(base: Policy) -> None:
    assert tighten(base, {}) == base == override(base, {})


@given(policies, contexts, model_thresholds, scores, scores, st.booleans())
def test_decide_is_monotone_in_the_score(
    policy: Policy,
    context: Context,
    thresholds: Thresholds,
    one: float,
    other: float,
    is_attended: bool,
) -> None:
    low, high = sorted((one, other))
    mild, strict = (
        severity(make_verdict(score=score), policy, context, thresholds, is_attended=is_attended)
        for score in (low, high)
    )
    assert mild <= strict


@given(policies, verdicts, contexts, model_thresholds)
def test_what_is_denied_is_blocked_whatever_allows_it(
    policy: Policy, verdict: Verdict, context: Context, thresholds: Thresholds
) -> None:
    decision = decide(verdict, policy, context, thresholds=thresholds, now=NOW)
    names = {verdict.project, context.project} - {None}
    denied = any(
        entry.covers(name, verdict.version)
        for entry in policy.deny
        for name in names
        if name is not None
    )
    assert not denied or decision.rule == "deny"


@given(policies, verdicts, contexts, model_thresholds)
def test_an_expired_entry_is_as_good_as_none(
    policy: Policy, verdict: Verdict, context: Context, thresholds: Thresholds
) -> None:
    current = frozenset(entry for entry in policy.allow if not entry.has_expired(NOW.date()))
    decisions = [
        decide(verdict, each, context, thresholds=thresholds, now=NOW)
        for each in (policy, replace(policy, allow=current))
    ]
    assert decisions[0] == decisions[1]


changes = st.builds(
    lambda score, ask: Change(previous="demo 0.9", score=score, ask_above=ask), scores, scores
)
hits = st.lists(
    st.sampled_from(
        [
            RuleHit(name="startup-decodes", says="decodes", path="demo.pth", is_block=True),
            RuleHit(name="telling-behaviour", says="sends", path="demo.py"),
        ]
    ),
    max_size=2,
).map(tuple)


@settings(max_examples=500)
@given(policies, verdicts, contexts, model_thresholds, st.booleans(), changes, hits)
def test_no_change_and_no_hard_rule_makes_a_decision_milder(
    policy: Policy,
    verdict: Verdict,
    context: Context,
    thresholds: Thresholds,
    is_attended: bool,
    change: Change,
    rules: tuple[RuleHit, ...],
) -> None:
    with_both, without = (
        severity(one, policy, context, thresholds, is_attended=is_attended)
        for one in (replace(verdict, change=change, rules=rules), verdict)
    )
    assert with_both >= without
