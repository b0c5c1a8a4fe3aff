"""Keyboard: the terminal itself, and a way to read from it that can be given up."""

from __future__ import annotations

import contextlib
import os
import select
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

# How soon a question that nobody waits for any more is taken back.
POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyboard:
    """The terminal itself, whatever the standard streams are connected to."""

    reading: TextIO
    writing: TextIO


OpenKeyboard = Callable[[], AbstractContextManager[Keyboard]]


@contextlib.contextmanager
def open_keyboard() -> Iterator[Keyboard]:
    """Raises OSError where there is no terminal."""
    names = ("CONIN$", "CONOUT$") if os.name == "nt" else ("/dev/tty", "/dev/tty")
    with (
        Path(names[0]).open(encoding="utf-8", errors="replace") as reading,
        Path(names[1]).open("w", encoding="utf-8", errors="backslashreplace") as writing,
    ):
        yield Keyboard(reading=reading, writing=writing)


def read_line(reading: TextIO, *, is_moot: Callable[[], bool]) -> str | None:
    """The next line that is typed (empty at the end of the input), or None once ``is_moot``.

    A plain ``readline`` would wait for ever: no signal ends it, and whoever was asked would be
    left with a question of a program that is gone.
    """
    while not is_moot():
        if _can_be_read(reading, timeout_seconds=POLL_SECONDS):
            return reading.readline()
    return None


def forget_typed_ahead(reading: TextIO) -> None:
    """What was typed before a question was shown is not an answer to it."""
    if not reading.isatty():
        return
    with contextlib.suppress(ImportError):  # Windows has none.
        import termios

        termios.tcflush(reading.fileno(), termios.TCIFLUSH)


def _can_be_read(reading: TextIO, *, timeout_seconds: float) -> bool:
    """Whether a line is there, or the end of the input, within that time."""
    if sys.platform == "win32":
        import msvcrt

        # Consoles cannot be waited for. From the first key on, the line is waited for.
        if not msvcrt.kbhit():
            time.sleep(timeout_seconds)
        return msvcrt.kbhit()
    # A terminal gives its lines whole, so that nothing is left in Python's buffer.
    return bool(select.select([reading], [], [], timeout_seconds)[0])
