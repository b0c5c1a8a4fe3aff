"""The pip gate: runs pip in the target with every artifact held until it is allowed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from pathlib import Path

from packaging.version import Version

from safe_pip.errors import (
    EXIT_UNSUPPORTED_PIP,
    GateError,
    SafePipError,
    UnsupportedPipError,
    UsageError,
)
from safe_pip.gates.admission import Admission, Choose
from safe_pip.gates.checkpoint import INTERRUPTED, Checkpoint, Refusal
from safe_pip.gates.connection import Connection
from safe_pip.gates.guarded_verbs import needs_gate
from safe_pip.gates.interpreter import ask
from safe_pip.gates.launch import Launch, child_process, taken_signals
from safe_pip.gates.pause import Pause
from safe_pip.gates.reviewer import Reviewer
from safe_pip.gates.session import keep_bytecode, remove_abandoned_sessions
from safe_pip.gates.target import Target

Expecting = Callable[[str, str], None]

HELLO_WITHIN_SECONDS = 60.0
_WITHDRAW_WITHIN_SECONDS = 2.0
_LOOK_SECONDS = 0.1
_PEP517_ONLY_SINCE = Version("25.3")


class Gate:
    """The parent's side of a session; its child was launched and waits.

    1. Whoever connects is served. The first child says what its interpreter is, ``choose`` makes
       a target of it, and the child loads that pip, with the guard in it.
    2. ``run`` lets it go on, and only then makes the reviewer, so that loading a model and
       starting pip overlap.
    3. Each pip, the nested ones included, has a connection; a need waits for its answer.
    4. The child has ended: its status is ours if nothing was refused and it said goodbye.
    """

    def __init__(self, launch: Launch, *, choose: Choose) -> None:
        self._launch = launch
        self._choose = choose
        self._reviewer: Future[Reviewer] = Future()
        self._expect: Expecting | None = None
        self._checkpoint = Checkpoint(self._reviewer, expect=self._pass_on)
        self._pause = Pause()
        self._admission = Admission(choose)
        launch.signals.tell(self._checkpoint.interrupt, self._pause.end)
        self._connections: list[Connection] = []
        threading.Thread(target=self._accept, name="safe-pip listener", daemon=True).start()

    def target(self) -> Target:
        """Waits for the first child's hello.

        Raises UnsupportedPipError if no pip can be guarded there, GateError if it says none, and
        KeyboardInterrupt if Ctrl-C was why.
        """
        child, has_ended = self._launch.child, False
        # Looks are counted, and not the time: Ctrl-Z may have stopped both of us for hours.
        for _ in range(int(HELLO_WITHIN_SECONDS / _LOOK_SECONDS)):
            if has_ended:
                break
            has_ended = child.poll() is not None  # It may have said hello just before.
            try:
                target = self._admission.target(_LOOK_SECONDS)
            except FutureTimeoutError:
                continue
            _refuse_legacy_builds(target, self._launch.arguments)
            return target
        raise self._silence()

    def site_folders(self) -> Sequence[Path]:
        """Where pip looks for what is installed already. For ``--python``, the first pip starts
        another one elsewhere, before anything arrives; later, a build could pose as one."""
        asked = [connection.hello for connection in self._connections[:2]]
        folders = [
            hello.interpreter.site_folders
            for hello in reversed(asked)
            if hello is not None and hello.interpreter is not None and not hello.required_by
        ]
        return folders[0] if folders else ()

    def run(self, make_reviewer: Callable[[], Reviewer], *, expect: Expecting | None = None) -> int:
        """Let pip go on; gives its exit status, or the refusing ruling's exit code. ``expect``
        hears the name and digest of what pip is about to fetch, from other threads.

        Raises GateError if pip ended without saying so, UnsupportedPipError if it lacks a hook,
        and whatever SafePipError ``make_reviewer`` raises; nothing is installed then.
        """
        signals, child = self._launch.signals, self._launch.child
        self._expect = expect
        try:
            self._admission.open()
            self._fill(make_reviewer)
            keep_bytecode()
            remove_abandoned_sessions(self._launch.session)
            status = child.wait()
        finally:
            self._admission.close()
        self._pause.end()
        self._pause.wait_until_closed(_WITHDRAW_WITHIN_SECONDS)
        if isinstance(failure := self._reviewer.exception(), SafePipError):
            raise failure
        refusal = self._checkpoint.refusal
        if refusal is not None and refusal != INTERRUPTED:
            return _refused(refusal)
        said_goodbye = any(connection.done is not None for connection in self._connections[:1])
        if not said_goodbye and signals.received is None:
            raise _without_goodbye(status)
        return _shell_status(status) if said_goodbye or status else INTERRUPTED.exit_code

    def _accept(self) -> None:
        """Serves whoever connects until the session's listener is closed; the list grows by
        those that showed the token, the first pip first."""
        while True:
            try:
                channel, _ = self._launch.session.listener.accept()
            except OSError:
                return
            connection = Connection(
                channel,
                self._checkpoint,
                self._pause,
                self._admission,
                welcome=self._connections.append,
            )
            threading.Thread(
                target=connection.serve,
                args=(self._launch.session.token,),
                name="safe-pip gate",
                daemon=True,
            ).start()

    def _pass_on(self, filename: str, sha256: str) -> None:
        if self._expect is not None:
            self._expect(filename, sha256)

    def _fill(self, make_reviewer: Callable[[], Reviewer]) -> None:
        try:
            self._reviewer.set_result(make_reviewer())
        except Exception as error:
            # Whoever needs a ruling gets this error, and answers with no.
            self._reviewer.set_exception(error)

    def _silence(self) -> BaseException:
        """Why there was no hello."""
        status = self._launch.child.poll()
        if self._launch.signals.received is not None:
            return KeyboardInterrupt()
        if status is None:
            return GateError(f"{self._launch.python} does not answer.")
        try:
            # Too old for our runner, perhaps, or no Python at all: then it says so itself.
            self._choose(ask(self._launch.python, self._launch.environ))
        except UnsupportedPipError as error:
            return error
        return _without_goodbye(status)


def run_unguarded(target: Target, arguments: Sequence[str], *, environ: Mapping[str, str]) -> int:
    """Runs a verb that fetches nothing with the target's pip; gives pip's exit status.

    Raises UsageError for a verb that needs the gate.
    """
    if needs_gate(arguments):
        raise UsageError(f"'pip {arguments[0]}' does not run without the gate.")
    # A script by its path, and not "-m pip", which would take a pip.py of the working directory.
    runner: Path = target.pip_root / "pip" / "__pip-runner__.py"
    with (
        taken_signals() as signals,
        child_process([target.python, runner, *arguments], environ) as child,
    ):
        signals.adopt(child)
        return _shell_status(child.wait())


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


def _without_goodbye(status: int) -> GateError:
    how = f"exit status {status}" if status >= 0 else f"killed by signal {-status}"
    return GateError(
        f"pip ended without saying so ({how}).",
        hint="Nothing that was not inspected got through; look at pip's own output above.",
    )


def _shell_status(status: int) -> int:
    """The exit status as a shell counts it, where a signal is 128 and its number."""
    return status if status >= 0 else 128 - status
