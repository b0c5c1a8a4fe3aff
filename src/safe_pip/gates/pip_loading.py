"""Loading: pip out of one folder, with the guard in it.

Child side: standard library only, Python 3.8 and newer.
"""

from __future__ import annotations

import contextlib
import importlib.machinery
import runpy
import sys
from typing import Any

from .pip_guard import EXIT_UNSUPPORTED_PIP, Guard
from .pip_hooks import Unguardable, import_pip_module, install_hooks
from .pip_line import Line, Lost
from .pip_tripwire import Tripwire


class PipFinder:
    """Finds the package pip in one folder and nothing else there, as pip's own
    __pip-runner__.py does."""

    def __init__(self, root: str) -> None:
        self._root = root

    def find_spec(self, name: str, _path: Any = None, target: Any = None) -> Any:
        if name != "pip":
            return None
        return importlib.machinery.PathFinder.find_spec(name, [self._root], target)


def guard_pip(line: Line, pip_root: str, required_by: list[str], runner: str) -> int | None:
    """Imports all of pip that matters, with the guard in it; gives the exit status of a pip that
    cannot be guarded."""
    finder: Any = PipFinder(pip_root)
    sys.meta_path.insert(0, finder)
    tripwire = Tripwire(runner)
    sys.addaudithook(tripwire)
    try:
        errors = import_pip_module("pip._internal.exceptions")
    except Unguardable as error:
        return _unguardable(line, error)

    # pip prints an InstallationError as one line, and its resolver never takes one as a reason
    # to try an older version.
    class Blocked(errors.InstallationError):  # type: ignore[misc, name-defined]
        pass

    guard = Guard(line, tripwire, Blocked, required_by)
    tripwire.trip = guard.refuse
    try:
        install_hooks(guard, runner)
    except Unguardable as error:
        return _unguardable(line, error)
    return None


def _unguardable(line: Line, error: Unguardable) -> int:
    reason = f"pip cannot be guarded: {error}."
    with contextlib.suppress(Lost):
        line.tell("refuse", reason=reason, exit_code=EXIT_UNSUPPORTED_PIP)
    return EXIT_UNSUPPORTED_PIP


def status_of_pip() -> int:
    try:
        runpy.run_module("pip", run_name="__main__", alter_sys=True)
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        sys.stderr.write(f"{end.code}\n")
        return 1
    return 0
