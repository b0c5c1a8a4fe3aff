"""Python units: every piece of Python in a distribution, decoded, parsed and folded once."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass, field

from safe_pip.distribution import Distribution
from safe_pip.evidence import Surface
from safe_pip.extractors.events import Trace
from safe_pip.extractors.program import Program, Reading


@dataclass(slots=True, kw_only=True)
class FoldedLiteral:
    """A string or bytes literal after constant folding. As with ``Value``, nothing changes one.

    ``is_folded`` says that the value is not written so in the source but was computed from
    constants (concatenation, chr, decoding). A part that is not constant stands as ``{}``.
    ``is_docstring`` says that it stands alone as a statement. ``surface`` is where it is used.
    """

    value: str | bytes
    line: int
    is_folded: bool = False
    is_docstring: bool = False
    surface: Surface = Surface.OTHER


@dataclass(frozen=True, kw_only=True)
class PythonUnit:
    """One file's Python, or the import lines of one ``.pth`` file.

    ``source`` keeps the file's line numbers. ``surface`` is where the unit's top level runs.
    ``has_tree`` is false in two cases: nothing in the bytes can be evidence of the code group, so
    no tree was earned (``parse_error`` and ``literals`` are empty); or the source does not parse
    (``parse_error`` says why, ``literals`` come from the tokens). With both a tree and an error,
    the tree is that of the source after repairs, without the lines ``left_out``. ``trace`` is what
    the code would do. The tree itself is gone once the code was run: it takes forty times its
    source.
    """

    path: str
    data: bytes
    source: str
    has_tree: bool
    surface: Surface
    literals: tuple[FoldedLiteral, ...]
    parse_error: str = ""
    left_out: frozenset[int] = frozenset()
    trace: Trace = field(default_factory=Trace)


def python_units(distribution: Distribution, *, reads_all: bool = False) -> Iterator[PythonUnit]:
    """Every unit: modules, ``.pth`` import lines, scripts, and data files run as code."""
    program = Program(distribution, reads_all=reads_all)
    return (_unit(reading) for reading in program.readings())


def _unit(reading: Reading) -> PythonUnit:
    literals = [
        FoldedLiteral(
            value=value,
            line=line,
            is_folded=sighting.kind == "folded",
            is_docstring=sighting.kind == "statement",
            surface=sighting.surface,
        )
        for (line, value), sighting in reading.literals.items()
    ]
    if not literals and reading.parse_error:
        literals = list(token_literals(reading.source))
    return PythonUnit(
        path=reading.path,
        data=reading.data,
        source=reading.source,
        has_tree=reading.has_tree,
        surface=reading.surface,
        literals=tuple(literals),
        parse_error=reading.parse_error,
        left_out=reading.left_out,
        trace=reading.trace,
    )


def token_literals(source: str) -> Iterator[FoldedLiteral]:
    """The string and bytes literals of a source that may not parse, by its tokens."""
    try:
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type == tokenize.STRING:
                try:
                    value = ast.literal_eval(token.string)
                except (SyntaxError, ValueError, MemoryError):
                    continue
                if isinstance(value, (str, bytes)):
                    yield FoldedLiteral(value=value, line=token.start[0])
    except (tokenize.TokenError, SyntaxError):
        return
