"""Text features of layout: code where a reader of the source does not look."""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Iterator

from safe_pip.evidence import MAX_EXCERPT_CHARS, Evidence
from safe_pip.extractors.parsing import parse_leniently
from safe_pip.extractors.unit import PythonUnit
from safe_pip.extractors.unit_text import UnitText
from safe_pip.feature import Feature, Fold, Group

PADDING_CHARS = 80
MIN_CALL_COLUMN = 150
MAX_EVIDENCE = 20

FEATURES = (
    Feature(
        name="max_line_len",
        group=Group.TEXT,
        fold=Fold.MAX,
        clip=math.log1p(100_000),
        reason="packers write one line; context for the comment ratio",
        says="has a very long line",
    ),
    Feature(
        name="offscreen_code",
        group=Group.TEXT,
        fold=Fold.COUNT,
        is_monotone=True,
        clip=math.log1p(MAX_EVIDENCE),
        reason="code behind eighty blanks is out of an editor's sight; no honest reason is known",
        says="hides code off screen, behind a run of blanks",
    ),
    Feature(
        name="semicolon_after_pad",
        group=Group.TEXT,
        fold=Fold.COUNT,
        is_monotone=True,
        clip=math.log1p(MAX_EVIDENCE),
        reason="the same trick on a line that begins with honest code",
        says="adds a statement off screen to a line that looks complete",
    ),
)


def observe_layout(view: UnitText) -> Iterator[Evidence]:
    """Evidence about the lines of one unit."""
    yield from _observe_longest_line(view)
    source = view.unit.source
    if " " * PADDING_CHARS in source or "\t" * (PADDING_CHARS // 8) in source:
        yield from _observe_padding(view)


def _observe_longest_line(view: UnitText) -> Iterator[Evidence]:
    lines = view.unit.source.encode("utf-8", errors="replace").split(b"\n")
    longest = max(lines, key=len)
    if longest:
        excerpt = longest[:MAX_EXCERPT_CHARS].decode(errors="replace")
        number = lines.index(longest) + 1
        yield view.evidence("max_line_len", number, math.log1p(len(longest)), excerpt)


_CONSPICUOUS = re.compile(r"\b(?:exec|eval|compile|import|__import__|os|subprocess|base64)\b")


def _observe_padding(view: UnitText) -> Iterator[Evidence]:
    statement_lines: frozenset[int] | None = None
    for number, line in _wide_lines(view.segments.code):
        before, after = _around_padding(line)
        written = view.unit.source.split("\n", number)[number - 1]
        excerpt = f"{before.strip()[-60:]} … {written[-len(after) :].strip()}"
        if after[0] == ";" or before.endswith(";"):
            yield view.evidence("semicolon_after_pad", number, 1.0, excerpt)
            yield view.evidence("offscreen_code", number, 1.0, excerpt)
        elif _is_conspicuous(before, after):
            yield view.evidence("offscreen_code", number, 1.0, excerpt)
        elif not before:
            if statement_lines is None:
                statement_lines = _statement_lines(view.unit)
            if number in statement_lines:
                yield view.evidence("offscreen_code", number, 1.0, excerpt)


def _is_conspicuous(before: str, after: str) -> bool:
    """Whether the blanks stand before a conspicuous call; others may just align a table or a
    continued line."""
    is_far = len(before) + PADDING_CHARS >= MIN_CALL_COLUMN
    return is_far and _CONSPICUOUS.search(after) is not None


def _wide_lines(code: str) -> Iterator[tuple[int, str]]:
    """Number and text of the first lines with code behind a run of blanks, tabs widened."""
    n_found = 0
    if "\t" not in code and " " * PADDING_CHARS not in code:
        return  # A tab is all that makes a line wider than it is long.
    for number, line in enumerate(code.split("\n"), start=1):
        if len(line) < PADDING_CHARS // 8:
            continue
        line = line.expandtabs(8).rstrip()
        if " " * PADDING_CHARS in line and _around_padding(line)[1][0] != "#":
            n_found += 1
            yield number, line
        if n_found >= MAX_EVIDENCE:
            return


def _around_padding(line: str) -> tuple[str, str]:
    """What stands before and after the last wide run of blanks of a line that has one."""
    before, _, after = line.rpartition(" " * PADDING_CHARS)
    return before.rstrip(), after.lstrip()


def _statement_lines(unit: PythonUnit) -> frozenset[int]:
    """The lines on which a statement begins. Few files are asked, so that the tree is not kept."""
    tree = parse_leniently(unit.source).tree if unit.has_tree else None
    if tree is None:
        return frozenset()
    return frozenset(node.lineno for node in ast.walk(tree) if isinstance(node, ast.stmt))
