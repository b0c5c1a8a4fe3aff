"""Pause: keeps pip's own drawing off the terminal while a question is open."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

_TERMINAL = Path("/dev/tty")
_SHOW_CURSOR = b"\x1b[?25h"


@dataclass(frozen=True, slots=True)
class Question:
    """See reviewer.OpenQuestion."""

    is_moot: Callable[[], bool]


class Pause:
    """The questions that are open, and the children stopped for them.

    While pip waits for an answer it draws nothing, except where a thread of it turns a spinner:
    then its process is stopped until the question is answered. A stopped process does not
    notice Ctrl-C, so the signal handler calls ``end``.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._all_closed = threading.Condition(self._lock)
        self._stopped: set[int] = set()
        self._open_questions = 0
        self._is_over = False

    @property
    def has_open_question(self) -> bool:
        return self._open_questions > 0

    @contextlib.contextmanager
    def hold(
        self, drawing_pid: int | None, *, is_lost: Callable[[], bool] = lambda: False
    ) -> Iterator[Question]:
        """Holds the terminal for a question; stops ``drawing_pid`` for as long, if given.

        ``is_lost`` tells whether whoever needs the answer has gone.
        """
        with self._lock:
            self._open_questions += 1
        try:
            if drawing_pid is not None:
                self._stop(drawing_pid)
            _show_cursor()
            yield Question(is_moot=lambda: self.is_over or is_lost())
        finally:
            with self._lock:
                self._open_questions -= 1
                self._all_closed.notify_all()
            if drawing_pid is not None:
                self._resume(drawing_pid)

    @property
    def is_over(self) -> bool:
        return self._is_over

    def wait_until_closed(self, timeout_seconds: float) -> None:
        """Until whoever asks has taken the open questions back, but no longer than that."""
        with self._all_closed:
            self._all_closed.wait_for(lambda: not self._open_questions, timeout_seconds)

    def end(self) -> None:
        """Questions that are still open need no answer, and stopped children go on to their
        end. Called by a signal handler as well, which must not wait for the lock."""
        self._is_over = True
        for pid in tuple(self._stopped):
            self._resume(pid)

    def _stop(self, pid: int) -> None:
        # Windows cannot stop a process: there a spinner may draw over the question.
        if hasattr(signal, "SIGSTOP") and pid > 1:
            self._stopped.add(pid)
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGSTOP)
            if self._is_over:
                self._resume(pid)

    def _resume(self, pid: int) -> None:
        if pid in self._stopped:
            self._stopped.discard(pid)
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGCONT)


def _show_cursor() -> None:
    """pip's spinners hide the cursor, and a question without one looks like a dead program."""
    if not _TERMINAL.exists():
        return
    with contextlib.suppress(OSError):
        # No O_CREAT, and no controlling terminal gained by opening it.
        terminal = os.open(_TERMINAL, os.O_WRONLY | os.O_NOCTTY)
        try:
            os.write(terminal, _SHOW_CURSOR)
        finally:
            os.close(terminal)
