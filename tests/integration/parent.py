"""A parent process for tests that kill or interrupt it: python -m tests.integration.parent SPEC.

SPEC is JSON: python, pip_root, arguments, and ``act``, what happens at which moment: the n-th
call of the reviewer (``begin``, ``rule``) or the n-th message of a type, before it is answered.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from safe_pip.artifact import Artifact
from safe_pip.errors import SafePipError
from safe_pip.gates import connection, protocol
from safe_pip.gates.protocol import Message
from safe_pip.gates.reviewer import Arrival, Hold, Ruling
from safe_pip.gates.target import PipSource, Target
from tests.integration.known_target import run_pip
from tests.integration.reviewers import RecordingReviewer


class ActingReviewer(RecordingReviewer):
    """Allows everything, but at the n-th call of ``begin`` or ``rule`` it acts."""

    def __init__(self, act: str, moment: str, count: int) -> None:
        super().__init__()
        self._act = act
        self._moment = moment
        self._count = count

    def begin(self, artifact: Artifact) -> None:
        super().begin(artifact)
        self._perhaps_act("begin")

    def rule(self, arrivals: Sequence[Arrival], *, hold: Hold) -> Sequence[Ruling]:
        self._perhaps_act("rule")
        return super().rule(arrivals, hold=hold)

    def hears(self, message: Message) -> None:
        self._perhaps_act(type(message).__name__.lower())

    def _perhaps_act(self, moment: str) -> None:
        if moment != self._moment:
            return
        self._count -= 1
        if self._count == 0 and self._act == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if self._count == 0 and self._act == "wait":
            print("waiting", flush=True)
            time.sleep(60)


def main(spec: dict[str, Any]) -> int:
    target = Target(
        python=Path(spec["python"]),
        python_version=(3, 0, 0),
        prefix=Path(spec["python"]).parent.parent,
        is_virtual_environment=True,
        pip_source=PipSource.TARGET,
        pip_root=Path(spec["pip_root"]),
        pip_version=spec["pip_version"],
        chosen_by="the test",
    )
    reviewer = ActingReviewer(spec["act"], spec["moment"], spec["count"])
    parse = protocol.parse_message

    def parse_and_act(line: bytes) -> Message:
        message = parse(line)
        reviewer.hears(message)
        return message

    connection.__dict__["parse_message"] = parse_and_act
    try:
        return run_pip(target, spec["arguments"], lambda: reviewer, environ=os.environ)
    except SafePipError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))
