"""What each rule of a policy decides, and what sets it aside."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from safe_pip.artifact import OriginKind
from safe_pip.gates.pip_signals import YOUNG_DAYS
from safe_pip.policy.index_signals import Release
from safe_pip.policy.name_squats import NEWCOMER_AGE
from safe_pip.policy.rules import Context, without_a_person
from safe_pip.policy.settings import (
    Action,
    AllowEntry,
    DenyEntry,
    Policy,
    PrivateName,
    Threshold,
    Unattended,
)
from safe_pip.verdict import Advisory
from tests.policies import DIGESTS, LIKE_REQUESTS, NOW, make_decision, make_finding, make_verdict

DEMO = canonicalize_name("demo")
INDEX = Context(origin=OriginKind.INDEX)
BY_NAME = AllowEntry(project=DEMO, reason="we read it")
BY_DIGEST = replace(BY_NAME, sha256=DIGESTS[0])
ADVISORY = Advisory(id="MAL-2026-1", summary="steals tokens", source="a list")


def allowing(*entries: AllowEntry) -> Policy:
    return Policy(allow=frozenset(entries))


@pytest.mark.parametrize(
    ("score", "action", "rule"),
    [
        (0.49, Action.ALLOW, "model"),
        (0.5, Action.ASK, "ask-above"),
        (0.89, Action.ASK, "ask-above"),
        (0.9, Action.BLOCK, "block-above"),
        (1.0, Action.BLOCK, "block-above"),
    ],
)
def test_a_score_at_a_threshold_reaches_it(score: float, action: Action, rule: str) -> None:
    decision = make_decision(make_verdict(score=score))
    assert (decision.action, decision.rule) == (action, rule)


def test_nothing_found_is_called_no_finding() -> None:
    assert make_decision(make_verdict()).reason == "no finding"


def test_finds_below_every_limit_are_not_called_no_finding() -> None:
    decision = make_decision(make_verdict(score=0.4, findings=(make_finding(),)))
    assert decision.action is Action.ALLOW
    assert decision.reason == "its score is 0.4000 of 1, and questions begin at 0.5000"


def test_a_policy_threshold_replaces_the_models() -> None:
    policy = Policy(ask_above=Threshold(fixed=0.05, includes_model=False))
    decision = make_decision(make_verdict(score=0.1), policy)
    assert decision.action is Action.ASK
    assert "the policy asks from 0.0500" in decision.reason


def test_could_not_look_is_blocked() -> None:
    decision = make_decision(make_verdict(unscannable="time-out"))
    assert (decision.action, decision.rule) == (Action.BLOCK, "unscannable")


def test_an_allow_entry_by_name_covers_a_score() -> None:
    decision = make_decision(make_verdict(score=0.99), allowing(BY_NAME))
    assert (decision.action, decision.rule) == (Action.ALLOW, "allow")
    assert "we read it" in decision.reason


def test_an_allow_entry_that_was_not_needed_is_not_named() -> None:
    assert make_decision(make_verdict(), allowing(BY_NAME)).rule == "model"


@pytest.mark.parametrize("origin", [OriginKind.DIRECT_URL, OriginKind.VCS])
def test_a_name_means_nothing_where_nobody_vouches_for_it(origin: OriginKind) -> None:
    verdict, context = make_verdict(score=0.99), Context(origin=origin)
    assert make_decision(verdict, allowing(BY_NAME), context).action is Action.BLOCK
    assert make_decision(verdict, allowing(BY_DIGEST), context).action is Action.ALLOW


def test_an_artifact_cannot_borrow_an_allowed_name() -> None:
    context = Context(origin=OriginKind.INDEX, project=canonicalize_name("other"))
    decision = make_decision(make_verdict(score=0.99), allowing(BY_NAME), context)
    assert decision.action is Action.BLOCK


@pytest.mark.parametrize("rule", ["unscannable", "advisories"])
def test_only_a_digest_covers_what_was_not_a_score(rule: str) -> None:
    verdict = (
        make_verdict(unscannable="time-out")
        if rule == "unscannable"
        else make_verdict(advisories=(ADVISORY,))
    )
    assert make_decision(verdict, allowing(BY_NAME)).rule == rule
    assert make_decision(verdict, allowing(BY_DIGEST)).action is Action.ALLOW


def test_other_bytes_of_an_allowed_version_are_not_covered() -> None:
    verdict = make_verdict(score=0.99, sha256=DIGESTS[1])
    assert make_decision(verdict, allowing(BY_DIGEST)).action is Action.BLOCK


@pytest.mark.parametrize(("version", "covered"), [("1.0", True), ("2.0", False), (None, False)])
def test_an_allow_entry_covers_its_versions(version: str | None, covered: bool) -> None:
    entry = replace(BY_NAME, specifier=SpecifierSet("<2"))
    decision = make_decision(make_verdict(score=0.99, version=version), allowing(entry))
    assert (decision.action is Action.ALLOW) == covered


LYING_NAMES = ("demo-2.0.tar.gz", "Demo-2.0.tar.bz2", "demo-2.0.ZIP", "demo-2.0-py3-none-any.whl")


@pytest.mark.parametrize("filename", LYING_NAMES)
def test_a_release_cannot_borrow_an_allowed_version(filename: str) -> None:
    """pip takes it for what its file name says, and builds it."""
    entry = replace(BY_NAME, specifier=SpecifierSet("<2"))
    verdict = make_verdict(score=0.99, version="1.0", filename=filename)
    assert make_decision(verdict, allowing(entry)).action is Action.BLOCK
    by_digest = replace(entry, sha256=DIGESTS[0])
    assert make_decision(verdict, allowing(by_digest)).action is Action.ALLOW


@pytest.mark.parametrize("filename", LYING_NAMES)
def test_a_denied_version_is_denied_whatever_its_metadata_says(filename: str) -> None:
    policy = Policy(deny=frozenset({DenyEntry(project="demo", specifier=SpecifierSet("==2.0"))}))
    verdict = make_verdict(version="1.0", filename=filename)
    assert make_decision(verdict, policy).rule == "deny"


@pytest.mark.parametrize("filename", ["demo-1.0.0.tar.gz", "v1.0.zip", "demo", "demo-1.tar.gz"])
def test_one_version_in_other_words_is_covered(filename: str) -> None:
    entry = replace(BY_NAME, specifier=SpecifierSet("==1.0"))
    verdict = make_verdict(score=0.99, version="1.0", filename=filename)
    assert make_decision(verdict, allowing(entry)).action is Action.ALLOW


@pytest.mark.parametrize(
    ("expires", "action"),
    [(date(2026, 6, 1), Action.ALLOW), (date(2026, 5, 31), Action.BLOCK)],
)
def test_an_entry_counts_through_its_last_day(expires: date, action: Action) -> None:
    entry = replace(BY_NAME, expires=expires)
    assert make_decision(make_verdict(score=0.99), allowing(entry)).action is action


@pytest.mark.parametrize("name", ["demo", "de*"])
def test_deny_beats_allow(name: str) -> None:
    policy = replace(allowing(BY_DIGEST), deny=frozenset({DenyEntry(project=name)}))
    decision = make_decision(make_verdict(), policy)
    assert (decision.action, decision.rule) == (Action.BLOCK, "deny")


def test_a_version_that_cannot_be_read_is_denied_with_any_specifier() -> None:
    policy = Policy(deny=frozenset({DenyEntry(project="demo", specifier=SpecifierSet("<1"))}))
    assert make_decision(make_verdict(version="?"), policy).rule == "deny"
    assert make_decision(make_verdict(version="1.0"), policy).rule == "model"


def test_the_name_that_pip_wanted_is_denied_too() -> None:
    policy = Policy(deny=frozenset({DenyEntry(project="demo")}))
    context = Context(origin=OriginKind.INDEX, project=DEMO)
    assert make_decision(make_verdict(project="another"), policy, context).rule == "deny"


def test_a_listed_release_is_blocked_and_the_source_named() -> None:
    decision = make_decision(make_verdict(advisories=(ADVISORY,)))
    assert (decision.action, decision.rule) == (Action.BLOCK, "advisories")
    assert "a list" in decision.reason
    assert "MAL-2026-1" in decision.reason


def test_a_tree_that_may_be_a_listed_release_is_asked_about() -> None:
    perhaps = replace(ADVISORY, is_of_release=False)
    decision = make_decision(make_verdict(advisories=(perhaps,)))
    assert (decision.action, decision.rule) == (Action.ASK, "advisories")
    decision = make_decision(make_verdict(advisories=(perhaps, ADVISORY)))
    assert decision.action is Action.BLOCK


@pytest.mark.parametrize(
    ("origin", "policy", "rule"),
    [
        (OriginKind.DIRECT_URL, Policy(direct_urls=Action.ASK), "direct-urls"),
        (OriginKind.VCS, Policy(vcs=Action.ASK), "vcs"),
        (OriginKind.EDITABLE, Policy(editable=Action.ASK), "editable"),
        (OriginKind.EDITABLE_VCS, Policy(editable=Action.ASK), "editable"),
        (OriginKind.EDITABLE_VCS, Policy(vcs=Action.ASK), "vcs"),
    ],
)
def test_origins_have_a_rule_each(origin: OriginKind, policy: Policy, rule: str) -> None:
    decision = make_decision(make_verdict(), policy, Context(origin=origin))
    assert (decision.action, decision.rule) == (Action.ASK, rule)
    assert make_decision(make_verdict(), policy).action is Action.ALLOW


def test_sdists_can_be_held_back() -> None:
    decision = make_decision(make_verdict(kind="sdist"), Policy(sdists=Action.BLOCK))
    assert (decision.action, decision.rule) == (Action.BLOCK, "sdists")


@pytest.mark.parametrize(
    ("age", "rule"),
    [
        (timedelta(days=6), "minimum-release-age"),
        (timedelta(days=8), "model"),
        (None, "unknown-age"),
    ],
)
def test_young_releases_are_held_back(age: timedelta | None, rule: str) -> None:
    policy = Policy(minimum_release_age=timedelta(days=7))
    context = replace(INDEX, uploaded_at=None if age is None else NOW - age)
    assert make_decision(make_verdict(), policy, context).rule == rule


def test_a_young_release_is_held_back_with_one_that_is_old_enough() -> None:
    policy = Policy(minimum_release_age=timedelta(days=7))
    ages = {"2.0": 3, "1.10": 8, "1.9": 9, "1.11rc1": 10, "rubbish": 11, "1.8": 900}
    releases = tuple(
        Release(version=version, uploaded_at=NOW - timedelta(days=days))
        for version, days in ages.items()
    )
    context = replace(INDEX, uploaded_at=NOW - timedelta(days=3), releases=releases)
    reason = make_decision(make_verdict(), policy, context).reason
    assert reason == "it was uploaded 3 days ago, and the policy waits 7 days; 1.10 is old enough"


@pytest.mark.parametrize(
    ("pattern", "claimed", "rule"),
    [
        ("demo", "demo", "model"),
        ("de*", None, "model"),
        ("other", "demo", "minimum-release-age"),
        ("demo", "other", "minimum-release-age"),
    ],
)
def test_exempt_projects_need_not_wait(pattern: str, claimed: str | None, rule: str) -> None:
    policy = Policy(
        minimum_release_age=timedelta(days=7), minimum_release_age_exempt=frozenset({pattern})
    )
    context = replace(INDEX, project=DEMO, uploaded_at=NOW)
    assert make_decision(make_verdict(project=claimed), policy, context).rule == rule


def test_a_cached_build_is_as_young_as_its_source() -> None:
    policy = Policy(minimum_release_age=timedelta(days=7))
    context = Context(origin=OriginKind.WHEEL_CACHE, uploaded_at=NOW)
    assert make_decision(make_verdict(), policy, context).rule == "minimum-release-age"


@pytest.mark.parametrize(
    ("context", "words"),
    [
        (replace(INDEX, page_format="html"), "answers in HTML, which has no times"),
        (replace(INDEX, page_format="json"), "the index does not say when it was uploaded"),
        (Context(origin=OriginKind.FILE), "no index tells it (local file)"),
        (Context(origin=OriginKind.SCANNED), "no index tells it (named on the command line)"),
    ],
)
def test_an_age_that_was_not_checked_is_said_with_its_reason(context: Context, words: str) -> None:
    policy = Policy(minimum_release_age=timedelta(days=7), unknown_age=Action.ALLOW)
    decision = make_decision(make_verdict(), policy, context)
    assert decision.action is Action.ALLOW
    (sentence,) = decision.not_checked
    assert sentence.startswith("minimum-release-age: ")
    assert words in sentence


@pytest.mark.parametrize(("why", "words"), [("broken", "(broken)"), ("", "the release")])
def test_yanked_releases_pass_unless_the_policy_minds(why: str, words: str) -> None:
    context = replace(INDEX, yanked=why)
    assert make_decision(make_verdict(), context=context).action is Action.ALLOW
    decision = make_decision(make_verdict(), Policy(yanked=Action.ASK), context)
    assert (decision.action, decision.rule) == (Action.ASK, "yanked")
    assert decision.reason.endswith(words)


@pytest.mark.parametrize(
    ("status", "action"),
    [("quarantined", Action.BLOCK), ("archived", Action.ALLOW), (None, Action.ALLOW)],
)
def test_quarantined_projects_are_blocked(status: str | None, action: Action) -> None:
    context = replace(INDEX, project_status=status)
    assert make_decision(make_verdict(), context=context).action is action


def test_a_name_on_several_indexes_is_held_back_if_the_policy_minds() -> None:
    context = replace(
        INDEX,
        project=DEMO,
        index_url="https://one.example/simple/demo/",
        other_indexes=("https://two.example/simple/",),
    )
    policy = Policy(several_indexes=Action.BLOCK)
    assert make_decision(make_verdict(), context=context).action is Action.ALLOW
    decision = make_decision(make_verdict(), policy, context)
    assert decision.rule == "several-indexes"
    assert "https://two.example/simple/" in decision.reason
    private = PrivateName(pattern="demo", index_url="https://one.example/simple/")
    told = replace(policy, private_names=frozenset({private}))
    assert make_decision(make_verdict(), told, context).rule == "several-indexes"
    (sentence,) = make_decision(make_verdict(), policy, INDEX).not_checked
    assert sentence.startswith("several-indexes: ")


REQEUSTS = make_verdict(project="reqeusts", lookalike=LIKE_REQUESTS)
NEW = replace(INDEX, project=canonicalize_name("reqeusts"), uploaded_at=NOW - timedelta(days=3))
OLD_RELEASE = Release(version="0.1", uploaded_at=NOW - timedelta(days=61))


def test_a_newcomer_named_like_a_popular_project_is_asked_about() -> None:
    decision = make_decision(REQEUSTS, context=NEW)
    assert (decision.action, decision.rule) == (Action.ASK, "name-squats")
    assert decision.reason == (
        "its name is easily mistaken for another (two swapped letters away from requests, "
        "number 7 by downloads), and nothing of it is older than 60 days"
    )
    assert make_decision(REQEUSTS, Policy(name_squats=Action.BLOCK), NEW).action is Action.BLOCK


def test_a_project_as_new_as_nobody_knows_is_asked_about() -> None:
    decision = make_decision(REQEUSTS, context=replace(NEW, uploaded_at=None))
    assert decision.rule == "name-squats"
    assert decision.reason.endswith("the index does not say since when it has been there")


@pytest.mark.parametrize(
    ("policy", "context"),
    [
        (Policy(), replace(NEW, uploaded_at=NOW - timedelta(days=60))),
        (Policy(), replace(NEW, releases=(OLD_RELEASE,))),
        (Policy(), replace(NEW, origin=OriginKind.FILE)),
        (Policy(name_squats=Action.ALLOW), NEW),
        (Policy(name_squats_exempt=frozenset({"req*"})), NEW),
        (
            Policy(
                private_names=frozenset(
                    {PrivateName(pattern="reqeusts", index_url="https://index.example/")}
                )
            ),
            replace(NEW, index_url="https://index.example/reqeusts/"),
        ),
    ],
)
def test_a_likeness_that_is_explained_is_no_question(policy: Policy, context: Context) -> None:
    assert make_decision(REQEUSTS, policy, context).rule == "model"


def test_a_distant_likeness_is_no_question() -> None:
    distant = replace(REQEUSTS, lookalike=replace(LIKE_REQUESTS, closeness=0.49))
    assert make_decision(distant, context=NEW).rule == "model"


def test_the_child_tells_the_releases_of_every_newcomer() -> None:
    assert timedelta(days=YOUNG_DAYS) == NEWCOMER_AGE


def test_a_private_name_from_another_index_is_blocked() -> None:
    private = PrivateName(pattern="demo", index_url="https://index.example/simple/")
    policy = Policy(private_names=frozenset({private}))
    rules = [
        make_decision(make_verdict(), policy, replace(INDEX, index_url=url)).rule
        for url in (
            "https://index.example/simple",
            "https://index.example/simple/",
            "https://index.example/simple.evil/",
            "https://public.example/simple/",
        )
    ]
    assert rules == ["model", "model", "private-names", "private-names"]


def test_what_could_not_be_checked_is_said() -> None:
    private = PrivateName(pattern="demo", index_url="https://index.example/simple/")
    decision = make_decision(make_verdict(), Policy(private_names=frozenset({private})))
    assert decision.action is Action.ALLOW
    assert "private-names" in decision.not_checked[0]


@pytest.mark.parametrize(
    ("unattended", "action"),
    [(Unattended.BLOCK, Action.BLOCK), (Unattended.ALLOW_BELOW_BLOCK, Action.ALLOW)],
)
def test_a_question_about_a_score_without_a_person(unattended: Unattended, action: Action) -> None:
    policy = Policy(unattended=unattended)
    asked = make_decision(make_verdict(score=0.6), policy)
    assert without_a_person(asked, policy).action is action


@pytest.mark.parametrize("score", [0.1, 0.6])
def test_any_other_question_without_a_person_is_a_block(score: float) -> None:
    policy = Policy(unattended=Unattended.ALLOW_BELOW_BLOCK, sdists=Action.ASK)
    asked = make_decision(make_verdict(score=score, kind="sdist"), policy)
    assert without_a_person(asked, policy).action is Action.BLOCK
