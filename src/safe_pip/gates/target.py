"""The target: the interpreter that pip installs into, and the copy of pip that does it."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from packaging.version import InvalidVersion, Version

from safe_pip.errors import UnsupportedPipError
from safe_pip.gates.interpreter import (
    Interpreter,
    PipCopy,
    describe,
    find_python,
    own_pip,
)

# 25.3 knows only PEP 517 builds and has the fix for CVE-2025-8869 (links in tar archives).
OLDEST_PREFERRED_PIP = Version("25.3")
# Older ones have no get_runnable_pip, so that nested pips would not be guarded.
OLDEST_PIP = Version("22.3")
NEWEST_TESTED_PIP = Version("26.3")
OLDEST_PYTHON = (3, 8)


class PipSource(enum.Enum):
    """Whose copy of pip runs. The values are the words shown to people."""

    OWN = "safe-pip's own"
    TARGET = "the target's own"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What the gate starts, and why it is that."""

    python: Path
    python_version: tuple[int, int, int]
    prefix: Path
    is_virtual_environment: bool
    pip_source: PipSource
    pip_root: Path
    pip_version: str
    chosen_by: str
    site_folders: tuple[Path, ...] = ()

    @property
    def is_newer_than_tested(self) -> bool:
        return Version(self.pip_version) > NEWEST_TESTED_PIP


def choose_target(
    *,
    environ: Mapping[str, str],
    python: Path | None = None,
    pip_source: PipSource | None = None,
) -> Target:
    """Where plain pip would install, and with which pip we do it.

    ``python`` and ``pip_source`` override the choice. Raises UnsupportedPipError if no copy of
    pip can both run there and be guarded.
    """
    if python is None:
        choice = find_python(environ)
        python, chosen_by = choice.python, choice.chosen_by
    else:
        chosen_by = "named by the caller"
    return target_in(describe(python, environ), chosen_by=chosen_by, pip_source=pip_source)


def target_in(
    interpreter: Interpreter, *, chosen_by: str, pip_source: PipSource | None = None
) -> Target:
    """With the pip that is chosen for it. Raises UnsupportedPipError if there is none."""
    source, pip = choose_pip(interpreter, own_pip(), pip_source)
    return Target(
        python=interpreter.python,
        python_version=interpreter.version,
        prefix=interpreter.prefix,
        is_virtual_environment=interpreter.is_virtual_environment,
        pip_source=source,
        pip_root=pip.root,
        pip_version=pip.version,
        chosen_by=chosen_by,
        site_folders=interpreter.site_folders,
    )


def choose_pip(
    interpreter: Interpreter, own: PipCopy | None, forced: PipSource | None
) -> tuple[PipSource, PipCopy]:
    """The rules, in order: the target's if it is recent and tested; ours if it runs there; the
    target's if it can be guarded at all."""
    theirs = interpreter.pip
    if interpreter.version[:2] < OLDEST_PYTHON:
        raise UnsupportedPipError(
            f"Python {_dotted(interpreter.version)} at {interpreter.python} is too old.",
            hint="safe-pip installs into Python 3.8 and newer.",
        )
    preferred = theirs is not None and _is_between(theirs, OLDEST_PREFERRED_PIP, NEWEST_TESTED_PIP)
    guardable = theirs is not None and _is_between(theirs, OLDEST_PIP, NEWEST_TESTED_PIP)
    own_runs = own is not None and interpreter.version[:2] >= own.oldest_python
    fits = preferred or (guardable and forced is PipSource.TARGET)
    if theirs is not None and fits and forced is not PipSource.OWN:
        return PipSource.TARGET, theirs
    if own is not None and own_runs and forced is not PipSource.TARGET:
        return PipSource.OWN, own
    if theirs is not None and guardable and forced is not PipSource.OWN:
        return PipSource.TARGET, theirs
    raise UnsupportedPipError(
        f"No pip that can be guarded runs on Python {_dotted(interpreter.version)} at "
        f"{interpreter.python}: {_state(theirs, own)}.",
        hint=f"Run '{interpreter.python} -m pip install --upgrade pip', or use a newer Python.",
    )


def _is_between(pip: PipCopy, oldest: Version, newest: Version) -> bool:
    try:
        return oldest <= Version(pip.version) <= newest
    except InvalidVersion:
        return False


def _state(theirs: PipCopy | None, own: PipCopy | None) -> str:
    has = f"it has pip {theirs.version}" if theirs else "it has no pip that we know"
    if own is None:
        return f"{has}, and safe-pip's own is missing"
    oldest = _dotted(own.oldest_python)
    return f"{has}, and safe-pip's own pip {own.version} needs Python {oldest}"


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
