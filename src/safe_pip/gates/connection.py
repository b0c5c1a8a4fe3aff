"""Connections: one a running pip, each served by a thread of its own."""

from __future__ import annotations

import contextlib
import hmac
import logging
import select
import socket
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from safe_pip.errors import GateError
from safe_pip.gates.admission import Admission
from safe_pip.gates.checkpoint import Checkpoint, Refusal
from safe_pip.gates.pause import Pause
from safe_pip.gates.protocol import (
    MAX_MESSAGE_BYTES,
    PROTOCOL_VERSION,
    Answer,
    Check,
    Done,
    Expect,
    Hello,
    Message,
    Need,
    Plan,
    Ready,
    Refuse,
    encode_answers,
    encode_ok,
    encode_refusal,
    encode_welcome,
    parse_message,
)
from safe_pip.gates.reviewer import OpenQuestion

_LOGGER = logging.getLogger(__name__)

HELLO_TIMEOUT_SECONDS = 30
MAX_HELLO_BYTES = 64 * 1024
# No inspection of ours takes this long; a question to a person may, and is not counted.
REVIEW_TIMEOUT_SECONDS = 900.0


class Connection:
    """What one pip said: ``hello``, and ``done`` at the end.

    ``welcome`` is called once, after the other side has shown the token.
    """

    def __init__(
        self,
        channel: socket.socket,
        checkpoint: Checkpoint,
        pause: Pause,
        admission: Admission,
        *,
        welcome: Callable[[Connection], None],
        review_timeout_seconds: float = REVIEW_TIMEOUT_SECONDS,
    ) -> None:
        self._channel = channel
        self._checkpoint = checkpoint
        self._pause = pause
        self._admission = admission
        self._welcome = welcome
        self._review_timeout_seconds = review_timeout_seconds
        self.hello: Hello | None = None
        self.done: Done | None = None

    def serve(self, token: str) -> None:
        """Until the other side hangs up. What breaks the protocol refuses the whole session,
        but only once the other side has shown the token."""
        reader = self._channel.makefile("rb")
        try:
            self._channel.settimeout(HELLO_TIMEOUT_SECONDS)
            self._greet(reader.readline(MAX_HELLO_BYTES), token)
            # A line longer than allowed arrives cut, and does not parse.
            while self.hello is not None and (line := reader.readline(MAX_MESSAGE_BYTES)):
                self._handle(parse_message(line))
        except OSError:
            # Our side of the block: what pip still needs, it will not get.
            _LOGGER.debug("a connection was lost", exc_info=True)
        except Exception as error:
            # The gate's edge, where every defect means no.
            if self.hello is not None:
                self._checkpoint.refuse(f"The gate failed: {error}")
            _LOGGER.debug("a connection ended", exc_info=True)
        finally:
            with contextlib.suppress(OSError):
                reader.close()
            self._channel.close()

    def _greet(self, line: bytes, token: str) -> None:
        message = parse_message(line)
        if not isinstance(message, Hello):
            raise GateError("a connection began without a hello")
        is_known = hmac.compare_digest(
            message.token.encode(errors="replace"), token.encode(errors="replace")
        )
        if not is_known or message.protocol != PROTOCOL_VERSION:
            self._channel.sendall(encode_ok(is_ok=False))
            return
        self._channel.settimeout(None)
        self.hello = message
        self._welcome(self)
        self._channel.sendall(encode_welcome(self._admission.pip_root(message.interpreter)))

    def _handle(self, message: Message) -> None:
        match message:
            case Ready():
                self._admission.wait()
                self._channel.sendall(encode_ok(is_ok=True))
            case Expect(filename=filename, sha256=sha256):
                self._checkpoint.expect(filename, sha256)
            case Check(items=items):
                self._checkpoint.begin(items)
            case Plan():
                self._checkpoint.plan(message)
            case Need():
                outcome = self._rule(message)
                if isinstance(outcome, Refusal):
                    self._channel.sendall(encode_refusal(outcome.reason))
                else:
                    self._channel.sendall(encode_answers(tuple(outcome)))
            case Done():
                self.done = message
                self._channel.sendall(encode_ok(is_ok=True))
            case Refuse(reason=reason, exit_code=exit_code):
                self._checkpoint.refuse(reason, exit_code=exit_code)
            case Hello():
                raise GateError("a connection said hello twice")

    def _rule(self, need: Need) -> Sequence[Answer] | Refusal:
        """The checkpoint's ruling, or a refusal when it takes too long and nobody is asked."""
        rulings: list[Sequence[Answer] | Refusal] = []
        is_ruled = threading.Event()

        def rule() -> None:
            rulings.append(self._checkpoint.rule(need, hold=lambda: self._hold(need)))
            is_ruled.set()

        threading.Thread(target=rule, name="safe-pip ruling", daemon=True).start()
        waited_seconds, step_seconds = 0.0, min(1.0, self._review_timeout_seconds)
        while not is_ruled.wait(step_seconds):
            if not self._pause.has_open_question:
                waited_seconds += step_seconds
            if waited_seconds >= self._review_timeout_seconds:
                return self._checkpoint.refuse(
                    f"The inspection took longer than {self._review_timeout_seconds:.0f} seconds."
                )
        return rulings[0]

    def _hold(self, need: Need) -> AbstractContextManager[OpenQuestion]:
        pid = self.hello.pid if self.hello is not None and need.is_drawing else None
        return self._pause.hold(pid, is_lost=self._is_answer_lost)

    def _is_answer_lost(self) -> bool:
        """Whether an answer would come too late: something else was refused meanwhile, or the
        pip that needs it has hung up (it sends nothing while it waits)."""
        if self._checkpoint.refusal is not None:
            return True
        try:
            is_readable = bool(select.select([self._channel], [], [], 0)[0])
            return is_readable and not self._channel.recv(1, socket.MSG_PEEK)
        except (OSError, ValueError):  # ValueError: it is closed already.
            return True
