"""The review: what a gate is answered, when a person is asked, and what is remembered."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

import pytest
from packaging.utils import NormalizedName, canonicalize_name

from safe_pip.artifact import Artifact, OriginKind
from safe_pip.errors import (
    EXIT_BAD_MODEL,
    EXIT_BLOCKED,
    EXIT_DECLINED,
    EXIT_UNSCANNABLE,
    ModelError,
)
from safe_pip.gates.reviewer import Arrival, Ruling
from safe_pip.inspection.inspector import Inspected
from safe_pip.policy.rules import Context, Decision
from safe_pip.policy.settings import Action, AllowEntry, DenyEntry, Policy, Unattended
from safe_pip.review import Review
from safe_pip.terminal.desk import Reply
from safe_pip.terminal.tally import summary_line
from safe_pip.threats.attestations import Attested
from safe_pip.verdict import RuleHit, Verdict
from tests.policies import NOW, THRESHOLDS, make_finding, make_verdict


class FakeInspector:
    """Gives the verdict that is written down for a file name; counts how often it is asked."""

    def __init__(self, *verdicts: Verdict) -> None:
        self.verdicts = {verdict.filename: verdict for verdict in verdicts}
        self.begun: list[str] = []
        self.error: Exception | None = None
        self.wanted: list[NormalizedName | None] = []

    def advised(self, verdict: Verdict, wanted: NormalizedName | None) -> Verdict:
        self.wanted.append(wanted)
        return verdict

    def begin(self, artifact: Artifact) -> Future[Inspected]:
        self.begun.append(artifact.path.name)
        future: Future[Inspected] = Future()
        if self.error is not None:
            future.set_exception(self.error)
        else:
            verdict = self.verdicts[artifact.path.name]
            future.set_result(Inspected(verdict=verdict, is_from_memory=False))
        return future


class FakeQuestion:
    def __init__(self, has_gone: bool) -> None:
        self._has_gone = has_gone

    def is_moot(self) -> bool:
        return self._has_gone


class FakeDesk:
    """A person with prepared answers, or nobody."""

    def __init__(self, *answers: bool, is_attended: bool = True) -> None:
        self.answers = list(answers)
        self.is_attended = is_attended
        self.asked: list[list[str]] = []
        self.blocked: list[list[str]] = []
        self.reported: list[str] = []
        self.is_held = False
        self.has_gone = False

    def show_slow(self, filenames: Sequence[str]) -> None:
        pass

    def show_blocked(self, decisions: Sequence[Decision]) -> None:
        self.blocked.append([decision.verdict.filename for decision in decisions])

    def show_reported(self, decisions: Sequence[Decision]) -> None:
        self.reported += [decision.verdict.filename for decision in decisions]

    def ask(self, decisions: Sequence[Decision], *, is_moot: Callable[[], bool]) -> Reply:
        assert self.is_held
        assert {decision.action for decision in decisions} == {Action.ASK}
        self.asked.append([decision.verdict.filename for decision in decisions])
        if is_moot():
            return Reply.WITHDRAWN
        return Reply.YES if self.answers.pop(0) else Reply.NO

    @contextlib.contextmanager
    def hold(self) -> Iterator[FakeQuestion]:
        self.is_held = True
        yield FakeQuestion(self.has_gone)
        self.is_held = False


class Table:
    """A review with fakes around it."""

    def __init__(
        self,
        desk: FakeDesk,
        *verdicts: Verdict,
        policy: Policy | None = None,
        is_report_only: bool = False,
    ) -> None:
        self.desk = desk
        self.inspector = FakeInspector(*verdicts)
        self.review = Review(
            inspector=self.inspector,
            policy=policy or Policy(),
            thresholds=THRESHOLDS,
            desk=desk,
            is_report_only=is_report_only,
            now=lambda: NOW,
        )

    def rule(self, *verdicts: Verdict, parent: str | None = None) -> Sequence[Ruling]:
        arrivals = [replace(arrival(verdict), parent_sha256=parent) for verdict in verdicts]
        return self.review.rule(arrivals, hold=self.desk.hold)


def arrival(verdict: Verdict) -> Arrival:
    is_folder = verdict.kind == "directory"
    return Arrival(
        artifact=Artifact(
            path=Path("/tmp") / verdict.filename,
            origin=OriginKind.INDEX,
            sha256=None if is_folder else verdict.sha256,
        ),
        context=Context(origin=OriginKind.INDEX),
    )


def named(name: str, score: float = 0.1, **more: str) -> Verdict:
    return replace(
        make_verdict(
            score=score,
            project=name,
            filename=f"{name}-1.0.tar.gz",
            sha256=name.encode().hex().rjust(64, "0"),
            findings=(make_finding(),) if score > 0.5 else (),
            **more,  # type: ignore[arg-type]
        ),
        project=canonicalize_name(name),
    )


FINE, ODD, ODDER = named("fine"), named("odd", 0.6), named("odder", 0.7)
EVIL = named("evil", 0.95)
UNREADABLE = named("unreadable", unscannable="time-out")


def test_what_has_no_finding_passes_with_its_digest() -> None:
    table = Table(FakeDesk(), FINE)
    (ruling,) = table.rule(FINE)
    assert ruling == Ruling(is_allowed=True, sha256=FINE.sha256, reason="")
    assert table.desk.asked == table.desk.blocked == []


def test_one_question_covers_the_set() -> None:
    table = Table(FakeDesk(True), FINE, ODD, ODDER)
    rulings = table.rule(FINE, ODD, ODDER)
    assert [ruling.is_allowed for ruling in rulings] == [True, True, True]
    assert table.desk.asked == [[ODD.filename, ODDER.filename]]


def test_no_is_declined_and_final() -> None:
    table = Table(FakeDesk(False), FINE, ODD)
    rulings = table.rule(FINE, ODD)
    assert [ruling.is_allowed for ruling in rulings] == [True, False]
    assert rulings[1].exit_code == EXIT_DECLINED
    assert "odd 1.0 was declined" in rulings[1].reason
    (later,) = table.rule(FINE)
    assert not later.is_allowed
    assert later.exit_code == EXIT_DECLINED


def test_a_question_that_nobody_waits_for_is_neither_yes_nor_declined() -> None:
    desk = FakeDesk(True)
    desk.has_gone = True
    (ruling,) = Table(desk, ODD).rule(ODD)
    assert (ruling.is_allowed, ruling.exit_code) == (False, EXIT_UNSCANNABLE)


def test_finds_below_every_limit_are_counted() -> None:
    low = replace(FINE, findings=(make_finding(),))
    table = Table(FakeDesk(), low)
    table.rule(low)
    assert table.review.tally().below_limits == 1


def test_a_file_is_attested_only_if_its_index_offers_it() -> None:
    asked: list[str] = []

    class FakeAttester:
        def check(self, filename: str, *, sha256: str, provenance_url: str) -> Attested:
            asked.append(f"{filename} {sha256[-4:]} {provenance_url}")
            return Attested(flaw="bad")

    review = Review(
        inspector=FakeInspector(FINE),
        policy=Policy(attestations=Action.ASK),
        thresholds=THRESHOLDS,
        desk=FakeDesk(),
        attester=FakeAttester(),
        now=lambda: NOW,
    )
    came = arrival(FINE)
    url = "https://index.example/p"
    offered = replace(came, context=replace(came.context, provenance_url=url))
    (ruling,) = review.rule([offered], hold=FakeDesk().hold)
    assert not ruling.is_allowed
    assert "its attestation is not valid: bad" in ruling.reason
    assert asked == [f"{FINE.filename} {FINE.sha256[-4:]} {url}"]


def test_a_block_is_final_and_nothing_is_asked() -> None:
    table = Table(FakeDesk(), ODD, EVIL, FINE)
    rulings = table.rule(ODD, EVIL)
    assert [ruling.is_allowed for ruling in rulings] == [False, False]
    assert {ruling.exit_code for ruling in rulings} == {EXIT_BLOCKED}
    assert table.desk.asked == []
    assert table.desk.blocked == [[EVIL.filename]]
    assert not table.rule(FINE)[0].is_allowed


def test_could_not_look_has_its_own_exit_code() -> None:
    assert Table(FakeDesk(), UNREADABLE).rule(UNREADABLE)[0].exit_code == EXIT_UNSCANNABLE
    rulings = Table(FakeDesk(), UNREADABLE, EVIL).rule(UNREADABLE, EVIL)
    assert [ruling.exit_code for ruling in rulings] == [EXIT_UNSCANNABLE, EXIT_BLOCKED]


def test_a_yes_counts_for_the_session() -> None:
    table = Table(FakeDesk(True), ODD)
    table.rule(ODD)
    assert table.rule(ODD)[0].is_allowed
    assert len(table.desk.asked) == 1


def test_a_yes_counts_for_other_bytes_not_at_all() -> None:
    other = replace(ODD, filename="odd-1.1.tar.gz", sha256="d" * 64)
    table = Table(FakeDesk(True, False), ODD, other)
    table.rule(ODD)
    assert not table.rule(other)[0].is_allowed


def test_a_yes_to_an_archive_covers_the_same_finds_in_its_tree() -> None:
    tree = replace(ODD, filename="tree", kind="directory", sha256="e" * 64)
    table = Table(FakeDesk(True), ODD, tree)
    table.rule(ODD)
    assert table.rule(tree, parent=ODD.sha256)[0].is_allowed
    assert len(table.desk.asked) == 1


def test_a_new_find_in_the_tree_is_asked_about() -> None:
    finding = make_finding()
    new = replace(finding, evidence=replace(finding.evidence, feature="spawn"))
    tree = replace(ODD, filename="tree", kind="directory", sha256="e" * 64, findings=(new,))
    table = Table(FakeDesk(True, False), ODD, tree)
    table.rule(ODD)
    assert not table.rule(tree, parent=ODD.sha256)[0].is_allowed


@pytest.mark.parametrize("is_new", [False, True])
def test_an_allowed_archive_covers_the_same_finds_in_its_tree(is_new: bool) -> None:
    finding = make_finding()
    if is_new:
        finding = replace(finding, evidence=replace(finding.evidence, feature="spawn"))
    tree = replace(EVIL, filename="tree", kind="directory", sha256="e" * 64, findings=(finding,))
    entry = AllowEntry(project=canonicalize_name("evil"), sha256=EVIL.sha256, reason="read")
    table = Table(FakeDesk(), EVIL, tree, policy=Policy(allow=frozenset({entry})))
    assert table.rule(EVIL)[0].is_allowed
    assert table.rule(tree, parent=EVIL.sha256)[0].is_allowed == (not is_new)


def test_an_allowed_archive_settles_no_hard_rule_that_it_did_not_show() -> None:
    # The same find as the archive's, but now it runs at every start.
    rule = RuleHit(name="startup-decodes", says="decodes", path="demo.pth", is_block=True)
    built = replace(
        EVIL,
        filename="evil-1.0-py3-none-any.whl",
        kind="wheel",
        sha256="e" * 64,
        findings=(make_finding(),),
        rules=(rule,),
    )
    entry = AllowEntry(project=canonicalize_name("evil"), sha256=EVIL.sha256, reason="read")
    table = Table(FakeDesk(), EVIL, built, policy=Policy(allow=frozenset({entry})))
    assert table.rule(EVIL)[0].is_allowed
    assert not table.rule(built, parent=EVIL.sha256)[0].is_allowed


def test_what_could_not_be_read_is_the_archive_of_nothing() -> None:
    """A folder that could not be read has no digest, and what comes by itself has no parent."""
    folder = replace(UNREADABLE, filename="folder", kind="directory", sha256="")
    quiet = replace(ODD, findings=())
    policy = Policy(unscannable=Action.ASK)
    table = Table(FakeDesk(True, False), folder, quiet, policy=policy)
    assert table.rule(folder)[0].is_allowed
    assert not table.rule(quiet)[0].is_allowed, "it is asked about"


@pytest.mark.parametrize(
    ("origin", "is_allowed"),
    [
        (OriginKind.INDEX, True),
        (OriginKind.DIRECTORY, True),
        (OriginKind.DIRECT_URL, False),
        (OriginKind.VCS, False),
        (OriginKind.EDITABLE_VCS, False),
    ],
)
def test_wheel_of_a_source_that_nobody_vouches_for(origin: OriginKind, is_allowed: bool) -> None:
    """An allow entry for a project is none for what a checkout builds under its name."""
    tree = replace(FINE, project=EVIL.project)
    built = replace(EVIL, filename="evil-1.0-py3-none-any.whl", kind="wheel")
    entry = AllowEntry(project=canonicalize_name("evil"), reason="trusted")
    table = Table(FakeDesk(), tree, built, policy=Policy(allow=frozenset({entry})))
    source = replace(arrival(tree), context=Context(origin=origin))
    wheel = replace(
        arrival(built), context=Context(origin=OriginKind.BUILT), parent_sha256=tree.sha256
    )
    assert table.review.rule([source], hold=table.desk.hold)[0].is_allowed
    assert table.review.rule([wheel], hold=table.desk.hold)[0].is_allowed is is_allowed


@pytest.mark.parametrize("is_allowed", [False, True])
def test_an_allowed_archive_settles_what_its_index_says(is_allowed: bool) -> None:
    tree = replace(FINE, filename="tree", kind="directory", sha256="e" * 64)
    built = replace(FINE, filename="fine-1.0-py3-none-any.whl", kind="wheel", sha256="f" * 64)
    entry = AllowEntry(project=canonicalize_name("fine"), sha256=FINE.sha256, reason="read")
    policy = Policy(allow=frozenset({entry} if is_allowed else ()))
    table = Table(FakeDesk(), FINE, tree, built, policy=policy)
    context = Context(origin=OriginKind.INDEX, project_status="quarantined")
    came = [replace(arrival(verdict), context=context) for verdict in (FINE, tree, built)]
    of_archive = [replace(one, parent_sha256=FINE.sha256) for one in came[1:]]
    rulings = [table.review.rule([one], hold=table.desk.hold)[0] for one in (came[0], *of_archive)]
    assert [ruling.is_allowed for ruling in rulings] == [is_allowed] * 3


def test_without_a_person_a_question_is_blocked() -> None:
    table = Table(FakeDesk(is_attended=False), ODD)
    (ruling,) = table.rule(ODD)
    assert (ruling.is_allowed, ruling.exit_code) == (False, EXIT_BLOCKED)
    assert "nobody can be asked" in ruling.reason


def test_without_a_person_policy_can_let_scores_pass() -> None:
    policy = Policy(unattended=Unattended.ALLOW_BELOW_BLOCK)
    table = Table(FakeDesk(is_attended=False), ODD, policy=policy)
    assert table.rule(ODD)[0].is_allowed
    assert table.review.tally().allowed_by_policy == 1


def test_what_begins_early_is_inspected_once() -> None:
    table = Table(FakeDesk(), FINE)
    table.review.begin(arrival(FINE).artifact)
    table.rule(FINE)
    table.rule(FINE)
    assert table.inspector.begun == [FINE.filename]


def test_a_folder_is_inspected_anew_for_every_ruling() -> None:
    tree = replace(FINE, filename="tree", kind="directory")
    table = Table(FakeDesk(), tree)
    table.review.begin(arrival(tree).artifact)
    table.rule(tree)
    assert table.inspector.begun == ["tree"]
    table.rule(tree)
    assert table.inspector.begun == ["tree", "tree"]


def test_an_early_inspection_that_is_never_needed_fails_nothing() -> None:
    table = Table(FakeDesk(), FINE, EVIL)
    table.review.begin(arrival(EVIL).artifact)
    assert table.rule(FINE)[0].is_allowed
    assert table.review.tally().inspected == 1


def test_without_a_model_nothing_passes() -> None:
    table = Table(FakeDesk(), FINE)
    table.inspector.error = ModelError("the model is damaged")
    (ruling,) = table.rule(FINE)
    assert (ruling.is_allowed, ruling.exit_code) == (False, EXIT_BAD_MODEL)
    assert ruling.reason == "the model is damaged"


def test_a_defect_of_the_inspector_is_raised_for_the_gate_to_refuse() -> None:
    table = Table(FakeDesk(), FINE)
    table.inspector.error = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        table.rule(FINE)


def test_the_tally_counts_each_artifact_once() -> None:
    table = Table(FakeDesk(True), FINE, ODD, EVIL)
    table.rule(FINE, FINE, ODD)
    table.rule(ODD)
    table.rule(EVIL)
    tally = table.review.tally()
    assert (tally.inspected, tally.accepted, tally.refused) == (3, 1, 1)
    assert [entry.path for entry in table.review.entries()] == [
        FINE.filename,
        ODD.filename,
        EVIL.filename,
    ]


def test_an_open_question_does_not_hold_up_the_end() -> None:
    class SlowDesk(FakeDesk):
        def ask(self, decisions: Sequence[Decision], *, is_moot: Callable[[], bool]) -> Reply:  # noqa: ARG002
            assert table.review.tally().refused == 1
            assert len(table.review.entries()) == 1
            return Reply.NO

    table = Table(SlowDesk(), ODD)
    assert not table.rule(ODD)[0].is_allowed


def test_report_only_lets_everything_pass_that_was_inspected_and_says_so() -> None:
    deny = Policy(deny=frozenset({DenyEntry(project="fine")}))
    table = Table(FakeDesk(is_attended=False), FINE, ODD, EVIL, policy=deny, is_report_only=True)
    rulings = table.rule(FINE, ODD, EVIL)
    assert [ruling.is_allowed for ruling in rulings] == [True, True, True]
    assert [ruling.sha256 for ruling in rulings] == [FINE.sha256, ODD.sha256, EVIL.sha256]
    assert table.desk.reported == [FINE.filename, ODD.filename, EVIL.filename]
    assert table.desk.asked == table.desk.blocked == []
    entries = table.review.entries()
    assert [(entry.decision.action, entry.is_enforced) for entry in entries] == [
        (Action.BLOCK, False),
        (Action.ASK, False),
        (Action.BLOCK, False),
    ]
    tally = table.review.tally()
    assert (tally.inspected, tally.refused, tally.only_reported) == (3, 0, 3)
    assert "3 would not have been let through (report only)" in summary_line(tally)


def test_report_only_sets_nothing_aside_that_the_organisation_speaks_about() -> None:
    deny = Policy(deny=frozenset({DenyEntry(project="fine")}), held=frozenset({"deny"}))
    table = Table(FakeDesk(), ODD, FINE, policy=deny, is_report_only=True)
    assert [ruling.is_allowed for ruling in table.rule(ODD, FINE)] == [True, False]
    assert table.desk.blocked == [[FINE.filename]]


def test_report_only_tells_a_release_once() -> None:
    tree = replace(EVIL, filename="tree", kind="directory", sha256="e" * 64)
    table = Table(FakeDesk(), EVIL, tree, is_report_only=True)
    table.rule(EVIL)
    assert table.rule(tree, parent=EVIL.sha256)[0].is_allowed
    assert table.desk.reported == [EVIL.filename]


@pytest.mark.parametrize("policy", [Policy(), Policy(deny=frozenset({DenyEntry(project="*")}))])
def test_report_only_lets_nothing_pass_that_was_not_inspected(policy: Policy) -> None:
    table = Table(FakeDesk(), FINE, UNREADABLE, policy=policy, is_report_only=True)
    (_, ruling) = table.rule(FINE, UNREADABLE)
    assert not ruling.is_allowed
    assert not table.rule(FINE)[0].is_allowed
    assert table.desk.blocked == [[UNREADABLE.filename]]


def test_report_only_asks_about_what_was_not_inspected_where_the_policy_does() -> None:
    ask = Policy(unscannable=Action.ASK)
    nobody = FakeDesk(is_attended=False)
    table = Table(nobody, UNREADABLE, policy=ask, is_report_only=True)
    assert not table.rule(UNREADABLE)[0].is_allowed
    table = Table(FakeDesk(True), EVIL, UNREADABLE, policy=ask, is_report_only=True)
    assert [ruling.is_allowed for ruling in table.rule(EVIL, UNREADABLE)] == [True, True]
    assert table.desk.asked == [[UNREADABLE.filename]]
    assert [entry.is_enforced for entry in table.review.entries()] == [False, True]


def test_a_hostile_name_is_escaped_in_what_pip_prints() -> None:
    hostile = replace(EVIL, project=None, filename="evil\x1b[2J\u202e.whl")
    (ruling,) = Table(FakeDesk(), hostile).rule(hostile)
    assert "\\x1b[2J\\u202e" in ruling.reason
    assert ruling.reason.isprintable()
