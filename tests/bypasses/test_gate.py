"""Ways in which something could be installed without having been inspected: none of them does."""

from __future__ import annotations

import json
import mmap
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from safe_pip.errors import EXIT_BLOCKED, EXIT_UNSCANNABLE
from safe_pip.gates.reviewer import Arrival
from tests.builders import make_zip, write_sdist, write_wheel, zip_member
from tests.integration.canaries import (
    PTH,
    backend,
    project_built_by,
    project_files,
    write_pth_wheel,
    write_tool_wheel,
)
from tests.integration.conftest import Workshop, workshop  # noqa: F401
from tests.integration.reviewers import RecordingReviewer
from tests.integration.test_whole_command import REPOSITORY, Person, write_canary


@pytest.fixture
def person(workshop: Workshop) -> Iterator[Person]:  # noqa: F811
    yield Person(workshop)


def stored_wheel(folder: Path, name: str, text: str) -> Path:
    """Its bytes lie in the file as they are."""
    path = write_wheel(folder, name, files={f"{name}/__init__.py": text})
    with zipfile.ZipFile(path) as archive:
        entries = [
            (zip_member(info.filename, compression=0), archive.read(info))
            for info in archive.infolist()
        ]
    path.write_bytes(make_zip(entries))
    return path


def test_wheel_changed_through_a_map_of_it(workshop: Workshop) -> None:  # noqa: F811
    """Writing to a page that is dirty already changes neither mtime nor ctime."""
    links = workshop.folder / "links"
    links.mkdir()
    good, evil = "x = 'good'\n", "x = 'evil'\n"
    path = stored_wheel(links, "alpha", good)
    data = path.read_bytes()
    changed = stored_wheel(links, "alpha", evil).read_bytes()
    assert len(changed) == len(data)
    path.write_bytes(data)
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as map:

        def change(_: Sequence[Arrival]) -> None:
            map[:] = changed

        map[:] = data
        reviewer = RecordingReviewer(on_rule=change)
        arguments = ["install", "--no-index", "--find-links", str(links), "alpha"]
        assert workshop.guarded(reviewer, *arguments) == EXIT_UNSCANNABLE
    assert workshop.installed() == []


def test_sdist_changed_through_a_map_of_it(workshop: Workshop) -> None:  # noqa: F811
    path = write_sdist(workshop.folder, "alpha", format="zip", files=project_files("alpha"))
    data = path.read_bytes()
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as map:

        def change(_: Sequence[Arrival]) -> None:
            map[-1:] = b"x"

        map[:] = data
        reviewer = RecordingReviewer(on_rule=change)
        assert workshop.guarded(reviewer, "install", str(path)) == EXIT_UNSCANNABLE
    assert workshop.marks == []


def test_link_to_a_wheel_that_is_turned_elsewhere(workshop: Workshop) -> None:  # noqa: F811
    links, elsewhere = workshop.folder / "links", workshop.folder / "elsewhere"
    links.mkdir()
    elsewhere.mkdir()
    write_wheel(workshop.folder, "alpha")
    write_pth_wheel(elsewhere, "alpha")
    name = "alpha-1.0-py3-none-any.whl"
    (links / name).symlink_to(workshop.folder / name)

    def turn(_: Sequence[Arrival]) -> None:
        (links / name).unlink()
        (links / name).symlink_to(elsewhere / name)

    reviewer = RecordingReviewer(on_rule=turn)
    arguments = ["install", "--no-index", "--find-links", str(links), "alpha"]
    assert workshop.guarded(reviewer, *arguments) == EXIT_UNSCANNABLE
    assert workshop.installed() == []
    assert workshop.marks == []


HOSTILE_NAMES = (
    *("pip.py", "json.py", "socket.py", "zipfile.py", "hashlib.py", "numpy.py", "rich.py"),
    *("sitecustomize.py", "usercustomize.py", "pip_child.py", "pip_guard.py", "setup.py"),
    *("safe_pip/__init__.py", "safe_pip/__main__.py", "safe_pip_child/__init__.py"),
    *("pip/__init__.py", "pip/__main__.py", "setuptools/__init__.py", "onnxruntime.py"),
)


def fill_with_hostile_modules(folder: Path) -> None:
    for name in HOSTILE_NAMES:
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(PTH.format(f"{name}\n"), encoding="utf-8")


@pytest.mark.parametrize("score", [0.1, 0.95])
def test_hostile_working_directory_runs_nowhere(person: Person, score: float) -> None:
    fill_with_hostile_modules(person.workshop.work)
    write_wheel(
        person.workshop.archives,
        "canary",
        files={"canary/__init__.py": f"# pretend-score: {score}\n"},
    )
    code = (
        f"import sys; sys.path.insert(0, {str(REPOSITORY)!r}); "
        "from tests.fake_scanner import run_command_line; run_command_line()"
    )
    environ = {key: value for key, value in person.environ.items() if key != "PYTHONPATH"}
    ended = subprocess.run(
        [sys.executable, "-I", "-c", code, "install", "canary"],
        env=environ,
        cwd=person.workshop.work,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ended.returncode == (0 if score < 0.5 else EXIT_BLOCKED), ended.stderr
    assert person.workshop.marks == []


@pytest.mark.parametrize("name", ["safe-pip.toml", "pyproject.toml"])
def test_hostile_project_policy_allows_nothing(person: Person, name: str) -> None:
    table = "tool.safe-pip" if name == "pyproject.toml" else ""
    head = f"[{table}]\n" if table else ""
    entry = f"[[{table}.allow]]\n" if table else "[[allow]]\n"
    text = (
        f"{head}block-above = 1.0\nask-above = 1.0\nunattended = 'allow-below-block'\n"
        f"unscannable = 'ask'\n{entry}project = 'canary'\nreason = 'trust me'\n"
    )
    (person.workshop.work / name).write_text(text, encoding="utf-8")
    write_canary(person.workshop, "canary", 0.95)
    ended = person.types("install", "canary")
    assert ended.status == EXIT_BLOCKED, ended.screen
    assert person.workshop.installed() == []


@pytest.mark.parametrize("name", ["_SAFE_PIP_ROOT", "_SAFE_PIP_TOKEN", "_SAFE_PIP_REQUIRED_BY"])
def test_forged_variable_gains_nothing(person: Person, name: str) -> None:
    write_canary(person.workshop, "canary", 0.95)
    forged = {name: json.dumps([str(person.workshop.work)])}
    assert person.types("install", "canary", **forged).status == EXIT_BLOCKED
    assert person.workshop.installed() == []


def verdict_rows(person: Person) -> list[Path]:
    return sorted((person.workshop.folder / "home").rglob("verdicts/v1/*/*/*.json"))


def test_row_of_another_artifact_is_not_believed(person: Person) -> None:
    """Whoever can put a file there, but not make one up."""
    write_canary(person.workshop, "canary", 0.1)
    assert person.types("install", "canary").status == 0
    (good,) = verdict_rows(person)
    write_canary(person.workshop, "other", 0.95)
    assert person.types("install", "other").status == EXIT_BLOCKED
    (bad,) = set(verdict_rows(person)) - {good}
    shutil.copyfile(good, bad)
    assert person.types("install", "other").status == EXIT_BLOCKED


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
@pytest.mark.parametrize("what", ["row", "folder"])
def test_row_that_somebody_else_wrote_is_not_believed(person: Person, what: str) -> None:
    write_canary(person.workshop, "canary", 0.95)
    assert person.types("install", "canary").status == EXIT_BLOCKED
    (row,) = verdict_rows(person)
    document = json.loads(row.read_text())
    document["score"], document["findings"] = 0.0, []
    row.write_text(json.dumps(document))
    os.chown(row, 65534, 65534)
    if what == "folder":
        folder = row.parents[3]
        shutil.move(folder, person.workshop.folder / "theirs")
        os.chown(person.workshop.folder / "theirs", 65534, 65534)
        folder.symlink_to(person.workshop.folder / "theirs")
    assert person.types("install", "canary").status == EXIT_BLOCKED
    assert person.workshop.installed() == []


@pytest.mark.parametrize("above", ["", "above"])
def test_temporary_folder_that_everybody_can_change_is_not_used(person: Person, above: str) -> None:
    """Others could put a runner of theirs in place of ours."""
    write_canary(person.workshop, "canary", 0.1)
    shared = person.workshop.folder / "shared"
    folder = shared / above
    folder.mkdir(parents=True)
    shared.chmod(0o777)
    ended = person.types("install", "canary", TMPDIR=str(folder))
    assert ended.status == EXIT_UNSCANNABLE, ended.screen
    assert "everybody can rename" in ended.screen
    shared.chmod(0o1777)
    assert person.types("install", "canary", TMPDIR=str(folder)).status == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="gives a folder away")
def test_temporary_folder_of_another_user_is_refused(person: Person) -> None:
    write_canary(person.workshop, "canary", 0.1)
    theirs = person.workshop.folder / "theirs"
    theirs.mkdir(mode=0o755)
    os.chown(theirs, 54_321, -1)
    ended = person.types("install", "canary", TMPDIR=str(theirs))
    assert ended.status == EXIT_UNSCANNABLE, ended.screen
    assert "another user (54321) can rename" in ended.screen
    assert person.workshop.installed() == []


CALLER = """\

def call_the_gate():
    # The folder of the session is in the command line of the pip that started this build.
    import json, os, pathlib, socket
    pid = os.getppid()
    while pid > 1:
        words = pathlib.Path("/proc/%d/cmdline" % pid).read_bytes().decode().split("\\0")
        runner = next((word for word in words if word.endswith("pip_runner.py")), None)
        if runner:
            break
        pid = int(pathlib.Path("/proc/%d/stat" % pid).read_text().rpartition(")")[2].split()[1])
    session = json.loads(pathlib.Path(runner).with_name("session.json").read_text())
    channel = socket.socket(socket.AF_UNIX)
    channel.connect(session["address"])
    hello = {{"type": "hello", "token": session["token"], "protocol": 1,
             "pid": os.getpid(), "required_by": [], "interpreter": None}}
    reader = channel.makefile("rb")
    def say(message, is_answered=True):
        channel.sendall(json.dumps(message).encode() + b"\\n")
        return json.loads(reader.readline()) if is_answered else None
    assert say(hello)["ok"] is True
    item = {{"kind": "file", "path": {evil!r}, "origin": "INDEX", "url": None, "index_url": None,
            "project": "trusted", "required_by": [], "is_build_requirement": False,
            "uploaded_at": None, "parent_sha256": None}}
    say({{"type": "check", "items": [item]}}, is_answered=False)
    {then}
    mark("called")

call_the_gate()
"""


def write_calling_sdist(workshop: Workshop, evil: Path, then: str) -> None:  # noqa: F811
    """An sdist whose build, once allowed, speaks to the gate as if it were a pip."""
    files = project_files("alpha")
    call = CALLER.format(evil=str(evil), then=then)
    files["backend.py"] = str(files["backend.py"]) + call
    write_sdist(workshop.archives, "alpha", files=files)


@pytest.mark.parametrize(
    "then",
    [
        pytest.param('say({"type": "done", "status": 0})', id="goodbye"),
        pytest.param('say({"type": "plan", "wheels": [], "prefix": None}, False)', id="plan"),
        pytest.param("", id="check"),
        pytest.param("channel.sendall(b'garbage\\n')", id="garbage"),
        pytest.param(
            'say({"type": "refuse", "reason": "no", "exit_code": 42}, False)', id="refuse"
        ),
        pytest.param(
            'assert "refusal" in say({"type": "need", "items": [item], "is_drawing": False})',
            id="need",
        ),
    ],
)
def test_allowed_build_that_calls_the_gate_gains_no_allow(
    workshop: Workshop,  # noqa: F811
    then: str,
) -> None:
    evil = write_pth_wheel(workshop.archives, "beta")
    write_calling_sdist(workshop, evil, then)
    reviewer = RecordingReviewer("beta")
    assert workshop.guarded(reviewer, "install", "alpha", "beta") in (
        EXIT_BLOCKED,
        EXIT_UNSCANNABLE,
    )
    assert [mark for mark in workshop.marks if "beta" in mark] == []
    assert workshop.installed() == []


def test_allowed_build_cannot_replace_the_runner_of_the_next(
    workshop: Workshop,  # noqa: F811
) -> None:
    """The first build swaps the script that the second one's build requirements run under."""
    disarm = (
        "import pathlib\n    guard = pathlib.Path(runner).with_name('pip_hooks.py')\n"
        "    guard.write_text(guard.read_text().replace("
        "'def install_hooks(guard: Guard, runner: str) -> None:',"
        "'def install_hooks(guard, runner):\\n    return\\n\\n\\ndef other(guard, runner):'))"
    )
    write_calling_sdist(workshop, workshop.archives / "none.whl", disarm)
    write_tool_wheel(workshop.archives, "tool")
    write_sdist(workshop.archives, "beta", files=project_built_by("beta", "tool"))
    reviewer = RecordingReviewer("tool")
    status = workshop.guarded(reviewer, "install", "alpha", "beta")
    assert "called" in workshop.marks
    assert status in (EXIT_BLOCKED, EXIT_UNSCANNABLE)
    assert [mark for mark in workshop.marks if "tool" in mark] == []
    assert workshop.installed() == []


def test_backend_path_outside_of_its_tree_runs_nothing(workshop: Workshop) -> None:  # noqa: F811
    """A build back end that lies beside the project, where nobody looked."""
    outside = workshop.folder / "outside"
    outside.mkdir()
    (outside / "backend.py").write_text(backend("alpha"), encoding="utf-8")
    files = project_files("alpha")
    files["pyproject.toml"] = (
        "[build-system]\nrequires = []\n"
        f'build-backend = "backend"\nbackend-path = ["../../../../..{outside}"]\n'
    )
    del files["backend.py"]
    write_sdist(workshop.archives, "alpha", files=files)
    assert workshop.guarded(RecordingReviewer(), "install", "alpha") != 0
    assert workshop.marks == []
