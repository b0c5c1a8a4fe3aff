"""The command line: verbs, exit codes, and sentences for what goes wrong."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import safe_pip.__main__ as run_as_module
from safe_pip.cli import program
from safe_pip.cli.arguments import HELP, Options, split_arguments
from safe_pip.cli.surroundings import Surroundings
from safe_pip.errors import GateError, ModelError, UsageError
from safe_pip.policy.trust import TrustedFiles
from tests.builders import write_sdist, write_wheel
from tests.fake_scanner import SCANNER_ID
from tests.unit.test_threats import osv, write

Run = Callable[..., int]


@pytest.fixture
def nothing_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    """No worker; and no pip: the child that would become one does not get its parent's word."""
    monkeypatch.setattr("safe_pip.inspection.processes.SpawnedProcess", None)
    monkeypatch.setattr("safe_pip.gates.pip_gate.Gate.run", None)


def wheel_scoring(folder: Path, score: float, name: str) -> Path:
    return write_wheel(folder, name, files={f"{name}/__init__.py": f"# pretend-score: {score}\n"})


@pytest.mark.parametrize(
    ("arguments", "rest"),
    [
        (["install", "--quiet", "x"], ["install", "--quiet", "x"]),
        (["-q", "--policy", "p", "--policy=p", "install", "-v"], ["install", "-v"]),
        (["--report", "r", "--format", "sarif", "scan"], ["scan"]),
        (["--proxy", "x", "install"], ["--proxy", "x", "install"]),
        (["--quiet=1", "install"], ["--quiet=1", "install"]),
        ([], []),
    ],
)
def test_options_end_where_pips_arguments_begin(arguments: list[str], rest: list[str]) -> None:
    assert split_arguments(arguments)[1] == rest


@pytest.mark.parametrize(
    ("name", "meant"),
    [("--polic", "--policy"), ("--reports", "--report"), ("--unatended", "--unattended")],
)
def test_a_misspelled_option_of_ours_names_the_right_one(name: str, meant: str) -> None:
    with pytest.raises(UsageError) as raised:
        split_arguments([name, "x", "install", "y"])
    assert str(raised.value) == f"there is no option {name}."
    assert raised.value.hint == f"Did you mean {meant}?"


def test_no_option_of_pips_is_taken_for_a_misspelling_of_ours() -> None:
    from pip._internal.cli.cmdoptions import general_group

    names = [name for option in general_group["options"] for name in option()._long_opts]
    assert len(names) > 15
    for name in names:
        split_arguments([name, "install", "y"])


def test_options_are_read() -> None:
    options, _ = split_arguments(["--policy=p.toml", "--report", "r", "--unattended", "-q", "-v"])
    assert options == Options(
        policy=Path("p.toml"),
        report=Path("r"),
        is_unattended=True,
        is_quiet=True,
        is_verbose=True,
    )


@pytest.mark.parametrize("arguments", [["--policy"], ["--policy="], ["--format", "xml", "scan"]])
def test_a_wrong_option_of_ours_is_a_usage_error(arguments: list[str]) -> None:
    with pytest.raises(UsageError):
        split_arguments(arguments)


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h", "install"]])
def test_help_is_printed(
    run: Run, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert run(*arguments) == 0
    assert capsys.readouterr().out == HELP


def test_the_version_names_the_model(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--version") == 0
    assert capsys.readouterr().out.startswith("safe-pip 0.")


def test_a_scan_prints_one_document_with_the_worst_exit_code(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [
        wheel_scoring(tmp_path, 0.6, "odd"),
        wheel_scoring(tmp_path, 0.1, "fine"),
        tmp_path / "missing-1.0.tar.gz",
        write_sdist(tmp_path, "evil", files={"setup.py": "\n# pretend-score: 0.95\n"}),
    ]
    assert run("scan", "--format", "json", *paths) == 40
    output = capsys.readouterr()
    document = json.loads(output.out)
    assert [decision["path"] for decision in document["decisions"]] == [str(p) for p in paths]
    assert [decision["action"] for decision in document["decisions"]] == [
        "ask",
        "allow",
        "block",
        "block",
    ]
    assert document["decisions"][2]["unscannable"] == "not-found"
    assert document["decisions"][3]["evidence"][0]["line"] == 2
    assert document["scanner"]["id"] == SCANNER_ID
    assert output.err == ""


@pytest.mark.parametrize(
    ("scores", "code"), [((0.1,), 0), ((0.6, 0.1), 41), ((0.6, None), 42), ((0.95, None, 0.6), 40)]
)
def test_the_exit_code_of_a_scan_is_the_worst(
    run: Run, tmp_path: Path, scores: tuple[float | None, ...], code: int
) -> None:
    paths = [
        tmp_path / "missing" if score is None else wheel_scoring(tmp_path, score, f"n{number}")
        for number, score in enumerate(scores)
    ]
    assert run("scan", *paths) == code


@pytest.mark.parametrize(("scores", "code"), [((0.1,), 0), ((0.6, 0.95), 0), ((0.95, None), 42)])
def test_a_scan_that_only_reports_fails_for_what_was_not_inspected_alone(
    run: Run,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    scores: tuple[float | None, ...],
    code: int,
) -> None:
    paths = [
        tmp_path / "missing" if score is None else wheel_scoring(tmp_path, score, f"n{number}")
        for number, score in enumerate(scores)
    ]
    assert run("--quiet", "--report-only", "--format", "json", "scan", *paths) == code
    output = capsys.readouterr()
    assert "NOTHING IS BLOCKED" in output.err
    assert [entry["enforced"] for entry in json.loads(output.out)["decisions"]] == [
        score is None or score < 0.5 for score in scores
    ]


def test_a_missing_path_is_never_a_package_name(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("scan", "requests") == 42
    assert "no such file or folder" in capsys.readouterr().out


def test_the_policy_of_the_project_counts_in_a_scan(
    run: Run, home: Surroundings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home.working_folder / "safe-pip.toml").write_text('deny = ["Fine"]')
    assert run("scan", wheel_scoring(tmp_path, 0.1, "fine")) == 40
    assert "[deny]" in capsys.readouterr().out


def test_a_report_goes_to_its_own_file(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "report.sarif"
    path = wheel_scoring(tmp_path, 0.95, "evil")
    assert run("--report", report, "--format", "sarif", "scan", "--format", "text", path) == 40
    assert json.loads(report.read_text())["version"] == "2.1.0"
    assert "block-above" in capsys.readouterr().out


@pytest.mark.parametrize("option", ["--report", "--record"])
@pytest.mark.parametrize(
    ("place", "words"), [("", "it is a folder"), ("no/such/file", "its folder does not exist")]
)
@pytest.mark.parametrize("verb", ["scan", "install"])
@pytest.mark.usefixtures("nothing_starts")
def test_a_file_that_can_never_be_written_starts_nothing(
    run: Run,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    option: str,
    place: str,
    words: str,
    verb: str,
) -> None:
    assert run(option, tmp_path / place, verb, "x") == 1
    assert f"cannot be written: {words}" in capsys.readouterr().err


def test_a_report_that_cannot_be_written_is_an_error(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = wheel_scoring(tmp_path, 0.1, "fine")
    assert run("--report", "/dev/full", "scan", path) == 1
    assert "the report /dev/full cannot be written" in capsys.readouterr().err


def test_explain_shows_what_was_found(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("explain", wheel_scoring(tmp_path, 0.6, "odd")) == 41
    assert "odd/__init__.py:1" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments", [["install", "x"], ["scan", "x"], ["explain", "x"], ["policy", "show"]]
)
@pytest.mark.usefixtures("nothing_starts")
def test_a_bad_policy_stops_every_verb_before_it_starts(
    run: Run,
    home: Surroundings,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
) -> None:
    (home.working_folder / "safe-pip.toml").write_text("sdists = 1")
    assert run(*arguments) == 43
    assert "safe-pip.toml: sdists: 1 is not one of" in capsys.readouterr().err


@pytest.mark.usefixtures("nothing_starts")
@pytest.mark.parametrize("verb", ["install", "scan"])
def test_without_a_model_nothing_is_started(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], verb: str
) -> None:
    def missing() -> None:
        raise ModelError("the model cannot be read", hint="reinstall it")

    monkeypatch.setattr("safe_pip.cli.parts.check_shipped_model", missing)
    assert run(verb, "x") == 44
    assert capsys.readouterr().err == "safe-pip: the model cannot be read\n  reinstall it\n"


def test_policy_init_check_and_show(
    run: Run, home: Surroundings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("policy", "init") == 0
    assert run("policy", "check") == 0
    assert "no policy files" not in capsys.readouterr().out
    assert run("policy", "check", "safe-pip.toml") == 0
    assert run("policy", "show") == 0
    output = capsys.readouterr().out
    assert "block-above = 0.9  # the model" in output
    assert str(home.working_folder / "safe-pip.toml") in output


def test_policy_allow_lets_exactly_these_bytes_pass(
    run: Run, home: Surroundings, tmp_path: Path
) -> None:
    path = wheel_scoring(tmp_path, 0.95, "evil")
    assert run("policy", "allow", path, "--reason", "read it", "--expires", "2999-01-01") == 0
    assert run("scan", path) == 0
    assert home.user_policy.is_file()
    assert run("scan", wheel_scoring(tmp_path / "..", 0.96, "evil")) == 40


def test_policy_allow_takes_a_release_and_its_digest(
    run: Run, home: Surroundings, capsys: pytest.CaptureFixture[str]
) -> None:
    release = ("policy", "allow", "Evil_Name==1.0")
    assert run(*release, "--sha256", "A" * 64, "--reason", "read it") == 0
    assert f'sha256 = "{"a" * 64}"' in home.user_policy.read_text()
    assert "evil-name==1.0 with this digest is allowed" in capsys.readouterr().out
    assert run(*release, "--sha256", "short", "--reason", "x") == 2
    assert run("policy", "allow", "evil", "--sha256", "a" * 64, "--reason", "x") == 2
    assert run("policy", "allow", "missing", "--reason", "x") == 2


def test_policy_allow_in_a_project_keeps_its_trust(
    run: Run, home: Surroundings, tmp_path: Path
) -> None:
    path = wheel_scoring(tmp_path, 0.95, "evil")
    assert run("policy", "allow", path, "--project", "--reason", "read it") == 0
    assert run("scan", path) == 0
    assert not home.user_policy.exists()


def test_policy_allow_does_not_make_a_strangers_file_trusted(
    run: Run, home: Surroundings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home.working_folder / "safe-pip.toml").write_text("block-above = 1.0")
    path = wheel_scoring(tmp_path, 0.95, "evil")
    assert run("policy", "allow", path, "--project", "--reason", "read it") == 0
    assert "policy trust" in capsys.readouterr().err
    assert run("scan", path) == 40
    assert run("policy", "trust") == 0
    assert run("scan", path) == 0


def test_policy_trust_needs_a_policy(run: Run) -> None:
    assert run("policy", "trust") == 43


def test_an_untrusted_project_is_named_before_pip_starts(
    run: Run,
    home: Surroundings,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("safe_pip.gates.pip_gate.Gate.run", lambda *_, **__: 0)
    file = home.working_folder / "safe-pip.toml"
    file.write_text("block-above = 1.0")
    assert run("install", "x") == 0
    assert "does not count until you have read it" in capsys.readouterr().err
    assert run("policy", "trust") == 0
    assert TrustedFiles(register=home.config_folder / "trusted.json").register.is_file()
    assert run("install", "x") == 0
    assert "which you trusted, loosens the policy: block-above" in capsys.readouterr().err
    assert run("--quiet", "install", "x") == 0
    assert capsys.readouterr().err == ""


def test_known_malware_is_blocked_once_imported(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = wheel_scoring(tmp_path, 0.1, "demo")
    assert run("feed", "status") == 0
    assert "no list" in capsys.readouterr().out
    assert run("scan", path) == 0
    assert run("feed", "update", write(tmp_path / "osv", osv())) == 0
    assert run("feed", "status") == 0
    assert "1 report of malware about 1 project" in capsys.readouterr().out
    assert run("scan", path) == 40
    assert "MAL-2026-0001" in capsys.readouterr().out


def test_a_damaged_list_of_malware_stops_a_scan(run: Run, home: Surroundings) -> None:
    home.data_folder.mkdir()
    home.advisories_file.write_text("{")
    assert run("scan", "x") == 42


def test_verdicts_are_counted_and_cleared(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("scan", wheel_scoring(tmp_path, 0.1, "fine"))
    capsys.readouterr()
    assert run("verdicts", "info") == 0
    assert capsys.readouterr().out.startswith("1 verdicts, ")
    assert run("verdicts", "clear") == 0
    assert run("verdicts", "info") == 0
    assert "0 verdicts" in capsys.readouterr().out


def test_verdicts_travel_in_a_file(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    carried = str(tmp_path / "verdicts.jsonl")
    run("scan", wheel_scoring(tmp_path, 0.1, "fine"))
    capsys.readouterr()
    assert run("verdicts", "export", carried) == 0
    assert capsys.readouterr().out.startswith("1 verdicts written to ")
    assert run("verdicts", "import", carried) == 0
    assert capsys.readouterr().out == "0 verdicts imported, 1 known already\n"
    assert run("verdicts", "clear") == 0
    capsys.readouterr()
    assert run("verdicts", "import", carried) == 0
    assert capsys.readouterr().out == "1 verdicts imported, 0 known already\n"


def test_verdicts_that_cannot_be_kept_are_not_called_imported(
    run: Run, home: Surroundings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    carried = str(tmp_path / "verdicts.jsonl")
    run("scan", wheel_scoring(tmp_path, 0.1, "fine"))
    run("verdicts", "export", carried)
    run("verdicts", "clear")
    home.verdicts_folder.chmod(0o777)
    capsys.readouterr()
    assert run("verdicts", "import", carried) == 1
    shown = capsys.readouterr()
    assert "1 of 1 verdicts could not be kept" in shown.err
    assert "imported" not in shown.out


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (GateError("pip \x1b[2J is lost"), 42, "safe-pip: pip \\x1b[2J is lost\n"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (BrokenPipeError(), 141, ""),
        (ZeroDivisionError("division"), 42, "a defect of safe-pip itself: ZeroDivisionError"),
    ],
)
def test_every_end_has_a_sentence_and_an_exit_code(
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    error: BaseException,
    code: int,
    words: str,
) -> None:
    def fail(*_: object, **__: object) -> int:
        raise error

    monkeypatch.setattr("safe_pip.gates.pip_gate.Gate.run", fail)
    monkeypatch.setattr("os.dup2", lambda *_: None)
    assert run("install", "x") == code
    assert words in capfd.readouterr().err


@pytest.mark.parametrize(
    ("environ", "arguments", "is_attended"),
    [
        ({}, ["install", "x"], True),
        ({"CI": "false"}, ["install", "x"], True),
        ({"CI": "true"}, ["install", "x"], False),
        ({"PIP_NO_INPUT": "1"}, ["install", "x"], False),
        ({}, ["install", "--no-input", "x"], False),
    ],
)
def test_nobody_is_asked_where_nobody_may_be(
    home: Surroundings,
    monkeypatch: pytest.MonkeyPatch,
    environ: dict[str, str],
    arguments: list[str],
    is_attended: bool,
) -> None:
    monkeypatch.setattr("safe_pip.cli.surroundings.open_keyboard", contextlib.nullcontext)
    surroundings = replace(home, environ=environ)
    assert (surroundings.keyboard(arguments, is_unattended=False) is not None) == is_attended
    assert surroundings.keyboard(arguments, is_unattended=True) is None


def test_what_is_remembered_starts_no_worker(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = wheel_scoring(tmp_path, 0.6, "odd")
    first = run("scan", path), capsys.readouterr().out
    monkeypatch.setattr("subprocess.Popen", None)
    assert (run("scan", path), capsys.readouterr().out) == first


def test_a_damaged_memory_is_not_what_counts(
    run: Run, home: Surroundings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = wheel_scoring(tmp_path, 0.6, "odd")
    first = run("scan", path), capsys.readouterr().out
    (entry,) = home.verdicts_folder.rglob("*.json")
    entry.write_text("{}")
    assert (run("scan", path), capsys.readouterr().out) == first


def test_starting_imports_nothing_heavy() -> None:
    """The child of pip starts first; what is slow to import comes while it loads."""
    code = (
        "import sys; import safe_pip.cli, safe_pip.cli.pip_verbs; "
        "print([name for name in ('numpy', 'onnxruntime', 'rich', 'argparse') "
        "if name in sys.modules])"
    )
    completed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert completed.stdout.strip() == "[]", completed.stderr


def test_python_dash_m_forgets_the_working_directory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), "/elsewhere"])
    run_as_module._forget_working_directory()
    assert sys.path == ["/elsewhere"]


@pytest.mark.parametrize(
    ("status", "taken"),
    [(0, 0), (42, 42), (255, 255), (0xC000013A, 0xC000013A - 2**32), (2**32 - 1, -1)],
)
def test_a_status_of_windows_fits_what_ends_a_process(
    monkeypatch: pytest.MonkeyPatch, status: int, taken: int
) -> None:
    """As of a pip that Ctrl-C ended there: nothing was run on Windows itself."""
    ended: list[int] = []
    monkeypatch.setattr(program, "main", lambda: status)
    monkeypatch.setattr("os._exit", ended.append)
    program.run()
    assert ended == [taken]
    assert -(2**31) <= taken < 2**31
