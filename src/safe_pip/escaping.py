"""Escaping: hostile text as what it is, with nothing in it that acts on a terminal or an eye."""

from __future__ import annotations

import unicodedata

# Control, format (bidi overrides, zero-width), surrogate, private use, unassigned, line and
# paragraph separators: nothing of these is needed to read a file name or a line of code.
_UNSHOWABLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def escaped(text: str, *, max_chars: int = 400) -> str:
    """One line in which every unshowable character is written as its Python escape."""
    shown = "".join(map(_showable, text[:max_chars]))
    return f"{shown}…" if len(text) > max_chars else shown


def _showable(character: str) -> str:
    if character.isascii() and character.isprintable():
        return character
    category = unicodedata.category(character)
    # A combining mark changes the character before it, and a thousand of them cover the screen.
    if category in _UNSHOWABLE or category.startswith("M"):
        return character.encode("unicode_escape").decode("ascii")
    # Every other kind of space looks like the plain one, and is not.
    return " " if category == "Zs" else character
