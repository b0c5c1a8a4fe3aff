"""Interrupted at any stage: nothing uninspected is installed, nothing and nobody stays behind, and
what pip had begun is left as pip itself leaves it."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from tests.builders import write_sdist, write_wheel
from tests.integration.canaries import project_built_by, write_tool_wheel
from tests.integration.conftest import Workshop
from tests.integration.test_failing_closed import parent_that_acts
from tests.integration.test_faults import (
    children_of,
    finished,
    interrupted,
    nothing_happened,
    person,  # noqa: F401
    started,
    wait_for,
)
from tests.integration.test_whole_command import Person, write_canary

pytestmark = pytest.mark.fault

# pip's own status for Ctrl-C, which we pass on; ours where pip says nothing itself.
INTERRUPTED = (1, 130)
MANY_FILES = 6_000


@contextmanager
def slow_answers(workshop: Workshop, part_of_path: str) -> Iterator[threading.Event]:
    """The index lets wait whoever asks for such a path; the event tells that somebody does."""
    index = workshop.index
    answer, is_asked, is_over = index.answer, threading.Event(), threading.Event()

    def slow(path: str) -> bytes | None:
        if part_of_path in path:
            is_asked.set()
            is_over.wait(30)
        return answer(path)

    index.answer = slow  # type: ignore[method-assign]
    try:
        yield is_asked
    finally:
        is_over.set()


def write_large_set(workshop: Workshop) -> None:
    """pip installs alpha first, and then beta for a while."""
    write_wheel(workshop.archives, "alpha")
    files = {f"beta/m{number}.py": f"x = {number}\n" for number in range(MANY_FILES)}
    headers = {"Requires-Dist": "alpha"}
    write_wheel(workshop.archives, "beta", files=files, headers=headers)


def site_of(workshop: Workshop) -> Path:
    (site,) = workshop.environment.glob("lib/python*/site-packages")
    return site


def is_unpacking(workshop: Workshop) -> bool:
    return (site_of(workshop) / "beta").is_dir()


def plain_interrupted(workshop: Workshop) -> int:
    """The status of plain pip, interrupted at the same moment."""
    runner = workshop.target.pip_root / "pip" / "__pip-runner__.py"
    process = subprocess.Popen(
        [workshop.python, runner, "install", "beta"],
        env=workshop.environ,
        cwd=workshop.work,
        start_new_session=True,
    )
    wait_for(lambda: is_unpacking(workshop) or process.poll() is not None)
    os.killpg(process.pid, signal.SIGINT)
    return process.wait(60)


def test_ctrl_c_while_pip_installs(person: Person) -> None:  # noqa: F811
    """After every verdict: the same half as plain pip leaves, and its status."""
    workshop = person.workshop
    write_large_set(workshop)
    expected = plain_interrupted(workshop)
    half = workshop.installed()
    assert len(list((site_of(workshop) / "beta").iterdir())) < MANY_FILES, "it was too late"
    workshop.make_environment()
    shutil.rmtree(workshop.folder / "tmp")
    (workshop.folder / "tmp").mkdir()
    ended = interrupted(person, lambda: is_unpacking(workshop), "beta")
    assert ended.status == expected, ended.screen
    assert "Operation cancelled by user" in ended.screen
    assert workshop.installed() == half
    assert len(list((site_of(workshop) / "beta").iterdir())) < MANY_FILES, "it was too late"


def test_terminated_while_pip_installs(person: Person) -> None:  # noqa: F811
    workshop = person.workshop
    write_large_set(workshop)
    process = started(person, "install", "beta")
    wait_for(lambda: is_unpacking(workshop) or process.poll() is not None)
    process.terminate()
    ended = finished(process)
    assert ended.status == 128 + signal.SIGTERM, ended.screen
    assert {name.partition("-")[0] for name in workshop.installed()} <= {"alpha", "beta"}
    for left in workshop.leftovers:  # pip's own, to which it was not given time
        assert not left.startswith("safe-pip-")
        shutil.rmtree(workshop.folder / "tmp" / left)


def test_parent_killed_while_pip_installs(person: Person) -> None:  # noqa: F811
    """Every verdict is in: pip finishes the set that was allowed."""
    workshop = person.workshop
    write_large_set(workshop)
    process = started(person, "install", "beta")
    wait_for(lambda: is_unpacking(workshop) or process.poll() is not None)
    (pip,) = [
        pid
        for pid in children_of(process.pid)
        if b"pip_runner.py" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]
    process.kill()
    finished(process)
    wait_for(lambda: not Path(f"/proc/{pip}").exists())
    assert workshop.installed() == ["alpha", "alpha-1.0.dist-info", "beta", "beta-1.0.dist-info"]
    for left in workshop.leftovers:  # of the parent, which had no time
        shutil.rmtree(workshop.folder / "tmp" / left)


def test_ctrl_c_while_pip_downloads(person: Person) -> None:  # noqa: F811
    write_canary(person.workshop, "canary", 0.1)
    person.workshop.index.has_metadata_files = False
    with slow_answers(person.workshop, "/files/canary") as is_asked:
        ended = interrupted(person, is_asked.is_set, "canary")
    assert ended.status in INTERRUPTED, ended.screen
    assert nothing_happened(person)


def test_ctrl_c_in_the_pip_of_a_build_environment(person: Person) -> None:  # noqa: F811
    workshop = person.workshop
    write_tool_wheel(workshop.archives, "tool")
    write_sdist(workshop.archives, "canary", files=project_built_by("canary", "tool"))
    with slow_answers(workshop, "/simple/tool") as is_asked:
        ended = interrupted(person, is_asked.is_set, "canary")
    assert ended.status in INTERRUPTED, ended.screen
    assert nothing_happened(person)


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
def test_terminal_that_goes_away(person: Person, number: int) -> None:  # noqa: F811
    """While an artifact is inspected, and to all, as when a window is closed."""
    seen = person.workshop.folder / "seen"
    files = {"canary/__init__.py": f"# pretend-touch: {seen}\n# pretend-hang\n"}
    write_wheel(person.workshop.archives, "canary", files=files)
    # Whatever nohup started would otherwise hand on that the signal is ignored.
    heeding = partial(signal.signal, number, signal.SIG_DFL)
    process = started(person, "install", "canary", preexec_fn=heeding)
    wait_for(lambda: seen.exists() or process.poll() is not None)
    os.killpg(process.pid, number)
    ended = finished(process)
    assert ended.status in (128 + number, -number), ended.screen
    assert nothing_happened(person)
    for left in person.workshop.leftovers:
        assert not left.startswith("safe-pip-")
        shutil.rmtree(person.workshop.folder / "tmp" / left)


def test_ctrl_c_again_and_again(person: Person) -> None:  # noqa: F811
    """Whoever is impatient gains nothing, and leaves nobody behind."""
    seen = person.workshop.folder / "seen"
    files = {"canary/__init__.py": f"# pretend-touch: {seen}\n# pretend-hang\n"}
    write_wheel(person.workshop.archives, "canary", files=files)
    process = started(person, "install", "canary")
    wait_for(lambda: seen.exists() or process.poll() is not None)
    for _ in range(5):
        try:
            os.killpg(process.pid, signal.SIGINT)
        except ProcessLookupError:
            break
        threading.Event().wait(0.05)
    ended = finished(process)
    assert ended.status in (*INTERRUPTED, -signal.SIGINT), ended.screen
    assert nothing_happened(person)
    for left in person.workshop.leftovers:
        assert not left.startswith("safe-pip-")
        shutil.rmtree(person.workshop.folder / "tmp" / left)


@pytest.mark.parametrize(
    ("moment", "count", "is_installed"),
    [
        ("hello", 1, False),
        ("hello", 2, False),
        ("check", 1, False),
        ("plan", 1, False),
        ("plan", 2, False),
        ("done", 1, False),
        ("done", 2, True),
    ],
)
def test_parent_killed_at_any_message(
    workshop: Workshop, moment: str, count: int, is_installed: bool
) -> None:
    """An sdist with a build requirement: two pips, each with a hello, a plan and a goodbye."""
    write_tool_wheel(workshop.archives, "tool")
    write_sdist(workshop.archives, "alpha", files=project_built_by("alpha", "tool"))
    with parent_that_acts(workshop, "kill", moment, count, "install", "alpha") as parent:
        output, _ = parent.communicate(timeout=60)
    assert parent.returncode == -signal.SIGKILL, output
    assert ("alpha" in workshop.installed()) == is_installed
    if moment == "hello" or (moment, count) == ("plan", 1):
        assert workshop.marks == []


def test_disk_that_fills_up_while_pip_installs(person: Person) -> None:  # noqa: F811
    """pip's own error, after every verdict: what it left is of the allowed wheels alone."""
    workshop = person.workshop
    write_wheel(workshop.archives, "alpha", files={"alpha/big.txt": "x" * 3_000_000})
    limit = (1_000_000, 1_000_000)
    process = started(
        person,
        "install",
        "alpha",
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit),
    )
    ended = finished(process)
    assert ended.status == 1, ended.screen
    assert {name.partition("-")[0] for name in workshop.installed()} <= {"alpha"}
