"""The pip gate: runs pip in the target with every artifact held until it is allowed."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from types import FrameType

from packaging.version import Version

from safe_pip.errors import (
    EXIT_UNSUPPORTED_PIP,
    GateError,
    SafePipError,
    UnsupportedPipError,
    UsageError,
)
from safe_pip.gates.checkpoint import INTERRUPTED, Checkpoint, Refusal
from safe_pip.gates.connection import Connection
from safe_pip.gates.guarded_verbs import needs_gate
from safe_pip.gates.pause import Pause
from safe_pip.gates.reviewer import Reviewer
from safe_pip.gates.session import Session, open_session
from safe_pip.gates.target import Target

_OWN_VARIABLES_PREFIX = "_SAFE_PIP_"
_KILL_AFTER_SECONDS = 10
_WITHDRAW_WITHIN_SECONDS = 2.0
_PEP517_ONLY_SINCE = Version("25.3")


def run_pip(
    target: Target,
    arguments: Sequence[str],
    make_reviewer: Callable[[], Reviewer],
    *,
    environ: Mapping[str, str],
    expect: Callable[[str, str], None] | None = None,
) -> int:
    """Runs ``pip ARGUMENTS`` in the target; every artifact waits for the reviewer's ruling.

    1. A private folder with the runner and a socket is made.
    2. The child starts at once, with our terminal; only then is the reviewer made, so that
       loading a model and starting pip overlap.
    3. Each pip, the nested ones included, has a connection; a need waits for its answer.
    4. The child has ended: its status is ours if nothing was refused and it said goodbye.

    ``expect`` hears the name and digest of what pip is about to fetch, from other threads.

    Gives pip's exit status, or the refusing ruling's exit code. Raises GateError if pip ended
    without saying so, UnsupportedPipError if it lacks a hook, and whatever SafePipError
    ``make_reviewer`` raises; nothing is installed then.
    """
    _refuse_legacy_builds(target, arguments)
    reviewer: Future[Reviewer] = Future()
    checkpoint, pause = Checkpoint(reviewer, expect=expect), Pause()
    with open_session(target.pip_root) as session, _signals(checkpoint, pause) as signals:
        connections = _accept_in_background(session, checkpoint, pause)
        with _child([target.python, session.runner, *arguments], environ) as child:
            signals.adopt(child)
            _fill(reviewer, make_reviewer)
            status = child.wait()
            pause.end()
            pause.wait_until_closed(_WITHDRAW_WITHIN_SECONDS)
    if isinstance(failure := reviewer.exception(), SafePipError):
        raise failure
    if checkpoint.refusal not in (None, INTERRUPTED):
        return _refused(checkpoint.refusal)
    said_goodbye = any(connection.done is not None for connection in connections[:1])
    if not said_goodbye and signals.received is None:
        raise GateError(
            f"pip ended without saying so ({_describe(status)}).",
            hint="Nothing that was not inspected got through; look at pip's own output above.",
        )
    return _shell_status(status) if said_goodbye or status else INTERRUPTED.exit_code


def run_unguarded(target: Target, arguments: Sequence[str], *, environ: Mapping[str, str]) -> int:
    """Runs a verb that fetches nothing with the target's pip; gives pip's exit status.

    Raises UsageError for a verb that needs the gate.
    """
    if needs_gate(arguments):
        raise UsageError(f"'pip {arguments[0]}' does not run without the gate.")
    # A script by its path, and not "-m pip", which would take a pip.py of the working directory.
    runner = target.pip_root / "pip" / "__pip-runner__.py"
    with (
        _signals() as signals,
        _child([target.python, runner, *arguments], environ) as child,
    ):
        signals.adopt(child)
        return _shell_status(child.wait())


class _Signals:
    """What we were sent while the child ran.

    Ctrl-C reaches the child by itself, as part of the terminal's foreground group, and pip
    decides what it means; a request to end is passed on.
    """

    def __init__(self, checkpoint: Checkpoint | None, pause: Pause | None) -> None:
        self._checkpoint = checkpoint
        self._pause = pause
        self._child: subprocess.Popen[bytes] | None = None
        self.received: int | None = None

    def adopt(self, child: subprocess.Popen[bytes]) -> None:
        self._child = child
        if self.received not in (None, signal.SIGINT):
            child.terminate()

    def handle(self, number: int, _frame: FrameType | None) -> None:
        self.received = number
        if self._checkpoint is not None:
            self._checkpoint.interrupt()
        if self._pause is not None:
            self._pause.end()
        if number != signal.SIGINT and self._child is not None:
            self._child.terminate()


@contextlib.contextmanager
def _signals(
    checkpoint: Checkpoint | None = None, pause: Pause | None = None
) -> Iterator[_Signals]:
    """Takes over the signals that end a program, where it can: in the main thread."""
    signals = _Signals(checkpoint, pause)
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
def _child(
    command: Sequence[str | Path], environ: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """The running child with our terminal; it has ended when the block has."""
    inherited = {
        name: value for name, value in environ.items() if not name.startswith(_OWN_VARIABLES_PREFIX)
    }
    try:
        child = subprocess.Popen(command, env=inherited)
    except OSError as error:
        raise GateError(f"{command[0]} could not be started: {error.strerror}") from error
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


def _accept_in_background(
    session: Session, checkpoint: Checkpoint, pause: Pause
) -> list[Connection]:
    """Serves whoever connects until the session's listener is closed; the list grows by those
    that showed the token, the first pip first."""
    connections: list[Connection] = []

    def accept() -> None:
        while True:
            try:
                channel, _ = session.listener.accept()
            except OSError:
                return
            connection = Connection(channel, checkpoint, pause, welcome=connections.append)
            threading.Thread(
                target=connection.serve, args=(session.token,), name="safe-pip gate", daemon=True
            ).start()

    threading.Thread(target=accept, name="safe-pip listener", daemon=True).start()
    return connections


def _fill(reviewer: Future[Reviewer], make_reviewer: Callable[[], Reviewer]) -> None:
    try:
        reviewer.set_result(make_reviewer())
    except Exception as error:
        # Whoever needs a ruling gets this error, and answers with no.
        reviewer.set_exception(error)


def _refuse_legacy_builds(target: Target, arguments: Sequence[str]) -> None:
    """An older pip's "setup.py" builds let setuptools start a pip that is not guarded."""
    if "--no-use-pep517" in arguments and Version(target.pip_version) < _PEP517_ONLY_SINCE:
        raise UnsupportedPipError(
            "--no-use-pep517 runs builds that cannot be guarded.",
            hint="Leave the option out: safe-pip builds with PEP 517 only, as pip 25.3 does.",
        )


def _refused(refusal: Refusal) -> int:
    if refusal.exit_code == EXIT_UNSUPPORTED_PIP:
        raise UnsupportedPipError(
            refusal.reason, hint="Install a version of pip that safe-pip was tested with."
        )
    return refusal.exit_code


def _describe(status: int) -> str:
    return f"exit status {status}" if status >= 0 else f"killed by signal {-status}"


def _shell_status(status: int) -> int:
    """The exit status as a shell counts it, where a signal is 128 and its number."""
    return status if status >= 0 else 128 - status
