"""One unit of Python as text: what all text features look at, each part made once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from safe_pip.evidence import MAX_EXCERPT_CHARS, Evidence, Location, Surface
from safe_pip.extractors.encodings import (
    MIN_HINTED_CHARS,
    EncodedPart,
    encoded_parts,
    may_hold_data,
    number_lists,
)
from safe_pip.extractors.literals import Literal, folded_literal, text_of, written_literal
from safe_pip.extractors.segments import Segments, segment
from safe_pip.extractors.unit import PythonUnit


@dataclass(frozen=True, kw_only=True)
class UnitText:
    """One unit as text: what the text features look at, each part made once."""

    unit: PythonUnit

    @cached_property
    def segments(self) -> Segments:
        return segment(self.unit.source)

    @property
    def is_earned(self) -> bool:
        """Whether the code group looks at the unit, so that its text is worth a full look."""
        return self.unit.has_tree or bool(self.unit.parse_error)

    @cached_property
    def may_hold_data(self) -> bool:
        """Whether the bytes hold a run of letters, of signs or of numbers as only data has, or
        many escapes. Few honest files do; asking takes a tenth of a full look."""
        return may_hold_data(self.unit.data)

    @cached_property
    def lowered(self) -> str:
        """The source in lower case, with the same offsets."""
        lowered = self.unit.source.lower()
        if len(lowered) == len(self.unit.source):
            return lowered
        # A few letters become two in lower case.
        return "".join(
            low if len(low := letter.lower()) == 1 else letter for letter in self.unit.source
        )

    @cached_property
    def literals(self) -> tuple[Literal, ...]:
        """Every literal as it is written, and those that only folding or joining gives."""
        literals = list(self._written_literals())
        known = {literal.text for literal in literals}
        for found in self.unit.literals:
            text = found.value if isinstance(found.value, str) else text_of(found)
            if text not in known:
                literals.append(folded_literal(found))
        return tuple(literals)

    def _written_literals(self) -> Iterator[Literal]:
        # Which code uses a literal is known where the unit earned a tree.
        surfaces = {found.line: found.surface for found in self.unit.literals}
        elsewhere = Surface.OTHER if self.unit.has_tree else self.unit.surface
        source = self.unit.source
        line, position = 1, 0
        for token in self.segments.strings:
            line += source.count("\n", position, token.start)
            position = token.start
            yield written_literal(token, line=line, surface=surfaces.get(line, elsewhere))

    @cached_property
    def encoded_parts(self) -> tuple[EncodedPart, ...]:
        long = (literal for literal in self.literals if len(literal.text) >= MIN_HINTED_CHARS)
        parts = [part for literal in long for part in encoded_parts(literal)]
        return (*parts, *number_lists(self.segments.code, self.unit.surface))

    def evidence(
        self, feature: str, line: int, value: float, excerpt: str = "", detail: str = ""
    ) -> Evidence:
        """Evidence at a line of the unit; 0 is the unit as a whole."""
        return Evidence(
            feature=feature,
            location=Location(path=self.unit.path, line=line),
            value=value,
            surface=self.unit.surface,
            excerpt=excerpt[:MAX_EXCERPT_CHARS],
            detail=detail,
        )
