"""Encoded data in literals: what is certainly encoded, and what is worth an attempt."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal as OneOf

import numpy as np

from safe_pip.evidence import Surface
from safe_pip.extractors.late_regex import late_regex
from safe_pip.extractors.literals import MIN_ESCAPES, Literal

MIN_ENCODED_CHARS = 40
MIN_HEX_CHARS = 64
MIN_DECIMAL_CHARS = 400
MIN_SIGN_CHARS = 100
MIN_HINTED_CHARS = 16
Encoding = OneOf["base 64", "hexadecimal", "base 85", "binary", "numbers", "escapes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedPart:
    """Data that stands encoded in a literal. ``is_certain`` is false for what is only worth an
    attempt to decode; ``n_chars`` is its length as written."""

    data: bytes
    encoding: Encoding
    line: int
    surface: Surface
    n_chars: int
    is_certain: bool = True

    @property
    def n_undone(self) -> int:
        """Layers that reading the part has already undone."""
        return int(self.encoding in ("numbers", "escapes"))


def _classes(members: bytes) -> bytes:
    """A translation table: members become ``w``, all else a blank."""
    return bytes(ord("w") if byte in members else ord(" ") for byte in range(256))


_DIGITS = b"0123456789"
_LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_WORD_BYTES = _classes(_LETTERS + _DIGITS + b"+/=_-")
_SIGN_BYTES = _classes(bytes(range(0x21, 0x7F)))
_NUMBER_BYTES = _classes(_DIGITS + b", \n\txXabcdefABCDEF")


def may_hold_data(data: bytes) -> bool:
    """Whether a source holds a run of letters, of signs or of numbers as only data has, or many
    escapes. Few honest files do; asking takes a tenth of a full look."""
    return (
        _holds_encoded_word(data)
        or b"w" * MIN_SIGN_CHARS in data.translate(_SIGN_BYTES)
        or b"w" * MIN_LIST_CHARS in data.translate(_NUMBER_BYTES)
        or data.count(b"\\x") + data.count(b"\\1") >= MIN_ESCAPES
    )


def _holds_encoded_word(data: bytes) -> bool:
    """Whether some long word is certainly encoded; rulers and long names are not."""
    classes = data.translate(_WORD_BYTES)
    start = classes.find(b"w" * MIN_ENCODED_CHARS)
    while start >= 0:
        end = classes.find(b" ", start)
        word = data[start : end if end >= 0 else len(data)]
        if encoding_of(word.decode("latin-1")) is not None:
            return True
        start = classes.find(b"w" * MIN_ENCODED_CHARS, start + len(word))
    return False


_RUN = late_regex(rf"[A-Za-z0-9+/_=-]{{{MIN_HINTED_CHARS},}}")
_WRAPPED = late_regex(r"[A-Za-z0-9+/_=\s-]+")
_BASE85 = late_regex(r"[!-~]+")
_HASH_CHARS = frozenset((32, 40, 48, 56, 64, 96, 128))
_HASH_CHARS_BASE64 = frozenset((43, 44, 64, 86, 88))
# What "import", "from", "exec", "def", "class", "http", "print", "#!", "try:" begin with.
_HINT = late_regex(
    r"aW1wb3J0|ZnJvbS|ZXhlYy|ZGVmI|Y2xhc3|aHR0c|cHJpbnQ|IyEv|dHJ5O|aWYgX|cG93ZXJ|Y3VybC|d2dldC"
    r"|696d706f7274|68747470|65786563|66726f6d20"
)
# What is encoded for honest reasons: keys, certificates, tokens, pictures, fonts, digests.
_HONEST_START = late_regex(
    r"-----BEGIN|ssh-[a-z0-9]+ |ecdsa-|eyJ[A-Za-z0-9_-]+\.|AAAA[BCE][23]Nz|MII[A-Za-z0-9]"
    r"|sha\d{3}-|iVBORw0KGgo|R0lGOD|/9j/4|UklGR|AAABAA|d09GR|T1RUTw|AAEAAAA|PHN2Zy|PD94bWwg|JVBERi0"
)
_HONEST_LETTERS = frozenset("-/AJMPRTUdeis")
"""What all of these begin with."""

_DATA_URL = late_regex(
    r"data:(?:image|font|audio|video|application/(?:font|x-font|pdf))[^,]{0,80},"
)


def encoded_parts(literal: Literal) -> Iterator[EncodedPart]:
    """Encoded data in one literal: certain parts, and what is only worth an attempt."""
    text = literal.text
    if len(text) < MIN_HINTED_CHARS:
        return
    if literal.n_needless_escapes:
        yield _part(text, "escapes", literal)
    if literal.is_bytes and _is_binary(text):
        if len(text) >= MIN_ENCODED_CHARS:
            yield _part(text, "binary", literal, is_certain=is_random(text))
        return
    all_words = text.split()
    if max(map(len, all_words), default=0) < MIN_HINTED_CHARS:
        return
    words = [word for word in all_words if len(word) >= MIN_HINTED_CHARS]
    if _is_honest(text):
        yield _part(text, "base 64", literal, is_certain=False)
    elif len(words) > 1 and _is_wrapped(text, all_words):
        encoding = encoding_of(text)
        yield _part(text, encoding or "base 64", literal, is_certain=encoding is not None)
    else:
        for word in words:
            if len(word) >= MIN_ENCODED_CHARS:
                yield from _parts_of_word(word, literal)
            elif _is_hint(word):
                yield _part(word, "base 64", literal, is_certain=False)


def _parts_of_word(word: str, literal: Literal) -> Iterator[EncodedPart]:
    is_url = "://" in word
    is_found = False
    for run in _RUN.findall(word):
        encoding = None if is_url else encoding_of(run)
        if encoding is not None and not _is_honest(run):
            is_found = True
            yield _part(run, encoding, literal)
        elif (len(run) >= MIN_ENCODED_CHARS and not is_url) or _is_hint(run):
            yield _part(run, "base 64", literal, is_certain=False)
    if not is_found and not is_url and len(word) >= MIN_SIGN_CHARS and is_base85(word):
        yield _part(word, "base 85", literal)


def _part(
    text: str, encoding: Encoding, literal: Literal, *, is_certain: bool = True
) -> EncodedPart:
    return EncodedPart(
        data=text.encode("latin-1", errors="replace"),
        encoding=encoding,
        line=literal.line,
        surface=literal.surface,
        n_chars=len(text),
        is_certain=is_certain,
    )


def _is_hint(text: str) -> bool:
    """Whether code or an address may begin somewhere in an encoded text, or in its reverse."""
    # All hints hold a capital letter or a 6.
    if text.islower() and "6" not in text:
        return False
    return _HINT.search(text) is not None or _HINT.search(text[::-1]) is not None


def _is_wrapped(text: str, words: list[str]) -> bool:
    """Whether a text is data in lines of one alphabet and not a list of words."""
    return min(map(len, words[:-1])) >= MIN_ENCODED_CHARS and _WRAPPED.fullmatch(text) is not None


def _is_honest(text: str) -> bool:
    is_honest = text[:1] in _HONEST_LETTERS and _HONEST_START.match(text) is not None
    return is_honest or ("data:" in text and _DATA_URL.search(text[:400]) is not None)


def _is_binary(text: str) -> bool:
    sample = text[:400]
    n_odd = sum(not (" " <= letter <= "~" or letter in "\r\n\t") for letter in sample)
    return n_odd > 0.2 * len(sample)


def is_random(text: str) -> bool:
    """Whether bytes (as Latin-1) are as random as compressed or encrypted ones of their length.

    A table in which each byte stands once is more even than chance.
    """
    sample = text[:4_000]
    if len(sample) > 64 and len(set(sample)) == len(sample):
        return False
    return entropy(sample) > 0.92 * min(math.log2(max(len(sample), 2)), 8.0)


def encoding_of(run: str) -> Encoding | None:
    """The encoding that a long run of letters is certainly in, None for words and digests."""
    run = "".join(run.split())
    body = run.rstrip("=")
    if len(run) < MIN_ENCODED_CHARS:
        return None
    lowered = body.lower()
    if not lowered.strip("0123456789abcdef"):
        # Digits alone are a large number, as in the tables of a curve or a prime.
        min_chars = MIN_DECIMAL_CHARS if lowered.isdigit() else MIN_HEX_CHARS
        is_data = len(run) >= min_chars and len(run) not in _HASH_CHARS
        return "hexadecimal" if is_data and len(set(lowered)) > 6 else None
    if len(run) in _HASH_CHARS_BASE64:
        return None
    sample = body[:2_000]
    if sample.islower() or sample.isupper() or not any(map(str.isdigit, sample)):
        return None
    # Paths and identifiers have words: many separators, or few changes of case.
    n_separators = sum(map(sample.count, "/_-"))
    is_data = (
        n_separators <= 0.08 * len(sample)
        and entropy(sample) >= 4.3
        and _share_of_changes(sample[:400]) >= MIN_SHARE_OF_CHANGES
    )
    return "base 64" if is_data and not _is_ordered(sample) else None


# Random letters of base 64 change between capital, small and digit at 64 of 100 places; names in
# camel case, paths and identifiers at 10 to 30.
MIN_SHARE_OF_CHANGES = 0.42
_KINDS = bytes(
    ord("A" if chr(byte).isupper() else "a" if chr(byte).islower() else "0") for byte in range(256)
)


def _share_of_changes(sample: str) -> float:
    kinds = sample.encode("latin-1", errors="replace").translate(_KINDS)
    changes = sum(one != other for one, other in itertools.pairwise(kinds))
    return changes / max(len(kinds) - 1, 1)


def is_base85(text: str) -> bool:
    """Whether a text is one long word of letters and signs, as base 85 gives."""
    sample = text[:2_000]
    is_pattern = "A-Z" in sample or "a-z" in sample
    if is_pattern or not _BASE85.fullmatch(sample) or entropy(sample) < 5.2:
        return False
    n_signs = sum(not letter.isalnum() for letter in sample)
    return 0.1 * len(sample) < n_signs < 0.6 * len(sample) and not _is_ordered(sample)


def _is_ordered(sample: str) -> bool:
    """Whether a text is an alphabet: most letters follow their predecessor."""
    codes = np.frombuffer(sample.encode("latin-1", errors="replace"), dtype=np.uint8)
    steps = np.diff(codes.astype(np.int16))
    return bool(len(steps)) and float(np.mean(steps == 1)) > 0.5


def entropy(text: str) -> float:
    """Shannon entropy in bits a character."""
    counts = np.bincount(np.frombuffer(text.encode("latin-1", errors="replace"), dtype=np.uint8))
    shares = counts[counts > 0] / max(len(text), 1)
    return float(-(shares * np.log2(shares)).sum()) if len(text) else 0.0


MIN_LIST_CHARS = 120
MIN_NUMBERS = 30
MAX_LISTS = 50
_NUMBER = late_regex(r"0[xX][0-9a-fA-F]{1,2}|\d{1,3}")


def number_lists(code: str, surface: Surface) -> Iterator[EncodedPart]:
    """Lists of small numbers that are text or a known format when read as bytes."""
    classes = code.encode("latin-1", errors="replace").translate(_NUMBER_BYTES)
    if b"w" * MIN_LIST_CHARS not in classes:
        return
    is_number = np.frombuffer(b" " + classes + b" ", dtype=np.uint8) == ord("w")
    edges = np.flatnonzero(np.diff(is_number.astype(np.int8)))
    starts, ends = edges[::2], edges[1::2]
    long_runs = np.flatnonzero(ends - starts >= MIN_LIST_CHARS)
    lists = 0
    for index in long_runs.tolist():
        run = code[starts[index] : ends[index]].strip(" \n\t,")
        if run.count(",") < MIN_NUMBERS:
            continue
        lists += 1
        if lists > MAX_LISTS:
            return
        values = bytes_of_numbers(run)
        if values and looks_encoded(values):
            yield EncodedPart(
                data=values,
                encoding="numbers",
                line=code.count("\n", 0, int(starts[index])) + 1,
                surface=surface,
                n_chars=len(run),
            )


def bytes_of_numbers(run: str) -> bytes:
    """The bytes that a comma-separated list of numbers up to 255 stands for, else empty."""
    words = [word.strip() for word in run.split(",")]
    if not all(map(_NUMBER.fullmatch, words)):
        return b""
    numbers = [
        int(word, 16) if word[1:2] in "xX" and len(word) > 2 else int(word) for word in words
    ]
    return bytes(numbers) if max(numbers) < 256 else b""


def looks_encoded(values: bytes) -> bool:
    """Whether bytes are text with letters, or begin like compressed data or a program."""
    n_letters = sum(0x20 <= value < 0x7F or value in b"\r\n\t" for value in values)
    n_distinct = len(set(values))
    is_text = n_letters >= 0.98 * len(values) and n_distinct >= 12 and not _is_sorted(values)
    return is_text or values[:2] in (b"\x78\x9c", b"\x78\xda", b"\x1f\x8b", b"MZ", b"\x7fE", b"BZ")


def _is_sorted(values: bytes) -> bool:
    return sum(a <= b for a, b in itertools.pairwise(values)) > 0.8 * len(values)
