"""Decoded: what a literal in a line of code says, for the eye; nothing is run and one layer is
taken off."""

from __future__ import annotations

import base64
import binascii
import re

# Shorter ones decode to something readable by chance.
_LITERAL = re.compile(r"""["']([A-Za-z0-9+/_-]{12,}={0,2})""")
_ESCAPED = re.compile(r"(?:\\x[0-9A-Fa-f]{2}){4,}")
_HEX = re.compile(r"[0-9A-Fa-f]+")
MAX_CHARS = 200


def decoded_literal(excerpt: str) -> str | None:
    """The text in the first literal of ``excerpt`` that is base64, hexadecimal or escapes of
    readable text, or None. The excerpt may be cut; the text is hostile and not escaped."""
    for match in _ESCAPED.finditer(excerpt):
        if text := _readable(bytes.fromhex(match[0].replace("\\x", ""))):
            return text
    for match in _LITERAL.finditer(excerpt):
        literal = match[1]
        if _HEX.fullmatch(literal):
            found = _readable(bytes.fromhex(literal[: len(literal) // 2 * 2]))
        else:
            found = _readable(_from_base64(literal))
        if found:
            return found
    return None


def _from_base64(literal: str) -> bytes:
    # What was cut off in the middle of a group of four is not missed.
    whole = literal[: len(literal) // 4 * 4].translate(str.maketrans("-_", "+/"))
    try:
        return base64.b64decode(whole, validate=True)
    except binascii.Error:
        return b""


def _readable(content: bytes) -> str | None:
    """ASCII text without control characters; identifiers alone decode to nothing like it."""
    text = content.decode("ascii", errors="replace")[:MAX_CHARS]
    is_readable = all(character.isprintable() or character in "\r\n\t" for character in text)
    return text.strip() or None if is_readable and "�" not in text else None
