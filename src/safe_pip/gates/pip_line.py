"""The line to the parent: JSON objects, one at a time. protocol.py describes them.

Child side: standard library only, Python 3.8 and newer.
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Callable
from typing import Any

ANSWER_TIMEOUT_SECONDS = 30
STEP_SECONDS = 1
MAX_MESSAGE_BYTES = 16 * 1024 * 1024
EXIT_GATE_FAILED = 42
# What a nested pip builds for, as a JSON list; the parent strips it from what it inherits.
REQUIRED_BY_VARIABLE = "_SAFE_PIP_REQUIRED_BY"


class Lost(Exception):
    """The parent is gone, or said something that is not of the protocol."""


class Line:
    """One connection, used by whichever thread of pip needs it."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._reader = channel.makefile("rb")
        self._lock = threading.Lock()
        self._is_waiting = False

    def tell(self, kind: str, **fields: Any) -> None:
        with self._lock:
            self._send(kind, fields)

    def ask(
        self,
        kind: str,
        *,
        has_time_limit: bool = True,
        meanwhile: Callable[[], object] | None = None,
        **fields: Any,
    ) -> dict[str, Any]:
        """The answer; ``meanwhile`` is done before it is read. A question to a person takes as
        long as it takes, and the parent limits how long an inspection may: only a lost parent
        ends the wait for those."""
        with self._lock:
            self._channel.settimeout(ANSWER_TIMEOUT_SECONDS if has_time_limit else None)
            self._send(kind, fields, is_question=True)
            if meanwhile is not None:
                meanwhile()
            try:
                if has_time_limit:
                    self._wait_for_an_answer()
                answer = json.loads(self._reader.readline(MAX_MESSAGE_BYTES))
            except (OSError, ValueError, RecursionError) as error:
                raise Lost("safe-pip does not answer") from error
            if not isinstance(answer, dict):
                raise Lost("safe-pip gave no answer")
            self._is_waiting = False
            return answer

    def _wait_for_an_answer(self) -> None:
        """Step by step: the time for which Ctrl-Z stopped all of us counts as one step."""
        self._channel.settimeout(STEP_SECONDS)
        for _ in range(int(ANSWER_TIMEOUT_SECONDS / STEP_SECONDS)):
            with contextlib.suppress(socket.timeout):
                self._channel.recv(1, socket.MSG_PEEK)
                break
        else:
            raise Lost("safe-pip does not answer")
        self._channel.settimeout(ANSWER_TIMEOUT_SECONDS)

    def _send(self, kind: str, fields: dict[str, Any], *, is_question: bool = False) -> None:
        if self._is_waiting:
            # Ctrl-C ended an earlier wait: the next answer would be to that question.
            raise Lost("safe-pip was interrupted")
        self._is_waiting = is_question  # before it is sent: Ctrl-C may come right after
        try:
            message = json.dumps(dict(fields, type=kind))
            self._channel.sendall(message.encode("ascii") + b"\n")
        except OSError as error:
            raise Lost("safe-pip is gone") from error


def call_parent(address: str | int) -> Line:
    """A line to the socket of the session: a path, or a port of loopback."""
    if isinstance(address, str):
        channel = socket.socket(socket.AF_UNIX)
    else:
        channel = socket.socket(socket.AF_INET)
    channel.settimeout(ANSWER_TIMEOUT_SECONDS)
    try:
        channel.connect(address if isinstance(address, str) else ("127.0.0.1", address))
    except OSError as error:
        channel.close()
        raise Lost("safe-pip is gone") from error
    return Line(channel)
