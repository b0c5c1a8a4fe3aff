"""Workers: processes that inspect in safe-pip's stead, each replaced when it dies.

A stack or memory exhausted by hostile source, a parser that crashes, an inspection that never
ends: each costs a process and gives the verdict "could not look".
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from safe_pip.artifact import Artifact
from safe_pip.cache.encoding import EncodingError, decode_verdict, parse_json
from safe_pip.errors import ModelError, UnscannableError
from safe_pip.inspection.processes import Process
from safe_pip.inspection.wire import MAX_LINE_BYTES, encode_artifact, encode_line
from safe_pip.verdict import Verdict

# The reader's own limit is 180 s; observing and judging come on top of it.
INSPECTION_SECONDS = 300.0
START_SECONDS = 60.0

_HINT = "Reinstall safe-pip-guard, in an environment of its own."

T = TypeVar("T")


class Worker:
    """One process. Not safe for several threads at once.

    ``stand_in`` starts another process for one that cannot be what it should.
    """

    def __init__(self, process: Process, *, stand_in: Callable[[], Process] | None = None) -> None:
        self._process = process
        self._stand_in = stand_in
        self._is_warm = False

    def warm_up(self) -> None:
        """Wait until the model is loaded. Raises ModelError when it cannot be."""
        if self._is_warm:
            return
        try:
            fields = self._greeting()
        except (EncodingError, OSError, UnscannableError) as error:
            raise ModelError(f"the scanner does not start: {error}", hint=_HINT) from error
        if not isinstance(fields, dict) or "ready" not in fields:
            failed = fields.get("failed") if isinstance(fields, dict) else None
            hint = fields.get("hint") if isinstance(fields, dict) else None
            raise ModelError(f"the scanner does not start: {failed}", hint=str(hint or _HINT))
        self._is_warm = True

    def _greeting(self) -> object:
        """What the process says first; its stand-in, if it has to be alone or ends before, as a
        copy does whose original is ending."""
        try:
            fields = parse_json(self._answer(START_SECONDS))
        except UnscannableError as error:
            if error.reason != "scanner-crash" or self._stand_in is None:
                raise
            fields = {"alone": True}
        if fields == {"alone": True} and self._stand_in is not None:
            self._process.end()
            self._process = self._stand_in()
            fields = parse_json(self._answer(START_SECONDS))
        return fields

    def inspect(self, artifact: Artifact, *, timeout_seconds: float) -> Verdict:
        """Raises UnscannableError when the worker dies, answers nonsense or takes too long; it
        is of no use afterwards."""
        self.warm_up()
        request = encode_line(encode_artifact(artifact))
        with contextlib.suppress(OSError):  # A dead worker shows when its answer is read.
            self._process.requests.write(request)
            self._process.requests.flush()
        answer = self._answer(timeout_seconds)
        try:
            fields = parse_json(answer)
            return decode_verdict(fields["verdict"] if isinstance(fields, dict) else None)
        except (EncodingError, KeyError) as error:
            self.end()
            raise UnscannableError(
                "the inspection gave no readable answer", reason="scanner-fault"
            ) from error

    def kill(self) -> None:
        """At once, without waiting until it is dead."""
        self._process.kill()

    def end(self) -> None:
        self._process.end()

    def _answer(self, timeout_seconds: float) -> bytes:
        has_timed_out = threading.Event()

        def stop() -> None:
            has_timed_out.set()
            self._process.kill()

        # Pipes have no time-out that works on every system; a killed worker ends the reading.
        timer = threading.Timer(timeout_seconds, stop)
        timer.daemon = True
        timer.start()
        try:
            line = self._read_line()
        finally:
            timer.cancel()
        if line.endswith(b"\n"):
            return line
        how = self._process.how_it_ended()
        if has_timed_out.is_set():
            raise UnscannableError(
                f"the inspection took longer than {timeout_seconds:.0f} s", reason="time-out"
            )
        raise UnscannableError(
            f"the inspection ended without an answer{how}", reason="scanner-crash"
        )

    def _read_line(self) -> bytes:
        """Empty at the end of the answers."""
        try:
            return self._process.answers.readline(MAX_LINE_BYTES)
        except (OSError, ValueError):  # ValueError: another thread has ended the process.
            return b""


@dataclass(slots=True, kw_only=True)
class Workers:
    """Up to ``count`` workers, started when there is work for them. Safe for several threads.

    Work waits ``patience_seconds`` for a worker that is there before another one is started: a
    start takes as much processor time as ten small artifacts.
    """

    count: int
    start: Callable[[], Worker]
    timeout_seconds: float = INSPECTION_SECONDS
    patience_seconds: float = 0.0
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

    def kill(self) -> None:
        """Kill all workers; what they are doing becomes "could not look"."""
        for worker in tuple(self._running):
            worker.kill()

    def end(self) -> None:
        """Kill them and wait until they are dead."""
        self.kill()
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
