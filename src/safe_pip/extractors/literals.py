"""String and bytes literals: as they are written, and as the code computes them."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from safe_pip.evidence import Surface
from safe_pip.extractors.late_regex import late_regex
from safe_pip.extractors.segments import StringToken
from safe_pip.extractors.unit import FoldedLiteral

MIN_ESCAPES = 12
MIN_DISTINCT_LETTERS = 6


@dataclass(slots=True, kw_only=True)
class Literal:
    """A literal's value as text; bytes stand as Latin-1. ``is_folded`` says that the code computes
    it; ``is_statement`` holds for docstrings; ``surface`` is where it is used;
    ``n_needless_escapes`` counts the printable letters that it writes as numbers. As with
    ``Value``, nothing changes one."""

    text: str
    line: int
    surface: Surface = Surface.OTHER
    is_bytes: bool = False
    is_folded: bool = False
    is_statement: bool = False
    n_needless_escapes: int = 0


def written_literal(token: StringToken, *, line: int, surface: Surface) -> Literal:
    """The literal that a token stands for."""
    if "\\" not in token.body:
        # Nine of ten: as written, and without escapes to count.
        return Literal(
            text=token.body,
            line=line,
            surface=surface,
            is_bytes="b" in token.prefix,
            is_statement=token.is_statement,
        )
    return Literal(
        text=_unescaped(token),
        line=line,
        surface=surface,
        is_bytes="b" in token.prefix,
        is_statement=token.is_statement,
        n_needless_escapes=count_needless_escapes(token),
    )


def folded_literal(found: FoldedLiteral) -> Literal:
    """The literal that constant folding found."""
    return Literal(
        text=text_of(found),
        line=found.line,
        surface=found.surface,
        is_bytes=isinstance(found.value, bytes),
        is_folded=found.is_folded,
        is_statement=found.is_docstring,
    )


def text_of(found: FoldedLiteral) -> str:
    """The value as text; bytes stand as Latin-1."""
    return found.value.decode("latin-1") if isinstance(found.value, bytes) else found.value


class SpokenText:
    """All literals but docstrings, which only explain, joined by line feeds."""

    def __init__(self, literals: Iterable[Literal]) -> None:
        self.literals = [literal for literal in literals if not literal.is_statement]
        self.text = "\n".join([literal.text for literal in self.literals])
        self.lowered = self.text.lower()

    @cached_property
    def starts(self) -> Sequence[int]:
        """Where each literal begins, and where one more would."""
        lengths = (len(literal.text) + 1 for literal in self.literals)
        return list(itertools.accumulate(lengths, initial=0))


_ESCAPE = late_regex(
    r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{1,3})|\n|(.))", re.DOTALL
)
_LETTER_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", "a": "\a", "b": "\b", "f": "\f"}


def _unescaped(token: StringToken) -> str:
    """The value of a token, as far as a pattern can tell; named characters stay as they are."""
    if "\\" not in token.body or "r" in token.prefix:
        return token.body
    return _ESCAPE.sub(_escaped_letter, token.body)


def _escaped_letter(match: re.Match[str]) -> str:
    group = match.lastindex
    if group is None:  # a line that goes on
        return ""
    if group == 5:
        letter = match.group(5)
        return _LETTER_ESCAPES.get(letter, letter)
    code = int(match.group(group), 8 if group == 4 else 16)
    return chr(code) if code < 0x110000 else "?"


_NUMERIC_ESCAPE = late_regex(r"\\(?:x[0-9a-fA-F]{2}|[0-7]{1,3}|u00[0-9a-fA-F]{2})")


def count_needless_escapes(token: StringToken) -> int:
    """How many letters a token writes as numbers, if most of it is written so and is text.

    Binary data is written so too, but is not text; a few escapes in a text have honest reasons.
    """
    body = token.body
    if body.count("\\") < MIN_ESCAPES or "r" in token.prefix:
        return 0
    n_escapes = len(_NUMERIC_ESCAPE.findall(body))
    value = _unescaped(token)[:10_000]
    n_printable = sum(" " <= letter <= "~" for letter in value)
    is_text = n_printable >= 0.95 * len(value) and len(set(value)) >= MIN_DISTINCT_LETTERS
    return n_escapes if is_text and n_escapes >= max(MIN_ESCAPES, 0.3 * len(value)) else 0
