"""Workers: processes that inspect in safe-pip's stead, each replaced when it dies.

A stack or memory exhausted by hostile source, a parser that crashes, an inspection that never
ends: each costs a process and gives the verdict "could not look".
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import safe_pip
from safe_pip.artifact import Artifact
from safe_pip.cache.encoding import EncodingError, decode_verdict, parse_json
from safe_pip.errors import ModelError, UnscannableError
from safe_pip.inspection.wire import MAX_LINE_BYTES, encode_artifact, encode_line
from safe_pip.verdict import Verdict

# The reader's own limit is 180 s; observing and judging come on top of it.
INSPECTION_SECONDS = 300.0
START_SECONDS = 60.0
_GRACE_SECONDS = 1.0

_HINT = "Reinstall safe-pip-guard, in an environment of its own."

T = TypeVar("T")


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


class Worker:
    """One process. Not safe for several threads at once."""

    def __init__(self, command: Sequence[str], *, shows_stderr: bool = False) -> None:
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # A dying worker's last words may hold hostile bytes; they are for a developer only.
            stderr=None if shows_stderr else subprocess.DEVNULL,
            env=_worker_environment(),
            cwd=os.sep,
        )
        self._is_warm = False

    def warm_up(self) -> None:
        """Wait until the model is loaded. Raises ModelError when it cannot be."""
        if self._is_warm:
            return
        try:
            fields = parse_json(self._answer(START_SECONDS))
        except (EncodingError, UnscannableError) as error:
            raise ModelError(f"the scanner does not start: {error}", hint=_HINT) from error
        if not isinstance(fields, dict) or "ready" not in fields:
            failed = fields.get("failed") if isinstance(fields, dict) else None
            hint = fields.get("hint") if isinstance(fields, dict) else None
            raise ModelError(f"the scanner does not start: {failed}", hint=str(hint or _HINT))
        self._is_warm = True

    def inspect(self, artifact: Artifact, *, timeout_seconds: float) -> Verdict:
        """Raises UnscannableError when the worker dies, answers nonsense or takes too long; it
        is of no use afterwards."""
        self.warm_up()
        request = encode_line(encode_artifact(artifact))
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):  # A dead worker shows when its answer is read.
            self._process.stdin.write(request)
            self._process.stdin.flush()
        answer = self._answer(timeout_seconds)
        try:
            fields = parse_json(answer)
            return decode_verdict(fields["verdict"] if isinstance(fields, dict) else None)
        except (EncodingError, KeyError) as error:
            self.end()
            raise UnscannableError(
                "the inspection gave no readable answer", reason="scanner-fault"
            ) from error

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()

    def _answer(self, timeout_seconds: float) -> bytes:
        assert self._process.stdout is not None
        has_timed_out = threading.Event()

        def stop() -> None:
            has_timed_out.set()
            self._process.kill()

        # Pipes have no time-out that works on every system; a killed worker ends the reading.
        timer = threading.Timer(timeout_seconds, stop)
        timer.daemon = True
        timer.start()
        try:
            line = self._process.stdout.readline(MAX_LINE_BYTES)
        finally:
            timer.cancel()
        if line.endswith(b"\n"):
            return line
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_GRACE_SECONDS)  # For an exit status that is the worker's own.
        self.end()
        if has_timed_out.is_set():
            raise UnscannableError(
                f"the inspection took longer than {timeout_seconds:.0f} s", reason="time-out"
            )
        raise UnscannableError(
            "the inspection ended without an answer, with the exit status "
            f"{self._process.returncode}",
            reason="scanner-crash",
        )


def start_worker() -> Worker:
    return Worker(worker_command())


def start_talking_worker() -> Worker:
    """A worker whose complaints are shown."""
    return Worker(worker_command(), shows_stderr=True)


@dataclass(slots=True, kw_only=True)
class Workers:
    """Up to ``count`` workers, started when there is work for them. Safe for several threads.

    Work waits ``patience_seconds`` for a worker that is there before another one is started: a
    start takes as much processor time as ten small artifacts.
    """

    count: int
    timeout_seconds: float = INSPECTION_SECONDS
    patience_seconds: float = 0.0
    start: Callable[[], Worker] = start_worker
    _idle: list[Worker] = field(init=False, default_factory=list)
    _running: set[Worker] = field(init=False, default_factory=set)
    _n_starting: int = field(init=False, default=0)
    _changed: threading.Condition = field(init=False, default_factory=threading.Condition)

    def start_one(self) -> None:
        """Start a worker now, so that it is warm when the first artifact arrives."""
        self._put_back(self._take())

    def warm_up(self) -> None:
        """Wait for a warm worker. Raises ModelError if there can be none."""
        self._with_worker(Worker.warm_up)

    def inspect(self, artifact: Artifact) -> Verdict:
        """Raises UnscannableError for what the worker could not look at, and ModelError."""
        return self._with_worker(
            lambda worker: worker.inspect(artifact, timeout_seconds=self.timeout_seconds)
        )

    def end(self) -> None:
        """Kill all workers; what they are doing becomes "could not look"."""
        for worker in tuple(self._running):
            worker.end()

    def _with_worker(self, work: Callable[[Worker], T]) -> T:
        worker = self._take()
        try:
            done = work(worker)
        except BaseException:
            # Whatever went wrong, this one's state is unknown: the next artifact gets a new one.
            worker.end()
            with self._changed:
                self._running.discard(worker)
                self._changed.notify()
            raise
        self._put_back(worker)
        return done

    def _put_back(self, worker: Worker) -> None:
        with self._changed:
            self._idle.append(worker)
            self._changed.notify()

    def _take(self) -> Worker:
        """An idle worker, the one last used first, or a new one."""
        started = time.monotonic()
        with self._changed:
            while not self._idle:
                has_place = len(self._running) + self._n_starting < self.count
                patience = started + self.patience_seconds - time.monotonic()
                if has_place and (patience <= 0 or not self._running):
                    self._n_starting += 1
                    break
                self._changed.wait(patience if has_place else None)
            else:
                return self._idle.pop()
        return self._started()

    def _started(self) -> Worker:
        worker = None
        try:
            worker = self.start()
        except OSError as error:
            raise ModelError(f"the scanner does not start: {error}", hint=_HINT) from error
        finally:
            with self._changed:
                self._n_starting -= 1
                if worker is not None:
                    self._running.add(worker)
                self._changed.notify()
        return worker


def _worker_environment() -> dict[str, str]:
    """Ours, with numeric libraries told to use one thread (rows are few, and threads cost
    start-up time and address space) and to report nothing to their makers."""
    single = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return {**os.environ, **single, "ORT_DISABLE_TELEMETRY": "1"}
