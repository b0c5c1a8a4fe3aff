"""Code line: a line of code as wide as there is room, with the telling parts of it marked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.text import Text

from safe_pip.policy.telling import MarkedLine, Span

INDENT = "  "
TELLING = "bold underline"


class CodeLine:
    """``is_whole``: over as many lines as it takes; else the stretch with the first telling part.

    Where the output has no styles, a row of carets stands below.
    """

    def __init__(self, line: MarkedLine, *, is_whole: bool) -> None:
        self._line = line
        self._is_whole = is_whole

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        width = cell_len(INDENT) + cell_len(self._line.text)
        return Measurement(min(12, options.max_width), min(width, options.max_width))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = max(4, options.max_width - len(INDENT))
        rows = _folded(self._line, width) if self._is_whole else [_window(self._line, width)]
        for row in rows:
            text = Text(INDENT, no_wrap=True, overflow="crop")
            for part, is_telling in row.parts:
                text.append(part, style=TELLING if is_telling else "")
            text.truncate(options.max_width, overflow="ellipsis")
            yield text
            if row.spans and console.color_system is None:
                carets = Text(f"{INDENT}{_carets(row)}", no_wrap=True, overflow="crop")
                carets.truncate(options.max_width, overflow="crop")
                yield carets


def _window(line: MarkedLine, width: int) -> MarkedLine:
    """The line from its beginning, or from shortly before a telling part that would be cut off."""
    is_visible = not line.spans or cell_len(line.text[: line.spans[0].end]) < width
    if cell_len(line.text) <= width or is_visible:
        return line
    start = max(0, line.spans[0].start - width // 4)
    spans = tuple(
        Span(start=span.start - start + 1, end=span.end - start + 1) for span in line.spans
    )
    return MarkedLine(text=f"…{line.text[start:]}", spans=spans)


def _folded(line: MarkedLine, width: int) -> Sequence[MarkedLine]:
    return [
        MarkedLine(
            text=line.text[start:end],
            spans=tuple(
                Span(start=max(span.start, start) - start, end=min(span.end, end) - start)
                for span in line.spans
                if span.start < end and span.end > start
            ),
        )
        for start, end in _stretches(line.text, width)
    ]


def _stretches(text: str, width: int) -> Iterator[tuple[int, int]]:
    start = cells = 0
    for position, character in enumerate(text):
        if cells + cell_len(character) > width:
            yield start, position
            start, cells = position, 0
        cells += cell_len(character)
    yield start, len(text)


def _carets(line: MarkedLine) -> str:
    marks = ((" ", "^")[is_telling] * cell_len(part) for part, is_telling in line.parts)
    return "".join(marks).rstrip()
