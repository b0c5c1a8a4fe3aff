"""Source text and its syntax tree, from hostile bytes, within bounds."""

from __future__ import annotations

import ast
import codecs
import io
import re
import sys
import tokenize
import warnings
from dataclasses import dataclass

MAX_SOURCE_CHARS = 16 << 20
MAX_REPAIRS = 24
MAX_REPAIRED_CHARS = 1 << 20
# Before 3.11 the tree of a long chain of operators overflows the C stack instead of raising.
MAX_CHAIN_BEFORE_311 = 8_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedSource:
    """A tree, or the reason why there is none.

    With both, the source does not parse as it stands, and the tree is that of the source with
    Python 2 forms rewritten or with the offending lines left out: ``left_out`` has their numbers.
    """

    tree: ast.Module | None
    error: str = ""
    left_out: frozenset[int] = frozenset()


def decode_source(data: bytes) -> str:
    """The text that Python would read: coding cookie and byte-order mark honoured."""
    if not data.startswith(codecs.BOM_UTF8) and b"coding" not in first_lines(data):
        text = data.decode("utf-8", errors="replace")
        return text.replace("\r\n", "\n").replace("\r", "\n")
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        text = data.decode(encoding, errors="replace")
    except (SyntaxError, LookupError, UnicodeError):
        text = data.decode("utf-8", errors="replace")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def first_lines(data: bytes) -> bytes:
    """The two lines in which a coding cookie may stand."""
    return data[: data.find(b"\n", data.find(b"\n") + 1) + 1 or None]


def parse(source: str) -> ParsedSource:
    """The tree of a source as it stands; never raises."""
    if len(source) > MAX_SOURCE_CHARS:
        return ParsedSource(tree=None, error="source is too long to parse")
    if sys.version_info < (3, 11) and _longest_chain(source) > MAX_CHAIN_BEFORE_311:
        return ParsedSource(tree=None, error="expression is too deep to parse")
    try:
        return ParsedSource(tree=_tree(source))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return ParsedSource(tree=None, error=f"{type(error).__name__}: {error}")


def parse_leniently(source: str) -> ParsedSource:
    """The tree of a source; if need be of what is left after repairs, line numbers kept.

    Old releases, and much malware, are Python 2; and one broken line must not hide the others.
    """
    parsed = parse(source)
    if parsed.tree is not None or len(source) > MAX_REPAIRED_CHARS:
        return parsed
    lines = _from_python_2(source.replace("\0", " ").replace("\f", " ").expandtabs()).split("\n")
    written = list(lines)
    last_line = 0
    for _ in range(MAX_REPAIRS):
        try:
            tree = _tree("\n".join(lines))
            return ParsedSource(tree=tree, error=parsed.error, left_out=_left_out(written, lines))
        except SyntaxError as error:
            line = error.lineno or 1
            if not _leave_out(lines, error, is_again=line <= last_line):
                return parsed
            last_line = line
        except (ValueError, RecursionError, MemoryError):
            return parsed
    return parsed


def _tree(source: str) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(source)


def _longest_chain(source: str) -> int:
    """The most operators and dots between two separators, strings left out."""
    code = re.sub(r"\"[^\"\n]*\"|'[^'\n]*'", "", source)
    operators = re.sub(r"[^-+*/%|&^.(\[~:;,=]|\n(?=\w)", "", code)
    return max(map(len, re.split(r"[:;,=]", operators)), default=0)


_FORMS: tuple[tuple[re.Pattern[str], str], ...] = (
    # What came later than the running Python, first of all what Python 2 would read otherwise:
    # except* (3.11), type parameters and aliases (3.12), except without brackets and template
    # strings (3.14), lazy imports (3.15).
    (re.compile(r"^except\s*\*"), "except "),
    (re.compile(r"^except\s+([\w.]+(?:\s*,\s*[\w.]+){2,}|[\w.]+\s*,\s*\w+(?:\.\w+)+)\s*:"),
     r"except (\1):"),
    (re.compile(r"^((?:async\s+)?(?:def|class)\s+\w+)\[[^\]\n(]*\]"), r"\1"),
    (re.compile(r"^type\s+(\w+)\s*(?:\[[^\]\n(]*\]\s*)?=(?!=)"), r"\1: "),
    (re.compile(r"(?<![\w'\"])(?:[rR]?[tT]|[tT][rR])(?=['\"])"), "f"),
    (re.compile(r"^lazy\s+(?=(?:import|from)\s)"), ""),
    (re.compile(r"^(\s*(?:.*[:;]\s*)?)print\s*>>\s*[\w.]+\s*,?\s*(.*)$", re.M), r"\1print(\2)"),
    (
        re.compile(r"^(\s*(?:(?:if|else|elif|for|try|except)\b[^\n#'\"]*:\s*)?)"
                   r"print[ \t]+(?!=)([^\n;]*?)(\\?)$", re.M),
        r"\1print(\2)",
    ),
    (re.compile(r"^(\s*)print$", re.M), r"\1print()"),
    (re.compile(r"\bexec\s+(?!=|\()(.+?)(?:\s+in\s+[\w., (){}]+)?$", re.M), r"exec(\1)"),
    (re.compile(r"\bexec\s+(\(.+?\))\s+in\s+[\w., (){}]+$", re.M), r"exec\1"),
    (re.compile(r"^(\s*except\s+[\w.()\[\], ]+?),\s*(\w+)\s*:", re.M), r"\1 as \2:"),
    (re.compile(r"^(\s*raise\s+[\w.]+)\s*,.*$", re.M), r"\1"),
    (re.compile(r"<>"), "!="),
    (re.compile(r"`([^`\n]+)`"), r"repr(\1)"),
    (re.compile(r"(?<![\w.])0(\d+)(?![\w.])"), r"0o\1"),
    (re.compile(r"(?<![\w.])(0[xX][0-9a-fA-F]+|\d+)[lL]\b"), r"\1"),
    (re.compile(r"(?<![\w'\"])[uU][rR](?=['\"])"), "r"),
)  # fmt: skip


# A form is at most quadratic in its line; a longer one stays as it is, and is left out if need be.
_MAX_FORM_CHARS = 1_000


def _from_python_2(source: str) -> str:
    """Line by line, so that no form can run over many."""
    return "\n".join(map(_line_from_python_2, source.split("\n")))


def _line_from_python_2(line: str) -> str:
    code = line.lstrip()
    if not code or len(code) > _MAX_FORM_CHARS:
        return line
    indent = line[: len(line) - len(code)]
    for form, replacement in _FORMS:
        code = form.sub(replacement, code)
    return indent + code


def _left_out(written: list[str], kept: list[str]) -> frozenset[int]:
    pairs = enumerate(zip(written, kept, strict=True), start=1)
    return frozenset(
        number for number, (line, rest) in pairs if line != rest and rest.strip() in ("pass", "")
    )


def _leave_out(lines: list[str], error: SyntaxError, *, is_again: bool) -> bool:
    """Replaces the line that an error names by ``pass``; by nothing when that did not help, as
    within brackets. False when there is nothing left to replace."""
    number = min(error.lineno or 1, len(lines)) - 1
    line = lines[number]
    while number > 0 and not line.strip():
        number -= 1
        line = lines[number]
    indent = line[: len(line) - len(line.lstrip())]
    if isinstance(error, IndentationError) and "unexpected indent" in str(error):
        before = next((text for text in reversed(lines[:number]) if text.strip()), "")
        indent = before[: len(before) - len(before.lstrip())]
        repaired = indent + line.lstrip()
    elif isinstance(error, IndentationError) and "expected an indented" in str(error):
        lines[number - 1] += " pass"
        return True
    else:
        repaired = "" if is_again and line.strip() == "pass" else f"{indent}pass"
    if repaired == line:
        return False
    lines[number] = repaired
    return True
