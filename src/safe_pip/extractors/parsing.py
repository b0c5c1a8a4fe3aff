"""Source text and its syntax tree, from hostile bytes, within bounds."""

from __future__ import annotations

import ast
import io
import tokenize
import warnings
from dataclasses import dataclass

MAX_SOURCE_BYTES = 16 << 20
MAX_NESTING = 400  # CPython's own parser gives up near 200 brackets and 100 indents


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedSource:
    """A tree, or the reason why there is none."""

    tree: ast.Module | None
    error: str = ""


def decode_source(data: bytes) -> str:
    """The text that Python would read: coding cookie and byte-order mark honoured."""
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        return data.decode(encoding, errors="replace").replace("\r\n", "\n").replace("\r", "\n")
    except (SyntaxError, LookupError, UnicodeError):
        return data.decode("utf-8", errors="replace").replace("\r\n", "\n").replace("\r", "\n")


def parse(source: str) -> ParsedSource:
    """The tree of one unit; never raises."""
    if len(source) > MAX_SOURCE_BYTES:
        return ParsedSource(tree=None, error="source is too long to parse")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ParsedSource(tree=ast.parse(source))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return ParsedSource(tree=None, error=f"{type(error).__name__}: {error}")
