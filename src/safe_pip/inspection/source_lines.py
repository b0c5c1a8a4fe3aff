"""Source lines: the few around a find, for reports that are read when the archive is gone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from safe_pip.distribution import Distribution
from safe_pip.errors import UnscannableError
from safe_pip.verdict import Finding, SourceLines

LINES_AROUND = 3
MAX_LINE_CHARS = 200
# The strongest finds; a report is not the place to read a whole archive in.
MAX_FINDINGS = 20
MAX_FILE_BYTES = 2 << 20

# What ends a line for Python's tokenizer; str.splitlines() knows eight more.
_LINE_END = re.compile(r"\r\n|\r|\n")


def with_source(findings: Sequence[Finding], distribution: Distribution) -> tuple[Finding, ...]:
    """The findings, the first MAX_FINDINGS of them with the lines around their place."""
    lines_by_path: dict[str, Sequence[str]] = {}
    shown = []
    for finding in findings[:MAX_FINDINGS]:
        path, line = finding.evidence.location.path, finding.evidence.location.line
        if line and path not in lines_by_path:
            lines_by_path[path] = _lines(distribution, path)
        around = _around(lines_by_path.get(path, ()), line)
        shown.append(replace(finding, around=around))
    return (*shown, *findings[MAX_FINDINGS:])


def _lines(distribution: Distribution, path: str) -> Sequence[str]:
    file = distribution.by_path.get(path)
    if file is None or file.size > MAX_FILE_BYTES:
        return ()
    try:
        return _LINE_END.split(file.read().decode("utf-8", errors="replace"))
    except UnscannableError:
        # Whoever made the find has read the file; to show it again is no part of the verdict.
        return ()


def _around(lines: Sequence[str], line: int) -> SourceLines | None:
    if not 0 < line <= len(lines):
        return None
    first = max(1, line - LINES_AROUND)
    chosen = lines[first - 1 : line + LINES_AROUND]
    return SourceLines(first_line=first, lines=tuple(text[: MAX_LINE_CHARS + 1] for text in chosen))
