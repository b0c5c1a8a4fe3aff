"""The tripwire: notices a Python process that pip starts where the gate has not been.

Child side: standard library only, Python 3.8 and newer.
"""

# pip's paths are text, and so are ours on its side.
# ruff: noqa: PTH109, PTH119
from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

_FORBIDDEN = frozenset(["os.exec", "os.spawn", "os.system", "pty.spawn"])
_EXAMINED = frozenset(["subprocess.Popen", "os.posix_spawn"])
_PYTHON = re.compile(r"(python|pypy)[\d.]*[a-z]{0,2}(\.exe)?\Z", re.IGNORECASE)
# packaging.tags asks a clean interpreter for the version of macOS.
_MAC_VERSION = ["-sS", "-c", "import platform; print(platform.mac_ver()[0])"]


class Tripwire:
    """An audit hook. Nothing should ever trip it: it is there for a way around the hooks that a
    later pip might open. pip itself uses none of the forbidden calls."""

    def __init__(self, runner: str) -> None:
        self._runner = runner
        self.approved_folders: set[str] = set()
        self.trip: Callable[[str], NoReturn] = _forbid

    def __call__(self, event: str, arguments: Sequence[Any]) -> None:
        if event in _FORBIDDEN:
            self.trip(f"safe-pip does not let pip use {event}.")
        # Popen raises its own event and then, from Python 3.13, mostly the other one as well.
        if event in _EXAMINED:
            folder = arguments[2] if event == "subprocess.Popen" else None
            self._examine(arguments[0], arguments[1], folder)

    def _examine(self, executable: Any, arguments: Any, folder: Any) -> None:
        if isinstance(arguments, (str, bytes)):
            words = _split(os.fsdecode(arguments))
        else:
            words = [os.fsdecode(word) for word in arguments]
        programs = words[:1] if executable is None else [os.fsdecode(executable), *words[:1]]
        if not any(_is_python(program) for program in programs) or words[1:] == _MAC_VERSION:
            return
        script = next((word for word in words[1:] if not word.startswith("-")), "")
        if script != self._runner and not self._is_approved(folder):
            self.trip("safe-pip does not let pip start Python where it was not inspected.")

    def _is_approved(self, folder: Any) -> bool:
        here = os.path.realpath(os.fsdecode(folder) if folder is not None else os.getcwd())
        return any(
            here == approved or here.startswith(approved + os.sep)
            for approved in self.approved_folders
        )


def _forbid(reason: str) -> NoReturn:
    raise PermissionError(reason)


def _is_python(program: str) -> bool:
    return program == sys.executable or bool(_PYTHON.match(os.path.basename(program)))


def _split(command_line: str) -> list[str]:
    """The words of a Windows command line as subprocess joins them; pip passes lists, so no
    word of ours holds a quotation mark."""
    return [quoted or plain for quoted, plain in re.findall(r'"([^"]*)"|(\S+)', command_line)]
