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

# Every branch begins with a letter of its own, which a search finds four times faster. The empty
# groups tell what is left open: a comment or a whole string has none.
_OPENING = re.compile(
    r"""\#[^\n]*|\"\"\"()|'''()|"[^"\\\n]*"|'[^'\\\n]*'|"()|'()""",
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
    new_token = tuple.__new__  # what a named tuple's own does, in half the time
    n_comment_chars = position = 0
    is_cut = True
    while is_cut:
        # A search goes on by itself until a string is left open.
        is_cut = False
        for opening in _OPENING.finditer(source, position):
            start, end = opening.span()
            pieces.append(source[position:start])
            letter = source[start]
            if letter == "#":
                position = end
                n_comment_chars += end - start
                pieces.append(letter * (end - start))
                continue
            if opening.lastindex is None:
                body_start, body_end, position = start + 1, end - 1, end
                pieces.append(letter * (end - start))
            else:
                is_cut = True
                body_start, body_end, position = _string_bounds(source, start, end)
                pieces.append(_filled(source[start:position], letter))
            # At the very beginning this asks the last letter; no prefix stands there either way.
            prefix = _prefix_before(source, start) if source[start - 1].isalpha() else ""
            is_statement = (
                end - start == 3 or body_end - body_start >= MIN_STATEMENT_CHARS
            ) and _is_alone(source, start, position, n_prefix=len(prefix))
            token = (start - len(prefix), prefix, source[body_start:body_end], is_statement)
            strings.append(new_token(StringToken, token))
            if is_cut:
                break
    pieces.append(source[position:])
    return Segments(strings=tuple(strings), n_comment_chars=n_comment_chars, code="".join(pieces))


def _filled(text: str, letter: str) -> str:
    if "\n" not in text:
        return letter * len(text)
    return "\n".join(letter * len(line) for line in text.split("\n"))


def _string_bounds(source: str, start: int, end: int) -> tuple[int, int, int]:
    """Start and end of the body, and the end of the whole literal, where only the opening quotes
    are known."""
    if end - start == 3:
        body_end = _closing_triple(source, end, source[start:end])
        return end, body_end, min(body_end + 3, len(source))
    body_end = _closing_single(source, end, source[start])
    return end, body_end, min(body_end + 1, len(source))


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


def _is_alone(source: str, start: int, end: int, *, n_prefix: int) -> bool:
    """Whether a literal has a line for itself, as far as a window on both sides shows."""
    begin = start - n_prefix
    if begin and not source[begin - 1].isspace():
        return False
    before = source[max(0, start - WINDOW_CHARS) : begin]
    if before.rpartition("\n")[2].strip():
        return False
    rest = source[end : end + WINDOW_CHARS].partition("\n")[0].strip()
    return not rest or rest[0] in "#;"
