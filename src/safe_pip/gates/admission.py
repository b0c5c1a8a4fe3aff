"""Admission: which pip the children of a session load, and when they may go on with it.

A child says hello, with what its interpreter is. The answer names the folder that pip is loaded
from; a pip that is loaded, with the guard in it, asks once more and waits until all is ready.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

from safe_pip.errors import GateError, UnsupportedPipError
from safe_pip.gates.interpreter import Statement
from safe_pip.gates.target import Target

# What an interpreter says about itself, to what is done with it. Raises UnsupportedPipError.
Choose = Callable[[Statement], Target]


class Admission:
    """One for a session, asked by the threads of all its connections.

    The target is chosen once, by what the first child says: nothing else has the token, or could
    run at all, before that child is let go on.
    """

    def __init__(self, choose: Choose) -> None:
        self._choose = choose
        self._lock = threading.Lock()
        self._target: Future[Target] = Future()
        self._is_open: Future[None] = Future()

    def pip_root(self, statement: Statement | None) -> Path:
        """Where a child that said this loads pip from. One that would load none waits for its
        end. Raises GateError once there is nothing to wait for."""
        with self._lock:
            if not self._target.done():
                self._settle(statement)
        if self._target.exception() is not None:
            self.wait()
        return self._target.result().pip_root

    def target(self, timeout_seconds: float) -> Target:
        """Raises TimeoutError if nobody said hello yet, UnsupportedPipError if no pip can be
        guarded there."""
        return self._target.result(timeout_seconds)

    def wait(self) -> None:
        """Until pips may go on. Raises GateError if they never may."""
        self._is_open.result()

    def open(self) -> None:
        """Let those go on that wait, and all that come."""
        self._is_open.set_result(None)

    def close(self) -> None:
        """At the end; whoever still waits is turned away."""
        if not self._is_open.done():
            self._is_open.set_exception(GateError("the session is over"))

    def _settle(self, statement: Statement | None) -> None:
        try:
            if statement is None:
                raise UnsupportedPipError("The interpreter does not say what it is.")
            self._target.set_result(self._choose(statement))
        except Exception as error:
            # Whoever waits for the target gets this error, and the child no answer.
            self._target.set_exception(error)
