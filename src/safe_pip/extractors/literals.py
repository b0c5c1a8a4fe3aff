"""The literals of one unit, and the encoded data in them."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal as OneOf

import numpy as np

from safe_pip.extractors.segments import Segments, StringToken, segment
from safe_pip.extractors.unit import PythonUnit

MIN_ENCODED_CHARS = 40
MIN_HEX_CHARS = 64
MIN_HINTED_CHARS = 16
Encoding = OneOf["base 64", "hexadecimal", "base 85", "binary", "numbers"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Literal:
    """A literal's value as text; bytes stand as Latin-1. ``is_statement`` holds for docstrings."""

    text: str
    line: int
    is_bytes: bool = False
    is_folded: bool = False
    is_statement: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedPart:
    """Data that stands encoded in a literal. ``is_certain`` is false for what is only worth an
    attempt to decode; ``n_chars`` is its length as written."""

    data: bytes
    encoding: Encoding
    line: int
    n_chars: int
    is_certain: bool = True


@dataclass(frozen=True, kw_only=True)
class UnitText:
    """One unit as text: what the text features look at, each part made once."""

    unit: PythonUnit

    @cached_property
    def segments(self) -> Segments:
        return segment(self.unit.source)

    @cached_property
    def literals(self) -> tuple[Literal, ...]:
        """All literals; from the tree if there is one, else as they are written."""
        if self.unit.literals:
            return tuple(self._folded_literals())
        return tuple(self._written_literals())

    def _folded_literals(self) -> Iterator[Literal]:
        documents = {token.body[:20]: None for token in self.segments.strings if token.is_statement}
        for found in self.unit.literals:
            is_bytes = isinstance(found.value, bytes)
            text = found.value.decode("latin-1") if isinstance(found.value, bytes) else found.value
            yield Literal(
                text=text,
                line=found.line,
                is_bytes=is_bytes,
                is_folded=found.is_folded,
                is_statement=not found.is_folded and text[:20] in documents,
            )

    def _written_literals(self) -> Iterator[Literal]:
        line, position = 1, 0
        for token in self.segments.strings:
            line += self.unit.source.count("\n", position, token.start)
            position = token.start
            yield Literal(
                text=_unescaped(token),
                line=line,
                is_bytes="b" in token.prefix,
                is_statement=token.is_statement,
            )

    @cached_property
    def encoded_parts(self) -> tuple[EncodedPart, ...]:
        parts = [part for literal in self.literals for part in encoded_parts(literal)]
        return (*parts, *number_lists(self.segments.code))


_ESCAPE = re.compile(
    r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{1,3})|\n|(.))", re.DOTALL
)
_LETTER_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", "a": "\a", "b": "\b", "f": "\f"}


def _unescaped(token: StringToken) -> str:
    """The value of a token, as far as a pattern can tell; named characters stay as they are."""
    if "\\" not in token.body or "r" in token.prefix:
        return token.body
    return _ESCAPE.sub(_escaped_letter, token.body)


def _escaped_letter(match: re.Match[str]) -> str:
    for group, base in ((1, 16), (2, 16), (3, 16), (4, 8)):
        if match.group(group):
            code = int(match.group(group), base)
            return chr(code) if code < 0x110000 else "?"
    letter = match.group(5) or ""
    return _LETTER_ESCAPES.get(letter, letter)


_RUN = re.compile(r"[A-Za-z0-9+/_=-]+")
_WRAPPED = re.compile(r"[A-Za-z0-9+/_=\s-]+")
_BASE85 = re.compile(r"[!-~]+")
_HASH_CHARS = frozenset((32, 40, 48, 56, 64, 96, 128))
_HASH_CHARS_BASE64 = frozenset((43, 44, 64, 86, 88))
# What "import", "from", "exec", "def", "class", "http", "print", "#!", "try:" begin with.
_HINT = re.compile(
    r"aW1wb3J0|ZnJvbS|ZXhlYy|ZGVmI|Y2xhc3|aHR0c|cHJpbnQ|IyEv|dHJ5O|aWYgX|cG93ZXJ|Y3VybC|d2dldC"
    r"|696d706f7274|68747470|65786563|66726f6d20"
)
# What is encoded for honest reasons: keys, certificates, tokens, pictures, fonts, digests.
_HONEST_START = re.compile(
    r"-----BEGIN|ssh-[a-z0-9]+ |ecdsa-|eyJ[A-Za-z0-9_-]+\.|AAAA[BCE][23]Nz|MII[A-Za-z0-9]"
    r"|sha\d{3}-|iVBORw0KGgo|R0lGOD|/9j/4|UklGR|AAABAA|d09GR|T1RUTw|AAEAAAA|PHN2Zy|PD94bWwg|JVBERi0"
)
_DATA_URL = re.compile(
    r"data:(?:image|font|audio|video|application/(?:font|x-font|pdf))[^,]{0,80},"
)


def encoded_parts(literal: Literal) -> Iterator[EncodedPart]:
    """Encoded data in one literal: certain parts, and short ones that begin like code."""
    text = literal.text
    if len(text) < MIN_HINTED_CHARS or _HONEST_START.match(text):
        return
    if literal.is_bytes and _is_binary(text):
        if len(text) >= MIN_ENCODED_CHARS:
            yield _part(text, "binary", literal)
        return
    if len(text) < MIN_ENCODED_CHARS:
        yield from _hinted(text, literal)
        return
    if _DATA_URL.search(text[:400]):
        return
    whole = _WRAPPED.fullmatch(text)
    runs = [text] if whole and _has_long_lines(text) else _RUN.findall(text)
    is_found = False
    for run in runs:
        encoding = encoding_of(run)
        if encoding is not None and not _HONEST_START.match(run):
            is_found = True
            yield _part(run, encoding, literal)
        elif len(run) >= MIN_HINTED_CHARS:
            yield from _hinted(run, literal)
    if not is_found and len(text) >= 2 * MIN_ENCODED_CHARS and is_base85(text):
        yield _part(text, "base 85", literal)


def _part(
    text: str, encoding: Encoding, literal: Literal, *, is_certain: bool = True
) -> EncodedPart:
    return EncodedPart(
        data=text.encode("latin-1", errors="replace"),
        encoding=encoding,
        line=literal.line,
        n_chars=len(text),
        is_certain=is_certain,
    )


def _hinted(text: str, literal: Literal) -> Iterator[EncodedPart]:
    if _HINT.search(text) or _HINT.search(text[::-1]):
        yield _part(text, "base 64", literal, is_certain=False)


def _has_long_lines(text: str) -> bool:
    """Whether a text of one alphabet is wrapped data and not a list of words."""
    words = text.split()
    return len(words) == 1 or (len(words) > 1 and min(map(len, words[:-1])) >= MIN_ENCODED_CHARS)


def _is_binary(text: str) -> bool:
    sample = text[:400]
    n_odd = sum(not (" " <= letter <= "~" or letter in "\r\n\t") for letter in sample)
    return n_odd > 0.2 * len(sample)


def encoding_of(run: str) -> Encoding | None:
    """The encoding that a long run of letters is certainly in, None for words and digests."""
    run = "".join(run.split()) if "\n" in run else run
    body = run.rstrip("=")
    if len(run) < MIN_ENCODED_CHARS:
        return None
    lowered = body.lower()
    if not lowered.strip("0123456789abcdef"):
        is_data = len(run) >= MIN_HEX_CHARS and len(run) not in _HASH_CHARS
        return "hexadecimal" if is_data and len(set(lowered)) > 6 else None
    if len(run) in _HASH_CHARS_BASE64:
        return None
    sample = body[:2_000]
    if sample.islower() or sample.isupper() or not any(map(str.isdigit, sample)):
        return None
    # Paths and identifiers have words: many separators, or few changes of case.
    n_separators = sum(map(sample.count, "/_-"))
    is_data = n_separators <= 0.12 * len(sample) and entropy(sample) >= 4.3
    return "base 64" if is_data and not _is_ordered(sample) else None


def is_base85(text: str) -> bool:
    """Whether a text is one long word of letters and signs, as base 85 gives."""
    sample = text[:2_000]
    if not _BASE85.fullmatch(sample) or entropy(sample) < 5.2:
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


_NUMBER_BYTES = np.zeros(256, dtype=bool)
_NUMBER_BYTES[[ord(letter) for letter in "0123456789, \n\txXabcdefABCDEF"]] = True
MIN_LIST_CHARS = 120
MIN_NUMBERS = 30
MAX_LISTS = 50
_NUMBER = re.compile(r"0[xX][0-9a-fA-F]{1,2}|\d{1,3}")


def number_lists(code: str) -> Iterator[EncodedPart]:
    """Lists of small numbers that are text or a known format when read as bytes."""
    data = np.frombuffer(code.encode("latin-1", errors="replace"), dtype=np.uint8)
    is_number = np.concatenate(([False], _NUMBER_BYTES[data], [False]))
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
