"""Desk: shows a person what was decided, and asks where the policy says so."""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TextIO

from safe_pip.escaping import escaped
from safe_pip.terminal.keyboard import Keyboard, OpenKeyboard, forget_typed_ahead, read_line

if TYPE_CHECKING:
    from rich.console import Console

    from safe_pip.policy.rules import Decision
    from safe_pip.terminal.sentences import Says


class Reply(enum.Enum):
    """What came of a question."""

    YES = "yes"
    NO = "no"
    WITHDRAWN = "withdrawn: nobody waited for the answer any more"


class TerminalDesk:
    """The desk of a review (review.Desk). ``keyboard`` is None when nobody is to be asked.

    rich is imported only when there is something to show: it takes 50 to 80 ms.
    """

    def __init__(
        self,
        *,
        stderr: TextIO,
        keyboard: OpenKeyboard | None,
        says: Says,
        is_quiet: bool = False,
        is_plain: bool = False,
    ) -> None:
        self._stderr = stderr
        self._keyboard = keyboard
        self._says = says
        self._is_quiet = is_quiet
        self._is_plain = is_plain

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
        self._show(self._stderr, decisions)

    def show_reported(self, decisions: Sequence[Decision]) -> None:
        """A line each, also where little is to be said: these pass."""
        from safe_pip.policy.wording import conditional_outcome

        for decision in decisions:
            print(f"safe-pip: {conditional_outcome(decision)}", file=self._stderr, flush=True)

    def ask(self, decisions: Sequence[Decision], *, is_moot: Callable[[], bool]) -> Reply:
        """Show the findings and ask once; no terminal, no answer or an unclear one is no.

        The question is taken back as soon as ``is_moot``.
        """
        if self._keyboard is None:
            return Reply.NO
        try:
            with self._keyboard() as keyboard:
                return self._ask(keyboard, decisions, is_moot)
        except OSError:
            return Reply.NO

    def _ask(
        self, keyboard: Keyboard, decisions: Sequence[Decision], is_moot: Callable[[], bool]
    ) -> Reply:
        # Whoever answers must see what about, even if stderr goes to a file.
        shown_on = self._stderr if self._stderr.isatty() else keyboard.writing
        if is_moot():
            return Reply.WITHDRAWN
        self._show(shown_on, decisions)
        while True:
            forget_typed_ahead(keyboard.reading)
            print(self._question(decisions), end="", file=keyboard.writing, flush=True)
            line = read_line(keyboard.reading, is_moot=is_moot)
            if line is None:
                print("\nsafe-pip: the question is withdrawn", file=keyboard.writing, flush=True)
                return Reply.WITHDRAWN
            if not line.endswith("\n"):
                print(file=keyboard.writing, flush=True)
            match line.strip().lower():
                case "m" | "more":
                    self._show(shown_on, decisions, is_full=True)
                case "y" | "yes":
                    return Reply.YES
                case _:
                    return Reply.NO

    def _show(
        self, stream: TextIO, decisions: Sequence[Decision], *, is_full: bool = False
    ) -> None:
        if self._is_plain:
            from safe_pip.terminal.plain import plain_lines

            for decision in decisions:
                for line in plain_lines(decision, says=self._says, is_full=is_full):
                    print(line, file=stream)
                print(file=stream, flush=True)
            return
        from safe_pip.terminal.panel import print_panel

        console = _console(stream)
        for decision in decisions:
            print_panel(console, decision, says=self._says, is_full=is_full)

    def _question(self, decisions: Sequence[Decision]) -> str:
        these = "this artifact" if len(decisions) == 1 else f"these {len(decisions)} artifacts"
        if self._is_plain:
            return f"safe-pip: let {these} pass? Type y for yes, m for more, Enter for no: "
        return f"safe-pip: let {these} pass? [y]es, [N]o, [m]ore: "


def _console(stream: TextIO) -> Console:
    from rich.console import Console

    # No highlighting: colours would be guessed from hostile text.
    return Console(file=stream, highlight=False, markup=False, emoji=False)
