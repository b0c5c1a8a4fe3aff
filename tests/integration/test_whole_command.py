"""``safe-pip install`` as a person types it: real pip, real processes, a pretended model."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.builders import write_sdist, write_wheel
from tests.integration.canaries import (
    PTH,
    project_built_by,
    project_files,
    write_tool_wheel,
)
from tests.integration.conftest import Workshop

COMMAND = (
    sys.executable,
    "-c",
    "from tests.fake_scanner import run_command_line; run_command_line()",
)
REPOSITORY = Path(__file__).parents[2]
TIMEOUT_SECONDS = 120


@dataclass(frozen=True, kw_only=True)
class Ended:
    status: int
    screen: str


class Person:
    """Types commands in the workshop's folder, with folders of their own for the user's files."""

    def __init__(self, workshop: Workshop) -> None:
        self.workshop = workshop
        self.environ: Mapping[str, str] = {
            **{key: value for key, value in workshop.environ.items() if key != "PIP_NO_INPUT"},
            "VIRTUAL_ENV": str(workshop.environment),
            "PYTHONPATH": str(REPOSITORY),
            "COLUMNS": "80",
            "TERM": "dumb",
        }

    def types(self, *arguments: str | Path, **environ: str) -> Ended:
        """A command without a terminal."""
        completed = subprocess.run(
            [*COMMAND, *map(str, arguments)],
            env={**self.environ, **environ},
            cwd=self.workshop.work,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TIMEOUT_SECONDS,
            start_new_session=True,
        )
        return Ended(status=completed.returncode, screen=completed.stdout)

    def answers(self, answer: str, *arguments: str | Path) -> Ended:
        """A command at a terminal, where the question is answered once it is asked."""
        child, terminal = pty.fork()
        if child == 0:
            os.chdir(self.workshop.work)
            os.execve(COMMAND[0], [*COMMAND, *map(str, arguments)], dict(self.environ))
        shown, is_answered = b"", False
        while chunk := _read(terminal):
            shown += chunk
            if b"[m]ore: " in shown and not is_answered:
                os.write(terminal, answer.encode())
                is_answered = True
        _, status = os.waitpid(child, 0)
        os.close(terminal)
        return Ended(status=os.waitstatus_to_exitcode(status), screen=shown.decode())


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # Linux reports the end of a terminal as an input error.
        return b""


@pytest.fixture
def person(workshop: Workshop) -> Iterator[Person]:
    yield Person(workshop)


def write_canary(workshop: Workshop, name: str, score: float) -> Path:
    """A wheel that leaves a mark as soon as an interpreter starts where it is installed."""
    files = {f"{name}/__init__.py": f"# pretend-score: {score}\n", f"{name}.pth": PTH.format(name)}
    return write_wheel(workshop.archives, name, files=files)


def write_policy(workshop: Workshop, text: str) -> Path:
    path = workshop.folder / "policy.toml"
    path.write_text(text, encoding="utf-8")
    return path


def nothing_happened(workshop: Workshop) -> bool:
    return workshop.installed() == [] and workshop.marks == []


def test_what_has_no_finding_is_installed(person: Person) -> None:
    write_canary(person.workshop, "canary", 0.1)
    ended = person.types("install", "canary")
    assert ended.status == 0
    assert "Successfully installed canary-1.0" in ended.screen
    assert "safe-pip: 1 inspected, no finding; pip waited" in ended.screen
    assert "canary-1.0.dist-info" in person.workshop.installed()


def test_finds_below_every_limit_are_not_called_no_finding(person: Person) -> None:
    write_canary(person.workshop, "canary", 0.3)
    ended = person.types("install", "canary")
    assert ended.status == 0
    assert "safe-pip: 1 inspected, 1 with finds below every limit; pip waited" in ended.screen


def test_a_second_installation_is_from_memory(person: Person) -> None:
    write_canary(person.workshop, "canary", 0.1)
    person.types("install", "canary")
    person.workshop.make_environment()
    ended = person.types("install", "canary")
    assert "1 inspected, 1 from memory, no finding" in ended.screen


def test_a_high_score_is_blocked_with_its_evidence(person: Person) -> None:
    write_canary(person.workshop, "canary", 0.95)
    ended = person.types("install", "canary")
    assert ended.status == 40
    assert "canary/__init__.py:1" in ended.screen
    assert "1 not let through" in ended.screen
    assert nothing_happened(person.workshop)


def test_a_denied_project_is_blocked(person: Person) -> None:
    write_canary(person.workshop, "canary", 0.1)
    policy = write_policy(person.workshop, 'deny = ["Canary"]')
    ended = person.types("--policy", policy, "install", "canary")
    assert ended.status == 40
    assert "the policy denies canary" in ended.screen
    assert nothing_happened(person.workshop)


def test_an_allowed_project_is_installed_whatever_its_score(person: Person) -> None:
    write_canary(person.workshop, "canary", 0.95)
    policy = write_policy(
        person.workshop, '[[allow]]\nproject = "canary"\nreason = "it is our own"'
    )
    ended = person.types("--policy", policy, "install", "canary")
    assert ended.status == 0
    assert "1 allowed by the policy" in ended.screen
    assert "canary.pth" in person.workshop.installed()


def test_the_command_that_a_block_offers_lets_it_pass(person: Person) -> None:
    write_canary(person.workshop, "canary", 0.95)
    screen = person.types("install", "canary").screen
    (offer,) = [line for line in screen.splitlines() if "policy allow" in line]
    words = offer.replace("'why'", "read-it").split()
    assert words[0] == "safe-pip"
    assert person.types(*words[1:]).status == 0
    assert person.types("install", "canary").status == 0


def test_an_sdist_that_was_allowed_by_its_digest_is_built(person: Person) -> None:
    files = project_files("canary")
    files["canary/__init__.py"] = "# pretend-score: 0.95\n"
    path = write_sdist(person.workshop.archives, "canary", files=files)
    assert person.types("install", "canary").status == 40
    assert person.types("policy", "allow", path, "--reason", "read").status == 0
    assert person.types("install", "canary").status == 0


def test_one_denied_artifact_stops_the_whole_set(person: Person) -> None:
    write_canary(person.workshop, "canary", 0.1)
    write_canary(person.workshop, "other", 0.95)
    assert person.types("install", "canary", "other").status == 40
    assert nothing_happened(person.workshop)


def test_a_denied_sdist_never_runs(person: Person) -> None:
    setup = f"# pretend-score: 0.95\n{PTH.format('setup')}"
    write_sdist(person.workshop.archives, "canary", files={"setup.py": setup})
    assert person.types("install", "canary").status == 40
    assert nothing_happened(person.workshop)


def test_a_broken_archive_could_not_be_inspected(person: Person) -> None:
    path = person.workshop.archives / "canary-1.0.tar.gz"
    path.write_bytes(b"\x1f\x8b and no more")
    ended = person.types("install", path)
    assert ended.status == 42
    assert "could not be inspected" in ended.screen
    assert nothing_happened(person.workshop)


def test_a_scanner_that_crashes_blocks(person: Person) -> None:
    files = {"canary/__init__.py": "# pretend-crash\n"}
    write_wheel(person.workshop.archives, "canary", files=files)
    ended = person.types("install", "canary")
    assert ended.status == 42
    assert nothing_happened(person.workshop)


def test_a_question_without_a_terminal_is_blocked(person: Person) -> None:
    write_canary(person.workshop, "canary", 0.6)
    ended = person.types("install", "canary")
    assert ended.status == 40
    assert "nobody can be asked" in ended.screen
    assert nothing_happened(person.workshop)


def test_yes_at_the_terminal_installs(person: Person) -> None:
    write_canary(person.workshop, "canary", 0.6)
    ended = person.answers("y\n", "install", "canary")
    assert ended.status == 0
    assert "1 accepted at the terminal" in ended.screen
    assert "canary-1.0.dist-info" in person.workshop.installed()


@pytest.mark.parametrize("answer", ["n\n", "\n", "\x04"])
def test_anything_but_yes_at_the_terminal_declines(person: Person, answer: str) -> None:
    write_canary(person.workshop, "canary", 0.6)
    ended = person.answers(answer, "install", "canary")
    assert ended.status == 41
    assert "was declined" in ended.screen
    assert nothing_happened(person.workshop)


def test_ctrl_c_at_the_question_withdraws_it(person: Person) -> None:
    write_canary(person.workshop, "canary", 0.6)
    ended = person.answers("\x03", "install", "canary")
    assert ended.status == 1
    assert "the question is withdrawn" in ended.screen
    assert "Operation cancelled by user" in ended.screen
    assert "was declined" not in ended.screen
    assert nothing_happened(person.workshop)


def test_plain_draws_nothing(person: Person) -> None:
    write_canary(person.workshop, "canary", 0.95)
    ended = person.types("--plain", "install", "canary")
    assert ended.status == 40
    assert (
        "1. canary/__init__.py, line 1: runs when the package is imported: pretends" in ended.screen
    )
    assert "╭" not in ended.screen


def test_an_sdist_is_asked_about_once(person: Person) -> None:
    setup = "# pretend-score: 0.6\nfrom setuptools import setup\nsetup(name='canary')\n"
    write_sdist(person.workshop.archives, "canary", files={"setup.py": setup})
    ended = person.answers("y\n", "install", "--no-build-isolation", "canary")
    assert ended.screen.count("[m]ore:") == 1


def test_a_bad_policy_starts_nothing(person: Person) -> None:
    write_canary(person.workshop, "canary", 0.1)
    policy = write_policy(person.workshop, "sdists = 1")
    ended = person.types("--policy", policy, "install", "canary")
    assert ended.status == 43
    assert ended.screen.startswith(f"safe-pip: {policy}: sdists: 1 is not one of")
    assert nothing_happened(person.workshop)


def test_a_report_lists_the_decisions_and_pips_output_stays_clean(person: Person) -> None:
    write_canary(person.workshop, "canary", 0.1)
    write_canary(person.workshop, "other", 0.95)
    report = person.workshop.folder / "report.json"
    person.types("--report", report, "--quiet", "install", "canary", "other")
    decisions = json.loads(report.read_text())["decisions"]
    assert {entry["project"]: entry["action"] for entry in decisions} == {
        "canary": "allow",
        "other": "block",
    }


def test_quiet_says_only_what_pip_says(person: Person) -> None:
    write_canary(person.workshop, "canary", 0.1)
    assert "safe-pip" not in person.types("--quiet", "install", "canary").screen


def test_other_verbs_pass_to_pip(person: Person) -> None:
    write_canary(person.workshop, "canary", 0.1)
    person.types("install", "canary")
    ended = person.types("list", "--format=json")
    assert ended.status == 0
    assert {"name": "canary", "version": "1.0"} in json.loads(ended.screen)
    ended = person.types("uninstall", "-y", "canary")
    assert ended.status == 0
    assert "Successfully uninstalled canary-1.0" in ended.screen


def test_pips_own_exit_code_passes_through(person: Person) -> None:
    assert person.types("install", "no-such-project").status == 1
    assert person.types("install", "--no-such-option").status == 2


def test_report_only_installs_what_would_be_blocked_and_says_so(person: Person) -> None:
    write_canary(person.workshop, "canary", 0.95)
    report = person.workshop.folder / "report.json"
    ended = person.types("--quiet", "--report-only", "--report", report, "install", "canary")
    assert ended.status == 0
    assert "NOTHING IS BLOCKED" in ended.screen
    assert "report only: canary 1.0 would be blocked: its score is 0.95" in ended.screen
    assert "canary.pth" in person.workshop.installed()
    (entry,) = json.loads(report.read_text())["decisions"]
    assert (entry["action"], entry["enforced"]) == ("block", False)


def test_report_only_installs_nothing_that_was_not_inspected(person: Person) -> None:
    files = {"canary/__init__.py": "# pretend-crash\n"}
    write_wheel(person.workshop.archives, "canary", files=files)
    assert person.types("--report-only", "install", "canary").status == 42
    assert nothing_happened(person.workshop)


def test_a_record_of_an_installation_can_be_checked(person: Person) -> None:
    files = project_files("canary")
    write_sdist(person.workshop.archives, "canary", files=files)
    lock = person.workshop.work / "safe-pip.lock"
    assert person.types("--record", lock, "install", "--no-cache-dir", "canary").status == 0
    text = lock.read_text()
    (artifact,) = json.loads(text)["artifacts"]
    assert (artifact["filename"], artifact["action"]) == ("canary-1.0.tar.gz", "allow")
    assert str(person.workshop.folder) not in text
    assert person.types("check", "safe-pip.lock").status == 0
    ended = person.types("--record", lock, "install", "--no-cache-dir", "canary")
    assert "nothing was inspected, so" in ended.screen
    person.workshop.make_environment()
    person.types("--record", lock, "install", "--no-cache-dir", "canary")
    assert lock.read_text() == text
    policy = write_policy(person.workshop, 'deny = ["canary"]')
    assert person.types("--policy", policy, "check", "safe-pip.lock").status == 40
    assert person.types("check").status == 0


def test_a_report_names_the_line_that_asked(person: Person) -> None:
    archives = person.workshop.archives
    write_wheel(archives, "outer", headers={"Requires-Dist": "inner"})
    write_canary(person.workshop, "inner", 0.95)
    write_tool_wheel(archives, "tool")
    write_sdist(archives, "built", files=project_built_by("built", "tool"))
    (person.workshop.work / "dev.txt").write_text("# what we need\n-r more.txt\nouter\n")
    (person.workshop.work / "more.txt").write_text("built\n")
    report = person.workshop.folder / "report.json"
    ended = person.types("--report-only", "--report", report, "install", "-r", "dev.txt")
    assert ended.status == 0
    lines = {
        entry["project"]: (entry["requested_in"], entry["required_by"])
        for entry in json.loads(report.read_text())["decisions"]
        if entry["came_out_of"] is None
    }
    assert lines == {
        "outer": ({"file": "dev.txt", "line": 3}, []),
        "inner": ({"file": "dev.txt", "line": 3}, ["outer"]),
        "built": ({"file": "more.txt", "line": 1}, []),
        "tool": (None, ["built"]),
    }
    page = person.workshop.folder / "report.html"
    sarif = person.workshop.folder / "report.sarif"
    person.types("--report", page, "install", "--force-reinstall", "-r", "dev.txt")
    assert "dev.txt:3" in page.read_text()
    assert "<mark>" in page.read_text()
    person.types("--report", sarif, "install", "--force-reinstall", "-r", "dev.txt")
    result = json.loads(sarif.read_text())["runs"][0]["results"][0]
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "dev.txt"
    assert place["region"]["startLine"] == 3
