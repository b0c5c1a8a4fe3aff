"""Desk: shows a person what was decided, and asks where the policy says so."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from safe_pip.escaping import escaped

if TYPE_CHECKING:
    from rich.console import Console

    from safe_pip.policy.rules import Decision
    from safe_pip.terminal.panel import Says

ALL_PLACES = 1000


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


class TerminalDesk:
    """The desk of a review (review.Desk). ``keyboard`` is None when nobody is to be asked.

    rich is imported only when there is something to show: it takes 50 to 80 ms.
    """

    def __init__(
        self, *, stderr: TextIO, keyboard: OpenKeyboard | None, says: Says, is_quiet: bool = False
    ) -> None:
        self._stderr = stderr
        self._keyboard = keyboard
        self._says = says
        self._is_quiet = is_quiet

    @property
    def is_attended(self) -> bool:
        return self._keyboard is not None

    def show_slow(self, filenames: Sequence[str]) -> None:
        if self._is_quiet or not filenames:
            return
        first = escaped(filenames[0], max_chars=60)
        others = f" and {len(filenames) - 1} more" if len(filenames) > 1 else ""
        print(f"safe-pip: still inspecting {first}{others} …", file=self._stderr, flush=True)

    def show_blocked(self, decisions: Sequence[Decision]) -> None:
        self._print_panels(_console(self._stderr), decisions)

    def ask(self, decisions: Sequence[Decision]) -> bool:
        """Show the findings and ask once; no terminal, no answer or an unclear one is no."""
        if self._keyboard is None:
            return False
        try:
            with self._keyboard() as keyboard:
                return self._ask(keyboard, decisions)
        except OSError:
            return False

    def _ask(self, keyboard: Keyboard, decisions: Sequence[Decision]) -> bool:
        # Whoever answers must see what about, even if stderr goes to a file.
        shown_on = self._stderr if self._stderr.isatty() else keyboard.writing
        console = _console(shown_on)
        self._print_panels(console, decisions)
        while True:
            _forget_typed_ahead(keyboard.reading)
            print(_question(decisions), end="", file=keyboard.writing, flush=True)
            line = keyboard.reading.readline()
            if not line.endswith("\n"):
                print(file=keyboard.writing, flush=True)
            if line.strip().lower() not in ("d", "details"):
                return line.strip().lower() in ("y", "yes")
            self._print_panels(console, decisions, max_places=ALL_PLACES)

    def _print_panels(
        self, console: Console, decisions: Sequence[Decision], *, max_places: int | None = None
    ) -> None:
        from safe_pip.terminal.panel import FEW_PLACES, print_panel

        for decision in decisions:
            print_panel(console, decision, says=self._says, max_places=max_places or FEW_PLACES)


def _console(stream: TextIO) -> Console:
    from rich.console import Console

    # No highlighting: colours would be guessed from hostile text.
    return Console(file=stream, highlight=False, markup=False, emoji=False)


def _question(decisions: Sequence[Decision]) -> str:
    these = "this artifact" if len(decisions) == 1 else f"these {len(decisions)} artifacts"
    return f"safe-pip: let {these} pass? [y]es, [N]o, [d]etails: "


def _forget_typed_ahead(reading: TextIO) -> None:
    """What was typed before the question was shown is not an answer to it."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import termios

        termios.tcflush(reading.fileno(), termios.TCIFLUSH)
