"""Faults: whatever fails, nothing uninspected is installed, no set is half installed, the exit
code is right, and no process and no folder stays behind."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from safe_pip.errors import EXIT_BAD_MODEL, EXIT_BLOCKED, EXIT_UNSCANNABLE
from tests.builders import make_wheel, write_sdist, write_wheel
from tests.integration.canaries import project_files, write_pth_wheel
from tests.integration.conftest import Workshop
from tests.integration.test_whole_command import COMMAND, REPOSITORY, Ended, Person, write_canary

pytestmark = pytest.mark.fault

BROKEN_WHEELS = {
    "empty": b"",
    "cut-short": make_wheel("alpha")[:-30],
    "no-zip": b"PK\3\4" + bytes(100),
    "of-zeros": bytes(4096),
}
TIMEOUT_SECONDS = 120


@pytest.fixture
def person(workshop: Workshop) -> Iterator[Person]:
    person = Person(workshop)
    # The pretended scanner loads onnxruntime into the parent too; safe-pip itself never does.
    person.environ = {**person.environ, "ORT_DISABLE_TELEMETRY": "1"}
    yield person
    assert processes_of(workshop) == [], "orphans"
    assert workshop.leftovers == []


def processes_of(workshop: Workshop) -> list[str]:
    """The command lines of whatever still runs with our environment, once it had time to end."""
    mark = os.fsencode(workshop.marks_file)
    for _ in range(50):
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if mark in (folder / "environ").read_bytes() and folder.name != str(os.getpid()):
                    found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode())
            except OSError:
                continue
        if not found:
            return []
        time.sleep(0.1)
    return found


def children_of(pid: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = stat.read_text().rpartition(")")[2].split()[1]
        except OSError:
            continue
        if int(parent) == pid:
            found.append(int(stat.parent.name))
    return found


def nothing_happened(person: Person) -> bool:
    return person.workshop.installed() == [] and person.workshop.marks == []


def started(person: Person, *arguments: str, **popen: object) -> subprocess.Popen[str]:
    """The command in a process group of its own, as a terminal would start it."""
    settings: dict[str, object] = {
        "env": dict(person.environ),
        "cwd": person.workshop.work,
        "stdin": subprocess.DEVNULL,
        "stdout": subprocess.PIPE,
        "stderr": subprocess.STDOUT,
        "text": True,
        "start_new_session": True,
        **popen,
    }
    return subprocess.Popen([*COMMAND, *arguments], **settings)  # type: ignore[call-overload,no-any-return]


def finished(process: subprocess.Popen[str]) -> Ended:
    try:
        screen, _ = process.communicate(timeout=TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    return Ended(status=process.returncode, screen=screen or "")


def wait_for(claim: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not claim():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("data", BROKEN_WHEELS.values(), ids=BROKEN_WHEELS)
def test_wheel_that_nobody_can_read_was_not_inspected(person: Person, data: bytes) -> None:
    workshop = person.workshop
    workshop.index.has_metadata_files = False
    (workshop.archives / "alpha-1.0-py3-none-any.whl").write_bytes(data)
    write_wheel(workshop.archives, "beta")
    ended = person.types("install", "alpha", "beta")
    assert ended.status == EXIT_UNSCANNABLE, ended.screen
    assert workshop.installed() == []


# Workers


@pytest.mark.parametrize("fate", ["crash", "kill", "memory", "hoard", "nonsense"])
def test_worker_that_ends_blocks_its_whole_set(person: Person, fate: str) -> None:
    write_canary(person.workshop, "canary", 0.1)
    files = {"other/__init__.py": f"# pretend-{fate}\n"}
    write_wheel(person.workshop.archives, "other", files=files)
    ended = person.types("install", "canary", "other")
    assert ended.status == EXIT_UNSCANNABLE, ended.screen
    assert nothing_happened(person)


def test_inspection_that_takes_too_long_blocks(person: Person) -> None:
    files = {"canary/__init__.py": "# pretend-hang\n"}
    write_wheel(person.workshop.archives, "canary", files=files)
    ended = person.types("install", "canary", SAFE_PIP_TEST_SECONDS="2")
    assert ended.status == EXIT_UNSCANNABLE, ended.screen
    assert nothing_happened(person)


# Disks


@pytest.mark.parametrize("room_bytes", [0, 1_000, 20_000])
def test_full_disk_installs_nothing_that_was_not_inspected(person: Person, room_bytes: int) -> None:
    """No file may grow beyond the limit: our session, the cache, pip's downloads, the target."""
    write_canary(person.workshop, "canary", 0.95)
    limit = (room_bytes, room_bytes)
    ended = finished(
        started(
            person,
            "install",
            "canary",
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit),
        )
    )
    assert ended.status != 0, ended.screen
    assert nothing_happened(person)


def test_temporary_folder_that_is_full_is_not_a_defect_of_ours(person: Person) -> None:
    write_canary(person.workshop, "canary", 0.1)
    ended = finished(
        started(
            person,
            "install",
            "canary",
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)),
        )
    )
    assert ended.status == EXIT_UNSCANNABLE, ended.screen
    assert "defect" not in ended.screen
    assert nothing_happened(person)


@pytest.mark.parametrize("cache", ["/proc/nowhere", "/dev/null/cache"])
def test_cache_that_cannot_be_written_only_forgets(person: Person, cache: str) -> None:
    write_canary(person.workshop, "canary", 0.1)
    write_canary(person.workshop, "other", 0.95)
    assert person.types("install", "canary", XDG_CACHE_HOME=cache).status == 0
    assert person.types("install", "other", XDG_CACHE_HOME=cache).status == EXIT_BLOCKED


def rows(person: Person) -> list[Path]:
    found = list((person.workshop.folder / "home").rglob("verdicts/v1/*/*/*.json"))
    assert found
    return found


@pytest.mark.parametrize(
    "content", [b"", b"{", b"null", b"\xff" * 99, b"[" * 100_000, bytes(5 << 20)]
)
def test_corrupt_row_of_the_cache_is_inspected_anew(person: Person, content: bytes) -> None:
    write_canary(person.workshop, "canary", 0.95)
    assert person.types("install", "canary").status == EXIT_BLOCKED
    for row in rows(person):
        row.write_bytes(content)
    ended = person.types("install", "canary")
    assert ended.status == EXIT_BLOCKED
    assert "from memory" not in ended.screen
    assert nothing_happened(person)


@pytest.mark.parametrize("keep_bytes", [0, 1_000, -20])
@pytest.mark.parametrize("name", ["safe_pip.onnx", "manifest.json"])
def test_model_file_that_is_cut_short_starts_nothing(
    person: Person, name: str, keep_bytes: int
) -> None:
    workshop = person.workshop
    write_canary(workshop, "canary", 0.1)
    home = workshop.folder / "ours"
    shutil.copytree(REPOSITORY / "src" / "safe_pip", home / "safe_pip")
    shutil.copytree(REPOSITORY / "model" / "exported", home / "safe_pip" / "_model")
    file = home / "safe_pip" / "_model" / name
    file.write_bytes(file.read_bytes()[:keep_bytes])
    code = f"import sys; sys.path.insert(0, {str(home)!r}); import safe_pip.cli; sys.exit(safe_pip.cli.main())"
    ended = subprocess.run(
        [sys.executable, "-I", "-c", code, "install", "canary"],
        env=dict(person.environ),
        cwd=workshop.work,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
    )
    assert ended.returncode == EXIT_BAD_MODEL, ended.stderr
    assert workshop.index.requests == []
    assert nothing_happened(person)


# Ctrl-C


def interrupted(person: Person, claim: Callable[[], object], *arguments: str) -> Ended:
    """Ctrl-C as a terminal sends it, to all, once the claim is true."""
    process = started(person, "install", *arguments)
    wait_for(lambda: claim() or process.poll() is not None)
    os.killpg(process.pid, signal.SIGINT)
    return finished(process)


def test_ctrl_c_while_we_start(person: Person) -> None:
    write_canary(person.workshop, "canary", 0.1)
    ended = interrupted(person, lambda: True, "canary")
    assert ended.status in (1, 130, -signal.SIGINT), ended.screen
    assert nothing_happened(person)


def test_ctrl_c_while_pip_starts(person: Person) -> None:
    write_canary(person.workshop, "canary", 0.1)
    folder = person.workshop.folder / "tmp"
    ended = interrupted(person, lambda: list(folder.glob("safe-pip-*/session.json")), "canary")
    assert ended.status in (1, 130), ended.screen
    assert nothing_happened(person)


def test_ctrl_c_while_pip_resolves(person: Person) -> None:
    write_canary(person.workshop, "canary", 0.1)
    index = person.workshop.index
    answer, is_asked, is_over = index.answer, threading.Event(), threading.Event()

    def slow(path: str) -> bytes | None:
        is_asked.set()
        is_over.wait(30)
        return answer(path)

    index.answer = slow  # type: ignore[method-assign]
    try:
        ended = interrupted(person, is_asked.is_set, "canary")
    finally:
        is_over.set()
    assert ended.status == 1, ended.screen
    assert nothing_happened(person)


def test_ctrl_c_while_it_is_inspected(person: Person) -> None:
    seen = person.workshop.folder / "seen"
    files = {"canary/__init__.py": f"# pretend-touch: {seen}\n# pretend-hang\n"}
    write_wheel(person.workshop.archives, "canary", files=files)
    ended = interrupted(person, seen.exists, "canary")
    assert ended.status in (1, 130), ended.screen
    assert nothing_happened(person)


def test_ctrl_c_while_it_is_built(person: Person) -> None:
    workshop = person.workshop
    files = project_files("canary")
    files["backend.py"] = str(files["backend.py"]).replace(
        "def build_wheel(folder, config_settings=None, metadata_directory=None):\n",
        "def build_wheel(folder, config_settings=None, metadata_directory=None):\n"
        "    mark('begun'); import time; time.sleep(60)\n",
    )
    write_sdist(workshop.archives, "canary", files=files)
    ended = interrupted(person, lambda: "begun" in workshop.marks, "canary")
    assert ended.status == 1, ended.screen
    assert workshop.installed() == []


def test_ctrl_c_at_the_question(person: Person) -> None:
    write_canary(person.workshop, "canary", 0.6)
    ended = person.answers("\x03", "install", "canary")
    assert ended.status in (1, 41, 130), ended.screen
    assert nothing_happened(person)


def test_hang_up_at_the_question(person: Person) -> None:
    write_canary(person.workshop, "canary", 0.6)
    ended = person.answers("\x04", "install", "canary")
    assert ended.status == 41, ended.screen
    assert nothing_happened(person)


# Standard streams


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize(("score", "is_allowed"), [(0.1, True), (0.6, False), (0.95, False)])
def test_closed_streams_change_no_decision(
    person: Person, closed: str, score: float, is_allowed: bool
) -> None:
    write_canary(person.workshop, "canary", score)
    process = subprocess.run(
        ["sh", "-c", f'exec "$@" {closed}', "sh", *COMMAND, "install", "canary"],
        env=dict(person.environ),
        cwd=person.workshop.work,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=TIMEOUT_SECONDS,
        start_new_session=True,
    )
    if is_allowed:
        # pip itself may end because it cannot print.
        assert (process.returncode == 0) == bool(person.workshop.installed()), process.stdout
    else:
        assert process.returncode == EXIT_BLOCKED, process.stdout
        assert nothing_happened(person)


@pytest.mark.parametrize("score", [0.1, 0.95])
def test_output_to_a_reader_that_went_away(person: Person, score: float) -> None:
    write_canary(person.workshop, "canary", score)
    reading, writing = os.pipe()
    os.close(reading)
    process = started(person, "install", "canary", stdout=writing, stderr=writing)
    os.close(writing)
    ended = finished(process)
    assert ended.status != 0
    assert score < 0.5 or nothing_happened(person)
    assert ended.status in (1, 141) if score < 0.5 else ended.status in (EXIT_BLOCKED, 141)


# The child


@pytest.mark.parametrize("stage", ["inspected", "built"])
def test_child_killed(person: Person, stage: str) -> None:
    workshop = person.workshop
    if stage == "built":
        files = project_files("canary")
        build = "mark('canary' + \" build\")"
        assert build in str(files["backend.py"])
        files["backend.py"] = str(files["backend.py"]).replace(
            build,
            f"{build}; import os, signal; os.kill(os.getppid(), signal.SIGKILL); "
            "import time; time.sleep(1)",
        )
        write_sdist(workshop.archives, "canary", files=files)
        process = started(person, "install", "canary")
    else:
        seen = workshop.folder / "seen"
        files = {"canary/__init__.py": f"# pretend-touch: {seen}\n# pretend-hang\n"}
        write_wheel(workshop.archives, "canary", files=files)
        process = started(person, "install", "canary")
        wait_for(seen.exists)
        for pid in children_of(process.pid):
            if b"pip_runner.py" in Path(f"/proc/{pid}/cmdline").read_bytes():
                os.kill(pid, signal.SIGKILL)
    ended = finished(process)
    assert ended.status == EXIT_UNSCANNABLE, ended.screen
    assert workshop.installed() == []
    # SIGKILL leaves pip no time to remove its own.
    for left in (workshop.folder / "tmp").iterdir():
        assert not left.name.startswith("safe-pip-"), left
        shutil.rmtree(left)


def test_set_with_one_broken_member_is_not_half_installed(person: Person) -> None:
    write_pth_wheel(person.workshop.archives, "alpha")
    path = write_wheel(person.workshop.archives, "beta")
    person.workshop.index.has_metadata_files = False
    data = bytearray(path.read_bytes())
    data[40] ^= 0xFF
    path.write_bytes(data)
    ended = person.types("install", "alpha", "beta")
    assert ended.status == EXIT_UNSCANNABLE, ended.screen
    assert nothing_happened(person)
