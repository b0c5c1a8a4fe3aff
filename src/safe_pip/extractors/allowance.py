"""Allowance: how much one distribution may make us do.

Each file is granted a little, however much the others have used up, and all share the rest: no
file can use up what it takes to read another.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

FUEL_PER_UNIT = 100_000
# A command is a whole application, which runs when somebody asks for it.
FUEL_PER_COMMAND = 15_000
FUEL_PER_OUTLINE = 3_000
SHARED_FUEL = 150_000
GRANTED_FUEL = 1_000
SHARED_OUTLINE_CHARS = 1 << 20
GRANTED_OUTLINE_CHARS = 16 << 10


class Allowance:
    """``fuel`` is a number of expressions to evaluate; text is that of outlines, in characters."""

    def __init__(self) -> None:
        self._shared_fuel = SHARED_FUEL
        self._granted_chars = 0
        self._shared_chars = SHARED_OUTLINE_CHARS

    @contextmanager
    def granted(self) -> Iterator[None]:
        """While a file is read that nothing was read for yet."""
        outer, self._granted_chars = self._granted_chars, GRANTED_OUTLINE_CHARS
        try:
            yield
        finally:
            self._granted_chars = outer

    def fuel(self, at_most: int = FUEL_PER_UNIT) -> int:
        """What the next run may use; ``spend`` says how much it did."""
        return max(min(at_most, self._shared_fuel), GRANTED_FUEL)

    def spend(self, fuel: int) -> None:
        self._shared_fuel -= fuel

    def may_read(self, n_chars: int) -> bool:
        """Whether that much text of an outline may be read, which counts as read then."""
        if n_chars <= self._granted_chars:
            self._granted_chars -= n_chars
        elif n_chars <= self._shared_chars:
            self._shared_chars -= n_chars
        else:
            return False
        return True
