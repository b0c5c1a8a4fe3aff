"""Interpreters: which one pip should install into, and what is in it."""

from __future__ import annotations

import ast
import importlib.machinery
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from safe_pip.errors import UnsupportedPipError

PROBE_TIMEOUT_SECONDS = 60

# ``-c`` puts the working directory in front of sys.path: it goes before anything is imported
# from there, because that folder may hold somebody else's ``pip.py``.
_PROBE = """\
import sys
sys.path[:] = [entry for entry in sys.path if entry]
from importlib.machinery import PathFinder
spec = PathFinder.find_spec("pip")
print(ascii((sys.version_info[:3], sys.prefix, sys.base_prefix, sys.executable,
             spec.origin if spec else None)))
"""

_TOOL_RECEIPTS = ("pipx_metadata.json", "uv-receipt.toml")


@dataclass(frozen=True, slots=True, kw_only=True)
class PipCopy:
    """One copy of pip on disk. ``root`` is the folder that holds the package ``pip``;
    ``oldest_python`` is the oldest (major, minor) that it runs on."""

    root: Path
    version: str
    oldest_python: tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """An interpreter and what it says about itself; ``pip`` is None where it has none."""

    python: Path
    version: tuple[int, int, int]
    prefix: Path
    is_virtual_environment: bool
    pip: PipCopy | None
    site_folders: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What an interpreter says about itself. ``pip_origin`` is the ``__init__.py`` of the pip that
    it would import; ``site_folders`` is where it looks for what was installed."""

    version: tuple[int, int, int]
    prefix: Path
    base_prefix: Path
    executable: str
    pip_origin: str | None
    site_folders: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A Python and the words that tell a person why it was chosen."""

    python: Path
    chosen_by: str


def find_python(environ: Mapping[str, str]) -> Choice:
    """The interpreter that plain pip would most likely install into.

    Raises UnsupportedPipError if there is none.
    """
    if active := environ.get("VIRTUAL_ENV"):
        python = python_of_environment(Path(active))
        if python is None:
            raise UnsupportedPipError(
                f"VIRTUAL_ENV is {active}, where there is no interpreter.",
                hint="Activate an environment that exists, or unset VIRTUAL_ENV.",
            )
        return Choice(python=python, chosen_by="the active virtual environment")
    if sys.executable and not is_tool_environment(Path(sys.prefix)):
        return Choice(python=Path(sys.executable), chosen_by="the environment of safe-pip itself")
    path = environ.get("PATH", os.defpath)
    script = shutil.which("pip", path=path)
    if script and (python := _python_of_script(Path(script))):
        return Choice(python=python, chosen_by=f"the interpreter of {script}")
    for name in ("python3", "python"):
        if found := shutil.which(name, path=path):
            return Choice(python=Path(found), chosen_by=f"the first {name} on PATH")
    raise UnsupportedPipError(
        "There is no interpreter to install into.",
        hint="Activate a virtual environment, or put python3 on PATH.",
    )


def is_tool_environment(prefix: Path) -> bool:
    """Whether pipx or ``uv tool`` made the environment for one tool alone."""
    return any((prefix / receipt).is_file() for receipt in _TOOL_RECEIPTS)


def describe(python: Path, environ: Mapping[str, str]) -> Interpreter:
    """What an interpreter says about itself; runs it unless it is our own.

    Raises UnsupportedPipError if it does not start.
    """
    if _is_own(python):
        return Interpreter(
            python=python,
            version=sys.version_info[:3],
            prefix=Path(sys.prefix),
            is_virtual_environment=sys.prefix != sys.base_prefix,
            pip=own_pip(),
        )
    return interpreter_that_says(ask(python, environ), python)


def interpreter_that_says(statement: Statement, python: Path) -> Interpreter:
    """``python`` is how it was called, for one that does not know its own place."""
    return Interpreter(
        python=Path(statement.executable or python),
        version=statement.version,
        prefix=statement.prefix,
        is_virtual_environment=statement.prefix != statement.base_prefix,
        pip=read_pip(statement.pip_origin) if statement.pip_origin else None,
        site_folders=statement.site_folders,
    )


def own_pip() -> PipCopy | None:
    """The pip that was installed with safe-pip; never one of the working directory, which
    "python -m safe_pip" puts first in sys.path."""
    here = Path.cwd()
    folders = [entry for entry in sys.path if entry and Path(entry) != here]
    spec = importlib.machinery.PathFinder.find_spec("pip", folders)
    return read_pip(spec.origin) if spec and spec.origin else None


def read_pip(origin: str) -> PipCopy | None:
    """The copy of pip whose ``__init__.py`` is at ``origin``, read without running any of it.

    None if it is not laid out as pip has been since 22.3.
    """
    package = Path(origin).parent
    try:
        version = re.search(
            r"""^__version__ = ["']([^"']+)["']""",
            (package / "__init__.py").read_text(encoding="utf-8"),
            re.MULTILINE,
        )
        oldest = re.search(
            r"^PYTHON_REQUIRES = \((\d+), (\d+)\)",
            (package / "__pip-runner__.py").read_text(encoding="utf-8"),
            re.MULTILINE,
        )
    except (OSError, UnicodeDecodeError):
        return None
    if version is None or oldest is None:
        return None
    return PipCopy(
        root=package.parent,
        version=version[1],
        oldest_python=(int(oldest[1]), int(oldest[2])),
    )


def ask(python: Path, environ: Mapping[str, str]) -> Statement:
    """Starts an interpreter to ask it what it is. Raises UnsupportedPipError if it does not
    start, or gives no answer in time."""
    try:
        asked = subprocess.run(
            [python, "-c", _PROBE],
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=PROBE_TIMEOUT_SECONDS,
            check=True,
        )
        version, prefix, base_prefix, executable, pip_origin = ast.literal_eval(
            asked.stdout.decode("ascii").splitlines()[-1]
        )
    except (OSError, subprocess.SubprocessError, ValueError, SyntaxError, IndexError) as error:
        raise _not_started(python) from error
    return Statement(
        version=version,
        prefix=Path(prefix),
        base_prefix=Path(base_prefix),
        executable=executable,
        pip_origin=pip_origin,
    )


def _not_started(python: Path) -> UnsupportedPipError:
    return UnsupportedPipError(
        f"{python} does not start, or is older than Python 3.",
        hint=f"Check that '{python} --version' works.",
    )


def _is_own(python: Path) -> bool:
    return bool(sys.executable) and _is_same_python(python, Path(sys.executable))


def _is_same_python(first: Path, second: Path) -> bool:
    """Two names in one folder for one file, such as python and python3. The same file elsewhere
    can be another environment."""
    try:
        return first.parent == second.parent and first.samefile(second)
    except OSError:
        return False


def python_of_environment(prefix: Path) -> Path | None:
    candidates = (prefix / "bin" / "python", prefix / "Scripts" / "python.exe")
    return next((path for path in candidates if path.exists()), None)


def _python_of_script(script: Path) -> Path | None:
    """The interpreter of a ``pip`` script: its first line, or else its neighbour.

    A neighbour is right for pip.exe in Scripts and for the shims of version switchers.
    """
    try:
        with script.open("rb") as file:
            head = file.read(1024).decode("utf-8", errors="replace")
    except OSError:
        return None
    # The second form is what installers write for paths too long for a first line:
    # #!/bin/sh
    # '''exec' "/long path/bin/python" "$0" "$@"
    for pattern in (r"#!\s*(\S*/python[\d.]*)\s*$", r"'''exec' \"?([^\"\n]*?/python[\d.]*)\"? "):
        if (found := re.search(pattern, head, re.MULTILINE)) and Path(found[1]).exists():
            return Path(found[1])
    folders = (script.parent, script.parent.parent)
    names = ("python.exe",) if os.name == "nt" else ("python3", "python")
    candidates = (folder / name for folder in folders for name in names)
    return next((path for path in candidates if path.is_file()), None)
