"""Text features of characters: letters that a reader does not see, or takes for others."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterator

from safe_pip.evidence import Evidence
from safe_pip.extractors.late_regex import late_regex
from safe_pip.extractors.unit_text import UnitText
from safe_pip.feature import Feature, Fold, Group

MAX_EVIDENCE = 20

FEATURES = (
    Feature(
        name="invisible_chars",
        group=Group.TEXT,
        fold=Fold.COUNT,
        is_monotone=True,
        clip=math.log1p(MAX_EVIDENCE),
        reason="bidi controls and invisible letters make code read as what it is not",
        says="has invisible or direction-changing characters in its code",
    ),
    Feature(
        name="confusable_ids",
        group=Group.TEXT,
        fold=Fold.COUNT,
        is_monotone=True,
        clip=math.log1p(MAX_EVIDENCE),
        reason="look-alike letters hide a name from a reader and from a search",
        says="writes names in look-alike letters",
    ),
)


def observe_characters(view: UnitText) -> Iterator[Evidence]:
    """Evidence about the characters of one unit; most sources are plain ASCII."""
    if view.unit.source.isascii():
        return
    if _INVISIBLE.search(view.unit.source, 1) is not None:
        yield from _observe_invisible(view)
    if not view.segments.code.isascii():
        yield from _observe_confusable(view)


_BIDI = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
_ZERO_WIDTH = (
    "\u200b\u200c\u200d\u2060\u2061\u2062\u2063\u2064\ufeff\u00ad\u180e\u115f\u1160\u3164\uffa0"
)
_INVISIBLE = late_regex(f"[{_BIDI}{_ZERO_WIDTH}\ufe00-\ufe0f\U000e0000-\U000e01ef]")
_RUN_OF_INVISIBLE = late_regex(
    "[\u200b-\u200d\u2060-\u2064\ufe00-\ufe0e\u3164\uffa0\U000e0000-\U000e01ef]{12,}"
)
_OPENING_BIDI = "\u202a\u202b\u202d\u202e\u2066\u2067\u2068"
_CLOSING_BIDI = "\u202c\u2069"


def _observe_invisible(view: UnitText) -> Iterator[Evidence]:
    source = view.unit.source
    code = view.segments.code
    found: list[tuple[int, str]] = [
        (match.start(), f"U+{ord(match.group()):04X} among code")
        for match in _INVISIBLE.finditer(code, 1)
    ]
    # Emoji and scripts need single joiners; nothing readable needs a dozen in a row.
    found += [
        (match.start(), f"{len(match.group())} invisible characters in a row")
        for match in _RUN_OF_INVISIBLE.finditer(source, 1)
    ]
    found += [
        (offset, "text direction is changed and not restored") for offset in _unbalanced(source)
    ]
    for offset, detail in sorted(found)[:MAX_EVIDENCE]:
        line = source.count("\n", 0, offset) + 1
        excerpt = source[max(0, offset - 60) : offset + 60]
        yield view.evidence("invisible_chars", line, 1.0, excerpt, detail)


_BIDI_CHAR = late_regex(f"[{_BIDI}]")


def _unbalanced(source: str) -> Iterator[int]:
    """Offsets of lines whose bidi controls do not close (Boucher and Anderson, Trojan Source)."""
    offset = 0
    if _BIDI_CHAR.search(source) is None:
        return
    for line in source.split("\n"):
        if not line.isascii():
            opened = sum(map(line.count, _OPENING_BIDI))
            if opened > sum(map(line.count, _CLOSING_BIDI)):
                yield offset
        offset += len(line) + 1


_FOREIGN_NAME = late_regex(r"\b\w*[^\x00-\x7f\W]\w*")
# Capital letters that look exactly Latin, and omicron.
_GREEK_LOOK_ALIKES = frozenset(
    map(
        chr,
        (
            0x391,
            0x392,
            0x395,
            0x396,
            0x397,
            0x399,
            0x39A,
            0x39C,
            0x39D,
            0x39F,
            0x3A1,
            0x3A4,
            0x3A5,
            0x3A7,
            0x3BF,
        ),
    )
)


def _observe_confusable(view: UnitText) -> Iterator[Evidence]:
    code = view.segments.code
    n_found = 0
    for match in _FOREIGN_NAME.finditer(code):
        name = match.group()[:100]
        if not is_confusable(name):
            continue
        line = code.count("\n", 0, match.start()) + 1
        reads = unicodedata.normalize("NFKC", name)
        yield view.evidence("confusable_ids", line, 1.0, name, f"is read as {ascii(reads)[:80]}")
        n_found += 1
        if n_found >= MAX_EVIDENCE:
            return


def is_confusable(name: str) -> bool:
    """Whether a name with foreign letters passes for another one.

    Either Python itself reads it as plain ASCII (NFKC), or it mixes Latin letters with Cyrillic,
    or with Greek ones that look Latin. Formulas (Δt, φ, xₙ) do neither.
    """
    if len(name) < 2:
        return False
    foreign = [letter for letter in name if not letter.isascii()]
    if all(_reads_as_ascii(letter) for letter in foreign):
        return True
    has_latin = any(letter.isascii() and letter.isalpha() for letter in name)
    return has_latin and any(
        "\u0400" <= letter <= "\u04ff" or letter in _GREEK_LOOK_ALIKES for letter in foreign
    )


def _reads_as_ascii(letter: str) -> bool:
    is_index = unicodedata.decomposition(letter).startswith(("<sub>", "<super>"))
    return not is_index and unicodedata.normalize("NFKC", letter).isascii()
