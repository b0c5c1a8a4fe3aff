"""Verdict records: the same bytes for the same decisions, and what a check of one says."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safe_pip.artifact import OriginKind
from safe_pip.cli.surroundings import Surroundings
from safe_pip.policy.rules import Context, Decision
from safe_pip.policy.settings import Action
from safe_pip.reports.entry import Entry, Scanner
from safe_pip.reports.record import RecordError, read_record, record_document
from safe_pip.verdict import Change
from tests.fake_scanner import ASK_FROM, BLOCK_FROM, SCANNER_ID
from tests.policies import NOW, contexts, make_decision, make_verdict, verdicts
from tests.unit.test_cli import wheel_scoring
from tests.unit.test_threats import osv, write

Run = Callable[..., int]
SCANNER = Scanner(id=SCANNER_ID, version="0", ask_above=ASK_FROM, block_above=BLOCK_FROM)
CONTEXT = Context(
    origin=OriginKind.INDEX,
    uploaded_at=NOW - timedelta(days=30),
    index_url="https://index.example/simple/demo/",
)


def entry(decision: Decision, **more: Any) -> Entry:
    return Entry(path=decision.verdict.filename, decision=decision, **more)


def demo(score: float = 0.1, **more: Any) -> Decision:
    verdict = replace(make_verdict(score=score, **more), scanner_id=SCANNER_ID)
    return make_decision(verdict, context=CONTEXT)


def record(folder: Path, *decisions: Decision, scanner: Scanner = SCANNER) -> Path:
    path = folder / "safe-pip.lock"
    path.write_text(record_document([entry(one) for one in decisions], scanner))
    return path


def test_the_order_of_a_run_does_not_show_in_its_record() -> None:
    entries = [entry(demo(project=name, sha256=digest * 64)) for name, digest in ("ba", "ab", "bb")]
    assert record_document(entries, SCANNER) == record_document(entries[::-1], SCANNER)


def test_what_came_out_of_an_archive_is_not_recorded() -> None:
    tree = entry(demo(kind="directory", filename="pip-unpacked-x7q"), came_out_of="a" * 64)
    document = record_document([entry(demo(kind="sdist")), tree], SCANNER)
    assert [one["kind"] for one in json.loads(document)["artifacts"]] == ["sdist"]


def test_a_checkout_is_recorded_by_its_project() -> None:
    checkouts = [demo(kind="directory", filename=f"demo_{noise}") for noise in ("3f2a", "91bc")]
    documents = {record_document([entry(checkout)], SCANNER) for checkout in checkouts}
    assert len(documents) == 1
    assert json.loads(documents.pop())["artifacts"][0]["filename"] == "demo"


@given(verdict=verdicts, context=contexts)
def test_a_record_is_read_as_it_was_written(verdict: Any, context: Context) -> None:
    decision = make_decision(verdict, context=context)
    path = Path("unused")
    text = record_document([entry(decision)], SCANNER)
    (again,) = read_record(_InMemory(path, text)).decisions  # type: ignore[arg-type]
    assert record_document([entry(again)], SCANNER) == text


class _InMemory:
    """A path whose content is at hand: hypothesis has no folder for each example."""

    def __init__(self, path: Path, text: str) -> None:
        self._path, self._text = path, text

    def open(self, _: str) -> Any:
        import io

        return io.BytesIO(self._text.encode())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": "x"}, "format is not"),
        ({"schema_version": 2}, "schema_version is 2"),
        ({"artifacts": {}}, "artifacts is not a list"),
        ({"artifacts": [1]}, "artifacts[0] is not an object"),
        ({"action": "pass"}, "artifacts[0].action is 'pass'"),
        ({"origin": "moon"}, "artifacts[0].origin is 'moon'"),
        ({"sha256": None}, "artifacts[0].sha256 is not a text"),
        ({"score": 2}, "artifacts[0].score is not a number from 0 to 1"),
        ({"score": True}, "artifacts[0].score is not a number from 0 to 1"),
        ({"score": None}, "artifacts[0].score and unscannable"),
        ({"change": 1}, "artifacts[0].change is not an object"),
        ({"change": {"score": 0.9}}, "artifacts[0].change.score and ask_above"),
        ({"uploaded_at": "soon"}, "artifacts[0].uploaded_at is not a time"),
    ],
)
def test_a_malformed_record_is_refused_naming_the_key(
    tmp_path: Path, change: dict[str, Any], words: str
) -> None:
    path = record(tmp_path, demo())
    document = json.loads(path.read_text())
    is_of_artifact = not change.keys() & document.keys()
    (document["artifacts"][0] if is_of_artifact else document).update(change)
    path.write_text(json.dumps(document))
    with pytest.raises(RecordError) as raised:
        read_record(path)
    assert words in str(raised.value)


@given(st.binary(max_size=200))
def test_nothing_but_a_record_is_read_as_one(data: bytes) -> None:
    class Anything:
        def open(self, _: str) -> Any:
            import io

            return io.BytesIO(data)

    with pytest.raises(RecordError):
        read_record(Anything())  # type: ignore[arg-type]


def test_a_record_that_still_holds(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("check", record(tmp_path, demo())) == 0
    assert capsys.readouterr().out == (
        "not checked: advisories: no list of known malware was imported (safe-pip feed update)\n"
        "1 recorded; today 1 allowed; 0 decided otherwise then\n"
    )


def test_a_policy_that_became_stricter(
    run: Run, home: Surroundings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home.working_folder / "safe-pip.toml").write_text('deny = ["Demo"]')
    assert run("check", record(tmp_path, demo())) == 40
    out = capsys.readouterr().out
    assert "demo 1.0 (demo-1.0-py3-none-any.whl) would be blocked: the policy denies demo" in out
    assert "[deny]; it was recorded as allow [model]" in out
    assert "1 recorded; today 1 blocked; 1 decided otherwise then" in out


def test_a_list_of_malware_that_grew(run: Run, tmp_path: Path) -> None:
    run("feed", "update", write(tmp_path / "osv", osv()))
    assert run("check", record(tmp_path, demo())) == 40


def test_another_scanners_record_confirms_nothing(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = replace(SCANNER, id="older+schema+0")
    assert run("check", record(tmp_path, demo(), demo(version="2"), scanner=other)) == 42
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("the record rests on the scanner older+schema+0, and this is")
    assert lines[2] == "2 recorded; today 2 not inspected; 2 decided otherwise then"


def test_a_yes_at_the_terminal_does_not_last(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    accepted = replace(demo(0.6), action=Action.ALLOW, reason="high; accepted at the terminal")
    path = record(tmp_path, accepted)
    assert run("check", path) == 41
    assert "a person said yes, which counts once" in capsys.readouterr().out
    release = ("policy", "allow", "demo==1.0", "--sha256", accepted.verdict.sha256)
    assert run(*release, "--reason", "read it") == 0
    assert run("check", path) == 0


def test_what_the_policy_lets_pass_unattended_is_checked_as_such(
    run: Run, home: Surroundings, tmp_path: Path
) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text('unattended = "allow-below-block"')
    assert run("--policy", policy, "check", record(tmp_path, demo(0.6))) == 0
    assert run("check", record(tmp_path, demo(0.6))) == 41
    assert home.working_folder.is_dir()


def test_what_was_not_inspected_then_is_not_now(run: Run, tmp_path: Path) -> None:
    assert run("check", record(tmp_path, demo(unscannable="time-out"))) == 42


def test_a_check_reports_in_every_format(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, report = record(tmp_path, demo(0.95)), tmp_path / "report.json"
    assert run("--format", "json", "check", path) == 40
    assert json.loads(capsys.readouterr().out)["decisions"][0]["rule"] == "block-above"
    assert run("--report", report, "check", path) == 40
    assert json.loads(report.read_text())["decisions"][0]["action"] == "block"


@pytest.mark.parametrize("arguments", [["missing.lock"], ["one", "two"]])
def test_a_record_that_is_not_there(run: Run, arguments: list[str]) -> None:
    assert run("check", *arguments) == (42 if len(arguments) == 1 else 2)


@pytest.mark.parametrize("arguments", [["check"], ["check", "--verbose"]])
def test_check_without_a_record_is_pips(
    run: Run, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    passed: list[Any] = []

    def pass_on(_: object, given: Any, **__: object) -> int:
        passed.append(given)
        return 0

    monkeypatch.setattr("safe_pip.cli.pip_verbs.choose_target", lambda **_: None)
    monkeypatch.setattr("safe_pip.cli.pip_verbs.run_unguarded", pass_on)
    assert run(*arguments) == 0
    assert passed == [arguments]


def test_a_scan_writes_a_record_that_a_check_reads(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lock = tmp_path / "safe-pip.lock"
    archives = [wheel_scoring(tmp_path, 0.1, "fine"), wheel_scoring(tmp_path, 0.6, "odd")]
    assert run("--record", lock, "scan", *archives) == 41
    assert str(tmp_path) not in lock.read_text()
    before = lock.read_text()
    assert run("--record", lock, "scan", *archives[::-1]) == 41
    assert lock.read_text() == before
    assert run("check", lock) == 41
    assert "odd 1.0" in capsys.readouterr().out


def test_every_key_of_a_record_is_documented() -> None:
    docs = (Path(__file__).parents[2] / "docs" / "record.md").read_text(encoding="utf-8")
    document = json.loads(record_document([entry(demo())], SCANNER))
    keys = {*document, *document["artifacts"][0]}
    assert [key for key in keys if f"`{key}`" not in docs] == []


def test_a_suspicious_change_is_recorded_and_another_is_not(tmp_path: Path) -> None:
    change = Change(previous="demo 0.9", score=0.99, ask_above=0.9)
    decision = demo()
    for score, kept in ((0.99, change), (0.2, None)):
        verdict = replace(decision.verdict, change=replace(change, score=score))
        (read,) = read_record(record(tmp_path, replace(decision, verdict=verdict))).decisions
        assert read.verdict.change == kept


def test_what_the_index_said_is_judged_again(tmp_path: Path) -> None:
    """A rule that is made stricter after the record was written must find what it is about."""
    decision = demo()
    context = replace(
        CONTEXT, yanked="broken", project_status="quarantined", page_format="json",
        other_indexes=("https://mirror.example/simple/demo/",),
    )  # fmt: skip
    (read,) = read_record(record(tmp_path, replace(decision, context=context))).decisions
    assert read.context.yanked == "broken"
    assert read.context.project_status == "quarantined"
    assert read.context.other_indexes == context.other_indexes
