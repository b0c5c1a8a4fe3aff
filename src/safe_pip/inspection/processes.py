"""Processes: how a worker is started, talked to and ended; what it says, ``workers`` knows."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Protocol

import safe_pip

_GRACE_SECONDS = 1.0


class Process(Protocol):
    """One worker's process. ``requests`` and ``answers`` are its ends of two pipes, or of one
    socket."""

    @property
    def requests(self) -> IO[bytes]: ...

    @property
    def answers(self) -> IO[bytes]: ...

    def kill(self) -> None:
        """At once; whoever reads its answers finds their end."""

    def end(self) -> None:
        """Kill it, and give back what it holds in this process."""

    def how_it_ended(self) -> str:
        """Of one that has hung up: words that follow "the inspection ended without an answer"."""


def worker_command() -> Sequence[str]:
    """Starts a worker with exactly our own module path, whatever the environment says.

    ``-I`` ignores PYTHONPATH and the working directory, in which a numpy.py may lie.
    """
    package_parent = str(Path(safe_pip.__file__).parent.parent)
    start = (
        "import sys; sys.path[:] = sys.argv[1:]; "
        "from safe_pip.inspection.worker import main; main()"
    )
    folders = [entry for entry in sys.path if entry]
    if package_parent not in folders:
        folders.append(package_parent)
    return (sys.executable, "-I", "-c", start, *folders)


class SpawnedProcess:
    """A process from a command line. Raises OSError if there can be none."""

    def __init__(
        self, command: Sequence[str], *, shows_stderr: bool = False, stdin: int = subprocess.PIPE
    ) -> None:
        self._process = subprocess.Popen(
            command,
            stdin=stdin,
            stdout=subprocess.PIPE,
            # A dying worker's last words may hold hostile bytes; they are for a developer only.
            stderr=None if shows_stderr else subprocess.DEVNULL,
            env=_worker_environment(),
            cwd=os.sep,
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def requests(self) -> IO[bytes]:
        assert self._process.stdin is not None
        return self._process.stdin

    @property
    def answers(self) -> IO[bytes]:
        assert self._process.stdout is not None
        return self._process.stdout

    def kill(self) -> None:
        self._process.kill()

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()

    def wait(self, timeout_seconds: float) -> None:
        """For an end of its own, but not for ever."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout_seconds)

    def how_it_ended(self) -> str:
        self.wait(_GRACE_SECONDS)  # For an exit status that is the worker's own.
        self.end()
        return f", with the exit status {self._process.returncode}"


def _worker_environment() -> dict[str, str]:
    """Ours, with numeric libraries told to use one thread (rows are few, and threads cost
    start-up time and address space) and to report nothing to their makers."""
    single = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return {**os.environ, **single, "ORT_DISABLE_TELEMETRY": "1"}
