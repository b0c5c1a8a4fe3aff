"""The child: a pip with the guard in it, from its hello to its goodbye.

Child side: standard library only, Python 3.8 and newer.
"""

# pip's paths are text, and so are ours on its side.
# ruff: noqa: PTH118, PTH120, PTH123
from __future__ import annotations

import contextlib
import importlib.machinery
import json
import os
import runpy
import sys
from typing import Any

from .pip_guard import EXIT_GATE_FAILED, EXIT_UNSUPPORTED_PIP, REQUIRED_BY_VARIABLE, Guard
from .pip_hooks import Unguardable, import_pip_module, install_hooks
from .pip_line import Line, Lost, call_parent
from .pip_tripwire import Tripwire

PROTOCOL_VERSION = 1


class PipFinder:
    """Finds the package pip in one folder and nothing else there, as pip's own
    __pip-runner__.py does."""

    def __init__(self, root: str) -> None:
        self._root = root

    def find_spec(self, name: str, _path: Any = None, target: Any = None) -> Any:
        if name != "pip":
            return None
        return importlib.machinery.PathFinder.find_spec(name, [self._root], target)


def run(runner: str) -> int:
    """pip's exit status. The gate's own failures end before pip starts."""
    required_by = inherited_chain()
    try:
        with open(os.path.join(os.path.dirname(runner), "session.json"), encoding="ascii") as file:
            session = json.load(file)
        line = call_parent(session["address"])
        greet(line, session["token"], required_by)
    except (OSError, ValueError, KeyError, Lost) as error:
        sys.stderr.write(f"ERROR: The gate of safe-pip cannot be reached: {error}\n")
        return EXIT_GATE_FAILED
    try:
        guard_pip(line, session["pip_root"], required_by, runner)
    except Unguardable as error:
        status = EXIT_UNSUPPORTED_PIP
        with contextlib.suppress(Lost):
            line.tell("refuse", reason=f"pip cannot be guarded: {error}.", exit_code=status)
    else:
        status = status_of_pip()
    with contextlib.suppress(Lost):
        line.ask("done", status=status)
    return status


def inherited_chain() -> list[str]:
    """What the pip that started this one builds for."""
    try:
        chain = json.loads(os.environ.pop(REQUIRED_BY_VARIABLE, "[]"))
    except ValueError:
        chain = None
    return [str(name) for name in chain] if isinstance(chain, list) else ["a build"]


def greet(line: Line, token: str, required_by: list[str]) -> None:
    answer = line.ask(
        "hello",
        token=token,
        protocol=PROTOCOL_VERSION,
        python=".".join(map(str, sys.version_info[:3])),
        prefix=sys.prefix,
        pid=os.getpid(),
        required_by=required_by,
    )
    if answer.get("ok") is not True:
        raise Lost("safe-pip does not know this pip")


def guard_pip(line: Line, pip_root: str, required_by: list[str], runner: str) -> None:
    """Imports all of pip that matters, with the guard in it. Raises Unguardable."""
    finder: Any = PipFinder(pip_root)
    sys.meta_path.insert(0, finder)
    tripwire = Tripwire(runner)
    sys.addaudithook(tripwire)
    errors = import_pip_module("pip._internal.exceptions")

    # pip prints an InstallationError as one line, and its resolver never takes one as a reason
    # to try an older version.
    class Blocked(errors.InstallationError):  # type: ignore[misc, name-defined]
        pass

    guard = Guard(line, tripwire, Blocked, required_by)
    tripwire.trip = guard.refuse
    install_hooks(guard, runner)


def status_of_pip() -> int:
    try:
        runpy.run_module("pip", run_name="__main__", alter_sys=True)
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        sys.stderr.write(f"{end.code}\n")
        return 1
    return 0
