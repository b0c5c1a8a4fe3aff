"""Where the strings and comments of a Python source are, without a parser.

Good enough for statistics on any source, parsable or not, at the speed of a few searches. An
f-string that nests its own quotes is cut short; the next line starts afresh.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

WINDOW_CHARS = 120
MIN_STATEMENT_CHARS = 20

_OPENING = re.compile(
    r"""\#[^\n]*|\"\"\"|'''|"[^"\\\n]*"|'[^'\\\n]*'|["']""",
)
_STOPS = {quote: re.compile(rf"[\\\n{quote}]") for quote in "'\""}
_PREFIX = re.compile(r"[A-Za-z]{0,2}\Z")


class StringToken(NamedTuple):
    """One string literal as it is written: ``start`` is before its prefix letters, ``body`` is
    what stands between the quotes. ``is_statement`` says that it is a statement of its own, as
    docstrings are; short ones are not asked."""

    start: int
    prefix: str
    body: str
    is_statement: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Segments:
    """``code`` is the source with strings filled with their quote and comments with ``#``, so that
    only code is left to read: same length, same lines."""

    strings: tuple[StringToken, ...]
    n_comment_chars: int
    code: str


def segment(source: str) -> Segments:
    """Split a source; time is linear in its length."""
    strings: list[StringToken] = []
    pieces: list[str] = []
    n_comment_chars = position = 0
    while (opening := _OPENING.search(source, position)) is not None:
        start, token = opening.start(), opening.group()
        pieces.append(source[position:start])
        if token[0] == "#":
            position = opening.end()
            n_comment_chars += len(token)
        else:
            body_start, body_end, position = _string_bounds(source, opening)
            prefix = _prefix_before(source, start) if source[start - 1 : start].isalpha() else ""
            start_with_prefix = start - len(prefix)
            strings.append(
                StringToken(
                    start_with_prefix,
                    prefix,
                    source[body_start:body_end],
                    (len(token) == 3 or body_end - body_start >= MIN_STATEMENT_CHARS)
                    and _is_alone(
                        source[max(0, start - WINDOW_CHARS) : start_with_prefix],
                        source[position : position + WINDOW_CHARS],
                    ),
                )
            )
        pieces.append(_filled(source[start:position], token[0]))
    pieces.append(source[position:])
    return Segments(strings=tuple(strings), n_comment_chars=n_comment_chars, code="".join(pieces))


def _filled(text: str, letter: str) -> str:
    if "\n" not in text:
        return letter * len(text)
    return "\n".join(letter * len(line) for line in text.split("\n"))


def _string_bounds(source: str, opening: re.Match[str]) -> tuple[int, int, int]:
    """Start and end of the body, and the end of the whole literal."""
    token, start = opening.group(), opening.start()
    if token in ('"""', "'''"):
        end = _closing_triple(source, opening.end(), token)
        return opening.end(), end, min(end + 3, len(source))
    if len(token) > 1:
        return start + 1, opening.end() - 1, opening.end()
    end = _closing_single(source, opening.end(), token)
    return opening.end(), end, min(end + 1, len(source))


def _closing_triple(source: str, position: int, quotes: str) -> int:
    while (end := source.find(quotes, position)) >= 0:
        backslashes = end
        while backslashes > position and source[backslashes - 1] == "\\":
            backslashes -= 1
        if (end - backslashes) % 2 == 0:
            return end
        position = end + 1
    return len(source)


def _closing_single(source: str, position: int, quote: str) -> int:
    stop = _STOPS[quote]
    while (found := stop.search(source, position)) is not None:
        if found.group() != "\\":
            return found.start()
        position = found.end() + 1
    return len(source)


def _prefix_before(source: str, start: int) -> str:
    match = _PREFIX.search(source[max(0, start - 2) : start])
    letters = match.group() if match else ""
    before = source[start - len(letters) - 1 : start - len(letters)]
    is_prefix = not (before.isalnum() or before == "_") and set(letters.lower()) <= set("rbfut")
    return letters.lower() if is_prefix else ""


def _is_alone(before: str, after: str) -> bool:
    """Whether a literal has a line for itself, as far as a window on both sides shows."""
    rest = after.partition("\n")[0].strip()
    return not before.rpartition("\n")[2].strip() and (not rest or rest[0] in "#;")
