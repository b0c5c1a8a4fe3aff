"""The child: a process that says what it is, and becomes a pip with the guard in it.

Whatever it is told to become, it loads the guard while it waits for the answer; so what is
imported before the hello is little.

Child side: standard library only, Python 3.8 and newer.
"""

# pip's paths are text, and so are ours on its side.
# ruff: noqa: PTH118, PTH120, PTH123
from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import importlib.machinery
import json
import os
import sys
import threading
from typing import Any

from .pip_line import EXIT_GATE_FAILED, REQUIRED_BY_VARIABLE, Line, Lost, call_parent

PROTOCOL_VERSION = 1


def run(runner: str) -> int:
    """pip's exit status. The gate's own failures end before pip starts."""
    gc.disable()  # Imports make many objects and drop none.
    required_by = inherited_chain()
    try:
        with open(os.path.join(os.path.dirname(runner), "session.json"), encoding="ascii") as file:
            session = json.load(file)
        line = call_parent(session["address"])
        pip_root = greet(line, session["token"], required_by)
    except (OSError, ValueError, KeyError, Lost) as error:
        return unreachable(error)
    loading = loading_module()
    status: int | None = loading.guard_pip(line, pip_root, required_by, runner)
    if status is None:
        try:
            wait_for_the_rest(line)
        except Lost as error:
            return unreachable(error)
        getattr(gc, "freeze", gc.collect)()  # PyPy has none.
        gc.enable()
        status = loading.status_of_pip()
    with contextlib.suppress(Lost):
        line.ask("done", status=status)
    return status


def unreachable(error: Exception) -> int:
    sys.stderr.write(f"ERROR: The gate of safe-pip cannot be reached: {error}\n")
    return EXIT_GATE_FAILED


def loading_module() -> Any:
    # The folder stays as the parent made it, so that a change of it shows.
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        return importlib.import_module(".pip_loading", __package__)
    finally:
        sys.dont_write_bytecode = before


def inherited_chain() -> list[str]:
    """What the pip that started this one builds for."""
    try:
        chain = json.loads(os.environ.pop(REQUIRED_BY_VARIABLE, "[]"))
    except ValueError:
        chain = None
    return [str(name) for name in chain] if isinstance(chain, list) else ["a build"]


def greet(line: Line, token: str, required_by: list[str]) -> str:
    """The folder that pip is loaded from."""
    answer = line.ask(
        "hello",
        meanwhile=loading_module,
        token=token,
        protocol=PROTOCOL_VERSION,
        pid=os.getpid(),
        required_by=required_by,
        interpreter=statement(),
    )
    pip_root = answer.get("pip_root")
    if answer.get("ok") is not True or not isinstance(pip_root, str):
        raise Lost("safe-pip does not know this pip")
    return pip_root


def wait_for_the_rest(line: Line) -> None:
    """Until safe-pip is ready for what pip will need."""
    if line.ask("ready", has_time_limit=False).get("ok") is not True:
        raise Lost("safe-pip is not ready")


def statement() -> dict[str, Any]:
    """What this interpreter is; nothing is imported from the working directory to find out."""
    path = [entry for entry in sys.path if entry]
    pip = importlib.machinery.PathFinder.find_spec("pip", path)
    return {
        "version": list(sys.version_info[:3]),
        "prefix": sys.prefix,
        "base_prefix": sys.base_prefix,
        "executable": sys.executable or "",
        "pip_origin": pip.origin if pip is not None else None,
        "site_folders": site_folders(path),
    }


def site_folders(path: list[str]) -> list[str]:
    """Those of the module path that hold what is installed, in its order."""
    site: Any = sys.modules.get("site")  # -S: there are none.
    own: set[str] = set()
    for name in ("getsitepackages", "getusersitepackages"):
        with contextlib.suppress(AttributeError, OSError, ValueError):
            found = getattr(site, name)()
            own.update([found] if isinstance(found, str) else found)
    return [entry for entry in path if entry in own]


def leave(status: int) -> None:
    """End this process at once, if nothing is left to do: to take a loaded pip apart takes longer
    than to guard it. Returns if there may be something."""
    if threading.active_count() > 1 or not is_all_written():
        return  # Python tells of what is stuck, and has an exit status for it.
    # What removes temporary folders and closes logs. Whatever goes wrong there has been told, and
    # is, to Python, no reason for another exit status; before 3.10 it is raised as well.
    with contextlib.suppress(BaseException):
        atexit._run_exitfuncs()
    if is_all_written():
        os._exit(status & 0xFF)


def is_all_written() -> bool:
    try:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
    except (OSError, ValueError):
        return False
    return True
