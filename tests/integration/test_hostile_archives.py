"""Every hostile archive in a real worker: an answer in time, in bounds, and nothing written."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from safe_pip.artifact import Artifact, OriginKind
from safe_pip.errors import UnscannableError
from safe_pip.inspection.worker import MAX_ADDRESS_SPACE_BYTES
from safe_pip.inspection.workers import Worker
from tests.hostile.case import Case
from tests.hostile.contents import CONTENTS
from tests.hostile.observer import start_observer
from tests.hostile.tars import TARS
from tests.hostile.zips import WHEELS, ZIPS

FIGURES_VARIABLE = "SAFE_PIP_TEST_FIGURES"
HOSTILE = {**ZIPS, **WHEELS, **TARS, **CONTENTS}
# Of processor time: a machine that does other things as well is no defect of ours.
MAX_SECONDS = 60.0
TIMEOUT_SECONDS = 280.0


class Inspected:
    """A worker and what it needed."""

    def __init__(self) -> None:
        self._start()

    def restart(self) -> None:
        self.worker.end()
        self._start()

    def _start(self) -> None:
        self._process = start_observer()
        self.worker = Worker(self._process)
        self.worker.warm_up()

    @property
    def memory_bytes(self) -> int:
        """The most that the worker ever held; 0 where the system does not say."""
        status = Path(f"/proc/{self._process.pid}/status")
        found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text()) if status.exists() else None
        return int(found[1]) * 1024 if found else 0

    @property
    def seconds(self) -> float:
        """Processor time of the worker so far; 0 where the system does not say."""
        stat = Path(f"/proc/{self._process.pid}/stat")
        if not stat.exists():
            return 0.0
        user, system = stat.read_text().rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / float(os.sysconf("SC_CLK_TCK"))

    def reason(self, path: Path) -> str | None:
        """Why there is no score, if there is none; a crash or a time-out is raised."""
        artifact = Artifact(path=path, origin=OriginKind.FILE)
        verdict = self.worker.inspect(artifact, timeout_seconds=TIMEOUT_SECONDS)
        return verdict.unscannable.reason if verdict.unscannable else None


@pytest.fixture(scope="module")
def inspected() -> Iterator[Inspected]:
    inspected = Inspected()
    yield inspected
    inspected.worker.end()


@pytest.mark.hostile
@pytest.mark.parametrize("case", HOSTILE.values(), ids=HOSTILE)
def test_hostile_archive_gets_an_answer_within_bounds(
    case: Case, inspected: Inspected, tmp_path: Path
) -> None:
    path = tmp_path / case.filename
    path.write_bytes(case.make())
    before = inspected.seconds
    try:
        reason = inspected.reason(path)
    except UnscannableError:
        inspected.restart()
        raise
    seconds = inspected.seconds - before
    if FIGURES_VARIABLE in os.environ:
        print(f"{seconds:.1f} s, {inspected.memory_bytes >> 20} MiB, {reason}")
    assert reason == case.refused or (case.may_be_refused and reason is not None)
    assert seconds < MAX_SECONDS
    if inspected.memory_bytes > MAX_ADDRESS_SPACE_BYTES:
        inspected.restart()
        pytest.fail("too much memory")
    assert [entry.name for entry in tmp_path.iterdir()] == [case.filename]
