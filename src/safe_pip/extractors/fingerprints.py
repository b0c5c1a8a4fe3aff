"""Fingerprints of Python text that survive formatting: by which a copy is known.

Everything works on *squeezed* bytes: no lines of comment, no white space, one kind of quote, no
trailing commas. Nothing is parsed, so every file of a distribution can be looked at.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

GRAM_BYTES = 32
"""A gram is this many squeezed bytes, about one line of code."""
GRAM_BOUND = 1 << 28
"""Grams with digests below are kept: one in sixteen (min-hash with a fixed bound)."""
DIGEST_BITS = 24
PATH_BITS = 16
MIN_FILE_BYTES = 60
MIN_ROOT_CHARS = 3
_PIECE_BYTES = 1 << 18

_COMMENT_LINE = re.compile(rb"\n[ \t]*#[^\n]*")
_QUOTES = bytes.maketrans(b"'", b'"')
_WHITE_SPACE = b" \t\r\n\f\v\\"
_TRAILING_COMMAS = ((b",)", b")"), (b",]", b"]"), (b",}", b"}"))

# Any fixed odd numbers do; they are part of the format of the shipped index.
_MULTIPLIER = 0x9E3779B1
_FINAL = np.uint32(0x85EBCA6B)
_BYTE_VALUES = np.array(
    [zlib.crc32(bytes((value, 0x5A))) for value in range(256)], dtype=np.uint32
)  # fmt: skip
_STEPS = tuple((width, np.uint32(pow(_MULTIPLIER, width, 1 << 32))) for width in (1, 2, 4, 8, 16))


def squeezed(data: bytes) -> bytes:
    """The bytes of a source without what formatters and commentators change."""
    if b"#" in data:
        data = _COMMENT_LINE.sub(b"", b"\n" + data)
    data = data.translate(_QUOTES, _WHITE_SPACE)
    for written, plain in _TRAILING_COMMAS:
        data = data.replace(written, plain)
    return data


def without_names(text: bytes, names: Iterable[str]) -> bytes:
    """Squeezed text without the names of packages, so that a renamed copy stays the same."""
    for name in sorted(names, key=lambda name: (-len(name), name)):
        if len(name) >= MIN_ROOT_CHARS:
            text = text.replace(name.encode(), b"")
    return text


def gram_digests(text: bytes) -> NDArray[np.uint32]:
    """The distinct kept digests of a squeezed text's grams, sorted."""
    # In pieces, whose grams are the text's: the arrays take ten times the text.
    pieces = [
        _kept_digests(text[start : start + _PIECE_BYTES + GRAM_BYTES - 1])
        for start in range(0, len(text) - GRAM_BYTES + 1, _PIECE_BYTES)
    ]
    return np.unique(np.concatenate([np.zeros(0, dtype=np.uint32), *pieces]))


def _kept_digests(piece: bytes) -> NDArray[np.uint32]:
    values = _BYTE_VALUES[np.frombuffer(piece, dtype=np.uint8)]
    for width, power in _STEPS:
        values = values[:-width] * power + values[width:]
    values *= _FINAL
    return values[values < GRAM_BOUND]


def text_digest(text: bytes) -> int:
    """DIGEST_BITS bits of a squeezed text."""
    return zlib.crc32(text) >> (32 - DIGEST_BITS)


def path_digest(path: str) -> int:
    """PATH_BITS bits of a path below a package's own folder."""
    return zlib.crc32(path.encode(errors="replace")) >> (32 - PATH_BITS)


_ACT = re.compile(
    rb"\b(?:exec|execfile|eval|compile|__import__|import_module|getattr|globals)\s*\("
    rb"|\b(?:urlopen|urlretrieve|Request|request|get|post|put|patch|send\w*|connect|Popen"
    rb"|system|popen|run|call|check_\w+|spawn\w*|startfile|fork|create_connection)\s*\("
    rb"|\b(?:subprocess|socket|requests|httpx|aiohttp|urllib\d?|ctypes|marshal|pickle|winreg"
    rb"|pty|environ|getenv|ftplib|smtplib|paramiko|keyring|expanduser)\b"
    rb"|\b(?:b(?:16|32|64|85)|a85|urlsafe_b64)decode|fromhex|unhexlify|decompress|decrypt|://"
)
_COMMENT = re.compile(rb"\s#")
_MIN_ACT_BYTES = 6


def may_act(line: bytes) -> bool:
    """Whether a line holds a word by which code acts on the world or on itself."""
    return _ACT.search(line) is not None


def act_lines(data: bytes) -> Iterator[bytes]:
    """The lines of a source that may act, as they stand."""
    return (line for line in set(data.splitlines()) if _ACT.search(line))


def line_digest(line: bytes, names: Iterable[str]) -> int | None:
    """The digest of a line, without indent and trailing comment; None for next to nothing."""
    # A hash before the last quote may stand in a string.
    comment = _COMMENT.search(line, max(line.rfind(b'"'), line.rfind(b"'")) + 1)
    code = line[: comment.start()] if comment else line
    text = without_names(squeezed(code), names)
    return text_digest(text) if len(text) >= _MIN_ACT_BYTES else None
