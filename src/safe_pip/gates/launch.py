"""Launch: the child is started first, and the rest of safe-pip is imported beside it.

The child can do nothing before it is told what: it says what its interpreter is, and waits. So
this module imports little.
"""

from __future__ import annotations

import contextlib
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from safe_pip.errors import UnsupportedPipError
from safe_pip.gates.session import Session, open_session

_OWN_VARIABLES_PREFIX = "_SAFE_PIP_"
_KILL_AFTER_SECONDS = 10


class Signals:
    """What we were sent while the child ran.

    Ctrl-C reaches the child by itself, as part of the terminal's foreground group, and pip
    decides what it means; a request to end is passed on.
    """

    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None
        self._then: tuple[Callable[[], None], ...] = ()
        self.received: int | None = None

    def adopt(self, child: subprocess.Popen[bytes]) -> None:
        self._child = child
        if self.received not in (None, signal.SIGINT):
            child.terminate()

    def tell(self, *then: Callable[[], None]) -> None:
        """Whoever else has to know, and is told at once if something was received already."""
        self._then = then
        if self.received is not None:
            self._pass_on()

    def handle(self, number: int, _frame: FrameType | None) -> None:
        self.received = number
        self._pass_on()
        if number != signal.SIGINT and self._child is not None:
            self._child.terminate()

    def _pass_on(self) -> None:
        for tell in self._then:
            tell()


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """A child that waits for its parent's word. ``python`` is what was started."""

    python: Path
    arguments: Sequence[str]
    environ: Mapping[str, str]
    session: Session
    signals: Signals
    child: subprocess.Popen[bytes]


@contextlib.contextmanager
def launched(
    python: Path, arguments: Sequence[str], environ: Mapping[str, str]
) -> Iterator[Launch]:
    """The runner, started in an interpreter with pip's arguments and our terminal. It has ended,
    whatever it was about, when the block has. Raises UnsupportedPipError if it does not start,
    and GateError if there can be no session."""
    with (
        open_session() as session,
        taken_signals() as signals,
        child_process([python, session.runner, *arguments], environ) as child,
    ):
        signals.adopt(child)
        yield Launch(
            python=python,
            arguments=arguments,
            environ=environ,
            session=session,
            signals=signals,
            child=child,
        )


@contextlib.contextmanager
def taken_signals() -> Iterator[Signals]:
    """Takes over the signals that end a program, where it can: in the main thread."""
    signals = Signals()
    if threading.current_thread() is not threading.main_thread():
        yield signals
        return
    names = ("SIGINT", "SIGTERM", "SIGHUP")
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    before = {number: signal.getsignal(number) for number in numbers}
    try:
        for number, handler in before.items():
            # nohup and background shells ignore a signal on purpose; the child inherits that.
            if handler is not signal.SIG_IGN and handler is not None:
                signal.signal(number, signals.handle)
        yield signals
    finally:
        for number, handler in before.items():
            if handler is not None:
                signal.signal(number, handler)


@contextlib.contextmanager
def child_process(
    command: Sequence[str | Path], environ: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """The running child with our terminal; it has ended when the block has."""
    inherited = {
        name: value for name, value in environ.items() if not name.startswith(_OWN_VARIABLES_PREFIX)
    }
    try:
        child = subprocess.Popen(command, env=inherited)
    except (OSError, ValueError) as error:  # ValueError: a name with a NUL in it.
        why = (error.strerror if isinstance(error, OSError) else None) or error
        raise UnsupportedPipError(
            f"{command[0]} could not be started: {why}.",
            hint=f"Check that '{command[0]} --version' works.",
        ) from error
    try:
        yield child
    finally:
        if child.poll() is None:
            child.terminate()
            try:
                child.wait(_KILL_AFTER_SECONDS)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
