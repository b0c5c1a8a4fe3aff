"""What a machine runs out of, and what goes away while pip runs: nothing uninspected is installed,
and no set by half."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from safe_pip.errors import EXIT_BLOCKED, EXIT_UNSCANNABLE
from tests.builders import Content, write_sdist, write_wheel
from tests.integration.canaries import (
    project_built_by,
    write_canary_sdist,
    write_pth_wheel,
    write_tool_wheel,
)
from tests.integration.test_faults import (
    children_of,
    finished,
    nothing_happened,
    person,  # noqa: F401
    processes_of,
    started,
    wait_for,
)
from tests.integration.test_interrupts import slow_answers
from tests.integration.test_whole_command import COMMAND, Ended, Person, write_canary

pytestmark = pytest.mark.fault

MEBIBYTE = 1 << 20
# A disk of that size over a folder, which only the command and its children see.
_ON_A_DISK = 'mount -t tmpfs -o size="$0",mode=700 none "$1" && shift && exec "$@"'


def _can_mount() -> bool:
    unshare = shutil.which("unshare")
    if unshare is None:
        return False
    command = [unshare, "-rm", "sh", "-c", _ON_A_DISK, "4k", "/mnt", "true"]
    return subprocess.run(command, capture_output=True, timeout=30).returncode == 0


needs_disks = pytest.mark.skipif(not _can_mount(), reason="no disk of a chosen size here")


def types_on_a_disk(person: Person, size: str, folder: Path, *words: str, **environ: str) -> Ended:  # noqa: F811
    folder.mkdir(parents=True, exist_ok=True)
    command = ["unshare", "-rm", "sh", "-c", _ON_A_DISK, size, str(folder), *COMMAND, *words]
    completed = subprocess.run(
        command,
        env={**person.environ, **environ},
        cwd=person.workshop.work,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        start_new_session=True,
    )
    return Ended(status=completed.returncode, screen=completed.stdout)


def limited(kind: int, limit: int) -> Callable[[], None]:
    return lambda: resource.setrlimit(kind, (limit, limit))


# Disks


@needs_disks
@pytest.mark.parametrize("size", ["4k", "64k", "160k"])
def test_disk_of_the_temporary_folder_is_full(person: Person, size: str) -> None:  # noqa: F811
    """Before there is a session, while pip downloads, while it unpacks."""
    workshop = person.workshop
    source: Content = "# pretend-score: 0.95\n"
    files = {"canary/__init__.py": source, "canary/data": os.urandom(200_000)}
    write_wheel(workshop.archives, "canary", files=files)
    workshop.index.has_metadata_files = False
    ended = types_on_a_disk(person, size, workshop.folder / "tmp", "install", "canary")
    assert ended.status in (1, EXIT_UNSCANNABLE), ended.screen
    assert "Traceback" not in ended.screen
    assert nothing_happened(person)


@needs_disks
@pytest.mark.parametrize("size", ["4k", "16k"])
def test_disk_of_our_cache_is_full(person: Person, size: str) -> None:  # noqa: F811
    """It forgets, and decides as ever."""
    write_canary(person.workshop, "canary", 0.1)
    write_canary(person.workshop, "other", 0.95)
    cache = person.workshop.folder / "small"
    for name, status in (("canary", 0), ("other", EXIT_BLOCKED)):
        ended = types_on_a_disk(person, size, cache, "install", name, XDG_CACHE_HOME=str(cache))
        assert ended.status == status, ended.screen


@needs_disks
def test_disk_of_pip_s_cache_is_full(person: Person) -> None:  # noqa: F811
    """There pip puts the wheel that it built, which is installed from there."""
    workshop = person.workshop
    write_canary_sdist(workshop.archives, "alpha")
    ended = types_on_a_disk(person, "4k", workshop.folder / "cache", "install", "alpha")
    assert (ended.status == 0) == bool(workshop.installed()), ended.screen
    assert "Traceback" not in ended.screen


@needs_disks
def test_disk_of_the_target_is_full(person: Person) -> None:  # noqa: F811
    """pip's own error, after every verdict; what was blocked leaves nothing there either."""
    workshop = person.workshop
    write_wheel(workshop.archives, "alpha", files={"alpha/big": os.urandom(MEBIBYTE)})
    write_canary(workshop, "canary", 0.95)
    place = str(workshop.folder / "elsewhere")
    words = ("install", "--target", place)
    ended = types_on_a_disk(person, "300k", Path(place), *words, "alpha")
    assert ended.status in (1, 2), ended.screen
    ended = types_on_a_disk(person, "300k", Path(place), *words, "alpha", "canary")
    assert ended.status == EXIT_BLOCKED, ended.screen
    assert nothing_happened(person)


# Memory, open files


@pytest.mark.parametrize("mebibytes", [60, 150, 300, 600])
def test_no_memory_for_anybody(person: Person, mebibytes: int) -> None:  # noqa: F811
    """Of address space, for us, our workers and pip."""
    write_canary(person.workshop, "canary", 0.95)
    write_pth_wheel(person.workshop.archives, "beta")
    limit = limited(resource.RLIMIT_AS, mebibytes * MEBIBYTE)
    ended = finished(started(person, "install", "beta", "canary", preexec_fn=limit))
    assert ended.status != 0, ended.screen
    assert nothing_happened(person)
    _forget_what_had_no_time(person)


@pytest.mark.parametrize("count", [3, 5, 8, 11, 16, 24])
def test_no_more_open_files(person: Person, count: int) -> None:  # noqa: F811
    write_canary(person.workshop, "canary", 0.95)
    write_pth_wheel(person.workshop.archives, "beta")
    limit = limited(resource.RLIMIT_NOFILE, count)
    ended = finished(started(person, "install", "beta", "canary", preexec_fn=limit))
    assert ended.status != 0, ended.screen
    assert nothing_happened(person)
    _forget_what_had_no_time(person)


def _forget_what_had_no_time(person: Person) -> None:  # noqa: F811
    """Who cannot even open a folder cannot remove it."""
    wait_for(lambda: not processes_of(person.workshop))
    for left in person.workshop.leftovers:
        shutil.rmtree(person.workshop.folder / "tmp" / left)


# What goes away


def test_session_folder_that_is_removed_builds_nothing(person: Person) -> None:  # noqa: F811
    """A tidy machine: the pip of a build environment finds neither runner nor socket."""
    workshop = person.workshop
    write_tool_wheel(workshop.archives, "tool")
    write_sdist(workshop.archives, "alpha", files=project_built_by("alpha", "tool"))
    with slow_answers(workshop, "/files/alpha") as is_asked:
        process = started(person, "install", "alpha")
        wait_for(lambda: is_asked.is_set() or process.poll() is not None)
        for folder in (workshop.folder / "tmp").glob("safe-pip-*"):
            shutil.rmtree(folder)
    ended = finished(process)
    assert ended.status == EXIT_UNSCANNABLE, ended.screen
    assert nothing_happened(person)


def test_folder_of_the_download_that_is_removed(person: Person) -> None:  # noqa: F811
    """While it is inspected: there is nothing left that could be what was judged."""
    workshop = person.workshop
    seen = workshop.folder / "seen"
    files = {"canary/__init__.py": f"# pretend-touch: {seen}\n# pretend-pause\n"}
    write_wheel(workshop.archives, "canary", files=files)
    process = started(person, "install", "canary")
    wait_for(lambda: seen.exists() or process.poll() is not None)
    for folder in (workshop.folder / "tmp").glob("pip-*"):
        shutil.rmtree(folder)
    ended = finished(process)
    assert ended.status == EXIT_UNSCANNABLE, ended.screen
    assert nothing_happened(person)


def test_workers_killed_while_they_inspect(person: Person) -> None:  # noqa: F811
    """As a machine does that has no memory left."""
    workshop = person.workshop
    seen = workshop.folder / "seen"
    files = {"canary/__init__.py": f"# pretend-touch: {seen}\n# pretend-hang\n"}
    write_wheel(workshop.archives, "canary", files=files)
    write_pth_wheel(workshop.archives, "beta")
    process = started(person, "install", "beta", "canary")
    wait_for(lambda: seen.exists() or process.poll() is not None)
    for pid in children_of(process.pid):
        if b"pip_runner.py" not in Path(f"/proc/{pid}/cmdline").read_bytes():
            os.kill(pid, signal.SIGKILL)
    ended = finished(process)
    assert ended.status == EXIT_UNSCANNABLE, ended.screen
    assert nothing_happened(person)


def test_stopped_and_continued(person: Person) -> None:  # noqa: F811
    """Ctrl-Z at a terminal, and fg: nothing is lost, and nothing decided meanwhile."""
    workshop = person.workshop
    write_canary(workshop, "canary", 0.1)
    with slow_answers(workshop, "/files/canary") as is_asked:
        process = started(person, "install", "canary")
        wait_for(lambda: is_asked.is_set() or process.poll() is not None)
        os.killpg(process.pid, signal.SIGSTOP)
    threading.Event().wait(1)
    assert workshop.installed() == []
    os.killpg(process.pid, signal.SIGCONT)
    ended = finished(process)
    assert ended.status == 0, ended.screen
    assert "canary" in workshop.installed()


def test_pip_killed_while_it_downloads(person: Person) -> None:  # noqa: F811
    workshop = person.workshop
    write_canary(workshop, "canary", 0.1)
    with slow_answers(workshop, "/files/canary") as is_asked:
        process = started(person, "install", "canary")
        wait_for(lambda: is_asked.is_set() or process.poll() is not None)
        for pid in children_of(process.pid):
            if b"pip_runner.py" in Path(f"/proc/{pid}/cmdline").read_bytes():
                os.kill(pid, signal.SIGKILL)
        ended = finished(process)
    assert ended.status == EXIT_UNSCANNABLE, ended.screen
    assert nothing_happened(person)
    _forget_what_had_no_time(person)


@pytest.mark.parametrize("keep_bytes", [0, 100, -1])
def test_download_that_breaks_off(person: Person, keep_bytes: int) -> None:  # noqa: F811
    """What arrived is not what the index announced."""
    workshop = person.workshop
    write_pth_wheel(workshop.archives, "alpha")
    workshop.index.has_metadata_files = False
    answer = workshop.index.answer

    def cut(path: str) -> bytes | None:
        body = answer(path)
        return body[:keep_bytes] if body is not None and "/files/" in path else body

    workshop.index.answer = cut  # type: ignore[method-assign]
    ended = person.types("install", "alpha")
    assert ended.status in (1, EXIT_UNSCANNABLE), ended.screen
    assert nothing_happened(person)


@pytest.mark.parametrize("name", ["", "nowhere", "a-file"])
def test_home_that_is_not_there(person: Person, name: str) -> None:  # noqa: F811
    """As of users that a container makes up, and of those of services, whose home is /dev/null."""
    home = str(person.workshop.folder / name) if name else ""
    if name == "a-file":
        Path(home).touch()
    write_canary(person.workshop, "canary", 0.1)
    write_canary(person.workshop, "other", 0.95)
    ended = person.types("install", "canary", HOME=home)
    assert ended.status == 0, ended.screen
    ended = person.types("install", "other", HOME=home)
    assert ended.status == EXIT_BLOCKED, ended.screen


_JUMPING = """\
import itertools, os, time
seconds = os.environ.get("SAFE_PIP_TEST_CLOCK_JUMPS")
if seconds:
    jumps, true_time = itertools.count(1), time.time
    time.time = lambda: true_time() + float(seconds) * next(jumps)
"""


@pytest.mark.parametrize("seconds", [-1e6, 1e6])
@pytest.mark.parametrize(("score", "status"), [(0.1, 0), (0.95, EXIT_BLOCKED)])
def test_clock_that_jumps_at_every_look(
    person: Person,  # noqa: F811
    seconds: float,
    score: float,
    status: int,
) -> None:
    """Ours, and that of pip: by twelve days each time, back or ahead."""
    workshop = person.workshop
    write_canary(workshop, "canary", score)
    (site,) = workshop.environment.glob("lib/python*/site-packages")
    (site / "sitecustomize.py").write_text(_JUMPING, encoding="utf-8")
    environ = {"SAFE_PIP_TEST_CLOCK_JUMPS": str(seconds), "SAFE_PIP_TEST_SECONDS": "60"}
    for _ in range(2):  # inspected, and from memory
        ended = person.types("install", "canary", **environ)
        assert ended.status == status, ended.screen
        assert ("canary" in workshop.installed()) == (status == 0)
        shutil.rmtree(site / "canary", ignore_errors=True)
        for path in site.glob("canary*"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def test_working_directory_that_was_removed(person: Person) -> None:  # noqa: F811
    write_canary(person.workshop, "canary", 0.95)
    gone = person.workshop.folder / "gone"
    gone.mkdir()
    command = ["sh", "-c", 'cd "$0" && rmdir "$0" && exec "$@"', str(gone), *COMMAND]
    ended = finished(
        subprocess.Popen(
            [*command, "install", "canary"],
            env=dict(person.environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
    )
    assert ended.status != 0, ended.screen
    assert nothing_happened(person)
