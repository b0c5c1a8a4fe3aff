"""Workers that are copies of one process: what the death of either comes to."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from safe_pip.artifact import Artifact, OriginKind
from safe_pip.errors import ModelError, UnscannableError
from safe_pip.inspection.nursery import Nursery, has_copies
from safe_pip.inspection.processes import SpawnedProcess
from safe_pip.inspection.workers import Worker, Workers
from tests.builders import write_wheel
from tests.fake_scanner import fake_worker_command

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(not has_copies(), reason="there are no copies on this system")


class FakeNursery(Nursery):
    """Of the fake scanner; counts the originals and knows the last one."""

    def __init__(self, command: object = None) -> None:
        self.originals: list[SpawnedProcess] = []
        words = fake_worker_command() if command is None else (sys.executable, "-c", str(command))

        def spawn(channel: object) -> SpawnedProcess:
            number = channel.fileno()  # type: ignore[attr-defined]
            self.originals.append(SpawnedProcess(words, stdin=number))
            return self.originals[-1]

        super().__init__(spawn)

    def worker(self) -> Worker:
        return Worker(self.copy(), stand_in=lambda: SpawnedProcess(fake_worker_command()))


@pytest.fixture
def nursery() -> Iterator[FakeNursery]:
    nursery = FakeNursery()
    yield nursery
    nursery.end()


def wheel_saying(folder: Path, line: str, name: str = "demo") -> Artifact:
    path = write_wheel(folder, name, files={f"{name}/__init__.py": f"# {line}\n"})
    return Artifact(path=path, origin=OriginKind.SCANNED)


def score(worker: Worker, artifact: Artifact, *, seconds: float = 60) -> float | None:
    return worker.inspect(artifact, timeout_seconds=seconds).score


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_copies_inspect_at_the_same_time(nursery: FakeNursery, tmp_path: Path) -> None:
    workers = Workers(count=3, start=nursery.worker)
    artifacts = [wheel_saying(tmp_path, f"pretend-score: 0.{n}", f"demo{n}") for n in range(3, 9)]
    with ThreadPoolExecutor(6) as pool:
        verdicts = list(pool.map(workers.inspect, artifacts))
    assert [verdict.score for verdict in verdicts] == [0.3, 0.4, 0.5, 0.6, 0.7, 0.8]
    assert len(nursery.originals) == 1
    workers.end()


@pytest.mark.parametrize("line", ["pretend-crash", "pretend-kill"])
def test_a_copys_death_shows_at_once_and_is_its_own(
    nursery: FakeNursery, tmp_path: Path, line: str
) -> None:
    dying, living = nursery.worker(), nursery.worker()
    living.warm_up()
    with pytest.raises(UnscannableError) as raised:
        score(dying, wheel_saying(tmp_path, line))
    assert raised.value.reason == "scanner-crash"
    assert score(living, wheel_saying(tmp_path, "pretend-score: 0.4")) == 0.4
    assert score(nursery.worker(), wheel_saying(tmp_path, "pretend-score: 0.5")) == 0.5
    assert len(nursery.originals) == 1


def test_a_copy_that_never_answers_is_killed(nursery: FakeNursery, tmp_path: Path) -> None:
    hanging = nursery.worker()
    hanging.warm_up()
    (pid,) = children(nursery.originals[0].pid)
    with pytest.raises(UnscannableError) as raised:
        score(hanging, wheel_saying(tmp_path, "pretend-hang"), seconds=1)
    assert raised.value.reason == "time-out"
    nursery.worker().warm_up()  # The original buries the dead before it makes another one.
    assert pid not in children(nursery.originals[0].pid)


def test_an_original_that_died_takes_its_copies_along_and_is_replaced(
    nursery: FakeNursery, tmp_path: Path
) -> None:
    workers = [nursery.worker() for _ in range(3)]
    for worker in workers:
        worker.warm_up()
    with ThreadPoolExecutor(1) as pool:
        hanging = pool.submit(score, workers[1], wheel_saying(tmp_path, "pretend-hang"))
        os.kill(nursery.originals[0].pid, signal.SIGKILL)
        with pytest.raises(UnscannableError) as raised:
            hanging.result(20)
    assert raised.value.reason == "scanner-crash"
    assert score(nursery.worker(), wheel_saying(tmp_path, "pretend-score: 0.5")) == 0.5
    assert len(nursery.originals) == 2


def test_copy_whose_original_ends_before_it_is_made_has_a_stand_in(
    nursery: FakeNursery, tmp_path: Path
) -> None:
    nursery.worker().warm_up()
    os.kill(nursery.originals[0].pid, signal.SIGSTOP)
    worker = nursery.worker()
    os.kill(nursery.originals[0].pid, signal.SIGKILL)
    assert score(worker, wheel_saying(tmp_path, "pretend-score: 0.5")) == 0.5


def test_nobody_is_left_when_safe_pip_is_killed(tmp_path: Path) -> None:
    text = f"""
import os, signal, threading
from pathlib import Path
from tests.unit.test_nursery import FakeNursery, children, score, wheel_saying
nursery = FakeNursery()
worker = nursery.worker()
worker.warm_up()
seen = Path({str(tmp_path)!r}, "seen")
artifact = wheel_saying(Path({str(tmp_path)!r}), f"pretend-touch: {{seen}}\\n# pretend-hang")
threading.Thread(target=score, args=(worker, artifact)).start()
while not seen.exists():
    pass
original = nursery.originals[0].pid
print(original, *children(original), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    completed = subprocess.run(
        [sys.executable, "-c", text], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    pids = completed.stdout.split()
    assert len(pids) == 2, completed.stderr
    ends = time.monotonic() + 10
    while any(is_alive(pid) for pid in pids) and time.monotonic() < ends:
        time.sleep(0.05)
    assert not any(is_alive(pid) for pid in pids)


def is_alive(pid: str) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_an_original_that_dies_while_it_loads_is_an_unusable_model() -> None:
    ends = "raise SystemExit(3)"
    nursery = FakeNursery(ends)
    command = (sys.executable, "-c", ends)
    with pytest.raises(ModelError, match="without an answer"):
        Worker(nursery.copy(), stand_in=lambda: SpawnedProcess(command)).warm_up()
    nursery.end()


def test_every_copy_tells_why_the_model_cannot_be_used() -> None:
    text = """
from safe_pip.errors import ModelError
from safe_pip.inspection import worker
def load():
    raise ModelError("no such model", hint="look for it")
worker.main(load)
"""
    nursery = FakeNursery(text)
    for _ in range(2):
        with pytest.raises(ModelError, match="no such model") as raised:
            nursery.worker().warm_up()
        assert raised.value.hint == "look for it"
    nursery.end()


def test_where_copies_would_not_work_each_worker_is_started_by_itself(tmp_path: Path) -> None:
    text = """
import threading
from safe_pip.inspection import worker
def load():
    threading.Thread(target=threading.Event().wait, daemon=True).start()
    return worker.Scanner(model_id="", inspect=None, warm_up=lambda: None)
worker.main(load)
"""
    nursery = FakeNursery(text)
    worker = nursery.worker()
    assert score(worker, wheel_saying(tmp_path, "pretend-score: 0.4")) == 0.4
    assert children(nursery.originals[0].pid) == []
    worker.end()
    nursery.end()


def test_nothing_is_left_at_the_end(nursery: FakeNursery) -> None:
    workers = [nursery.worker(), nursery.worker()]
    for worker in workers:
        worker.warm_up()
    original = nursery.originals[0].pid
    pids = [original, *children(original)]
    assert len(pids) == 3
    for worker in workers:
        worker.end()
    started = time.monotonic()
    nursery.end()
    assert time.monotonic() - started < 1
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


def test_a_copy_ends_when_safe_pip_goes_away(nursery: FakeNursery) -> None:
    worker = nursery.worker()
    worker.warm_up()
    (pid,) = children(nursery.originals[0].pid)
    worker._process._channel.shutdown(2)  # type: ignore[attr-defined]
    worker._process.end()
    for _ in range(100):
        if not children(nursery.originals[0].pid):
            break
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        if state == "Z":
            break
        time.sleep(0.05)
    else:
        raise AssertionError("it lives on")


def test_the_shipped_scanner_can_be_copied(tmp_path: Path) -> None:
    """No library of ours may start a thread of its own: a copy would lack it."""
    from safe_pip.inspection.processes import worker_command

    nursery = Nursery(lambda channel: SpawnedProcess(worker_command(), stdin=channel.fileno()))
    worker = Worker(nursery.copy())
    assert score(worker, Artifact(path=write_wheel(tmp_path), origin=OriginKind.SCANNED))
    worker.end()
    nursery.end()
