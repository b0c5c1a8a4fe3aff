"""While a person is asked, pip does not draw, and Ctrl-C still ends it."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Sequence

import pytest
from packaging.version import Version

from safe_pip.gates.reviewer import Arrival, Hold, Ruling
from tests.builders import write_sdist, write_wheel
from tests.integration.canaries import project_built_by, write_tool_wheel
from tests.integration.conftest import Workshop
from tests.integration.reviewers import RecordingReviewer


def _states_of_children() -> list[str]:
    """The process states of our children: T is stopped."""
    table = subprocess.run(["ps", "-A", "-o", "ppid=,stat=,comm="], capture_output=True, text=True)
    rows = [line.split(None, 2) for line in table.stdout.splitlines()]
    return [row[1][0] for row in rows if row[0] == str(os.getpid()) and row[2] != "ps"]


class AskingReviewer(RecordingReviewer):
    """Asks about everything; notes how the children are while it does."""

    def __init__(self) -> None:
        super().__init__()
        self.states: dict[str, list[str]] = {}

    def rule(self, arrivals: Sequence[Arrival], *, hold: Hold) -> Sequence[Ruling]:
        with hold():
            for arrival in arrivals:
                self.states[arrival.artifact.path.name] = _states_of_children()
        return super().rule(arrivals, hold=hold)


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="needs job control")
def test_spinner_thread_is_stopped_for_a_question(workshop: Workshop) -> None:
    if Version(workshop.target.pip_version) < Version("26.0"):
        pytest.skip("this pip does not build in its own process")
    write_tool_wheel(workshop.archives, "tool")
    write_sdist(workshop.archives, "alpha", files=project_built_by("alpha", "tool"))
    reviewer = AskingReviewer()
    feature = "--use-feature=inprocess-build-deps"
    assert workshop.guarded(reviewer, "install", feature, "alpha") == 0
    assert "T" in reviewer.states["tool-1.0-py3-none-any.whl"]
    assert "T" not in reviewer.states["alpha-1.0.tar.gz"]
    assert reviewer.arrival("tool-1.0-py3-none-any.whl").context.required_by == ("alpha",)


def test_question_is_moot_once_pip_has_gone(workshop: Workshop) -> None:
    write_wheel(workshop.archives, "alpha")
    was_moot: list[bool] = []

    class Reviewer(RecordingReviewer):
        def rule(self, arrivals: Sequence[Arrival], *, hold: Hold) -> Sequence[Ruling]:
            with hold() as question:
                assert question is not None
                was_moot.append(question.is_moot())
                _interrupt()
                for _ in range(100):
                    if question.is_moot():
                        break
                    time.sleep(0.1)
                was_moot.append(question.is_moot())
            return super().rule(arrivals, hold=hold)

    assert workshop.guarded(Reviewer(), "install", "alpha") == 1
    for _ in range(50):
        if len(was_moot) == 2:
            break
        time.sleep(0.1)
    assert was_moot == [False, True]
    assert workshop.installed() == []


def _interrupt() -> None:
    """What Ctrl-C does: the child and we are both sent a signal."""
    table = subprocess.run(
        ["ps", "-A", "-ww", "-o", "pid=,ppid=,args="], capture_output=True, text=True
    )
    for line in table.stdout.splitlines():
        pid, parent, arguments = line.split(None, 2)
        if parent == str(os.getpid()) and "pip_runner.py" in arguments:
            os.kill(int(pid), signal.SIGINT)
    os.kill(os.getpid(), signal.SIGINT)
