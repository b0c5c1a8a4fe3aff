"""Text features of statistics: names, sums and comments that a person would not write so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from safe_pip.evidence import MAX_EXCERPT_CHARS, Evidence
from safe_pip.extractors.late_regex import late_regex
from safe_pip.extractors.popular import popular_names
from safe_pip.extractors.unit_text import UnitText
from safe_pip.feature import Feature, Fold, Group

MAX_SAMPLE_CHARS = 40_000
MIN_IDENTIFIERS = 20
MIN_ARITHMETIC = 20
MIN_COMMENTED_CHARS = 500

FEATURES = (
    Feature(
        name="identifier_surprisal",
        group=Group.TEXT,
        fold=Fold.MAX,
        clip=16.0,
        reason="renaming packers leave names that nobody would choose",
        says="uses names of unlikely letters",
    ),
    Feature(
        name="int_arith_density",
        group=Group.TEXT,
        fold=Fold.MAX,
        is_monotone=True,
        clip=10.0,
        reason="text assembled from sums of constants escapes every search for words",
        says="computes constants in a roundabout way",
    ),
    Feature(
        name="packer_marker",
        group=Group.TEXT,
        fold=Fold.ANY,
        reason="context: packers sign their work, and some honest vendors use them",
        says="was made with a code packer",
    ),
    Feature(
        name="comment_ratio",
        group=Group.TEXT,
        fold=Fold.MAX,
        clip=1.0,
        reason="context: packed code has none",
        says="is commented",
    ),
    Feature(
        name="token_gini",
        group=Group.TEXT,
        fold=Fold.MAX,
        clip=1.0,
        reason="context: generated and packed code repeats few names",
        says="repeats few names very often",
    ),
)


def observe_statistics(view: UnitText) -> Iterator[Evidence]:
    """Evidence about one unit as a whole; asked only where the unit earned a full look, since it
    is context for what the code does."""
    yield from _observe_packers(view)
    yield from _observe_arithmetic(view)
    n_chars = len(view.unit.source)
    if n_chars >= MIN_COMMENTED_CHARS:
        yield view.evidence("comment_ratio", 0, view.segments.n_comment_chars / n_chars)
    yield from _observe_identifiers(view)


# What may not stand before a number is asked for behind its first digit: a search that begins
# with a digit is faster.
_ARITHMETIC = late_regex(
    r"\d(?<![\w.]\d)(?:(?<=0)x[0-9a-fA-F]+|\d*)\s?(?:[-+*^|&%]|//|<<|>>)\s?[-~(]{0,3}\d"
)


_SIGN_BYTES = bytes(byte in b"+-*/%^|&<>" for byte in range(256))
_DIGIT_CODES = np.zeros(256, dtype=bool)
_DIGIT_CODES[list(b"0123456789")] = True
_HEX_CODES = _DIGIT_CODES.copy()
_HEX_CODES[list(b"abcdefABCDEF")] = True
_LETTER_CODES = np.zeros(256, dtype=bool)
_LETTER_CODES[list(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_")] = True
_LETTER_OR_END_CODES = _LETTER_CODES.copy()
_LETTER_OR_END_CODES[ord("\n")] = True


def count_signs_between_digits(code: str) -> int:
    """An upper bound of the sums of constants: signs with a digit near both sides."""
    text = code.encode("latin-1", errors="replace")
    if len(text) < 5:
        return 0
    data = np.frombuffer(text, dtype=np.uint8)
    is_sign = np.frombuffer(text.translate(_SIGN_BYTES), dtype=np.bool_)
    signs = np.flatnonzero(is_sign[2:-2]) + 2
    # A second sign (``//``, ``<<``, a minus), a blank or a bracket may stand in between.
    ends = _HEX_CODES if b"0x" in text else _DIGIT_CODES
    signs = signs[ends[data[signs - 1]] | ends[data[signs - 2]]]
    right = data[signs + 1]
    # One line end may be the blank.
    is_word = _LETTER_CODES[right] | _LETTER_OR_END_CODES[data[signs + 2]]
    return int((_DIGIT_CODES[right] | ~is_word).sum())


def _observe_arithmetic(view: UnitText) -> Iterator[Evidence]:
    code = view.segments.code
    if count_signs_between_digits(code) < MIN_ARITHMETIC:
        return
    matches = _ARITHMETIC.findall(code)
    if len(matches) < MIN_ARITHMETIC:
        return
    lines = (line.strip() for line in code.split("\n"))
    n_lines = sum(bool(line.strip("#")) for line in lines)
    first = _ARITHMETIC.search(code)
    start = first.start() if first else 0
    yield view.evidence(
        "int_arith_density",
        code.count("\n", 0, start) + 1,
        len(matches) / max(n_lines, 1),
        view.unit.source[start : start + MAX_EXCERPT_CHARS].partition("\n")[0],
        f"{len(matches)} sums of constants on {n_lines} lines of code",
    )


# The names that packers leave in their output; the words alone are common in honest prose.
_PACKERS = (
    ("pyarmor", late_regex(r"__pyarmor__|pyarmor_runtime|from pytransform|pyarmor\.dashingsoft")),
    ("hyperion", late_regex(r"# ?(?:obfuscated|encrypted)[^\n]{0,40}hyperion|class hyperion\b")),
    ("blankobf", late_regex(r"blankobf")),
    ("oxyry", late_regex(r"oxyry")),
    (
        "kramer",
        late_regex(r"\bkramer\b[^\n]{0,40}(?:obf|specter)|specter[^\n]{0,20}kramer|class kramer\b"),
    ),
    ("py-fuscate", late_regex(r"py-fuscate|pyfuscate")),
    ("pyobfuscate", late_regex(r"pyobfuscate\.com")),
    ("freecodingtools", late_regex(r"freecodingtools")),
    ("development-tools.net", late_regex(r"development-tools\.net")),
    ("obfuscated ", late_regex(r"#[^\n]{0,40}obfuscated (?:by|with|using) ")),
    ("encoded by", late_regex(r"#[^\n]{0,40}\bencoded by [^\n]{0,60}(?:http|@|t\.me|github)")),
    ("berserker", late_regex(r"berserker[^\n]{0,40}obf|obf[^\n]{0,40}berserker")),
    ("pyminifier", late_regex(r"created by pyminifier")),
)


def _observe_packers(view: UnitText) -> Iterator[Evidence]:
    lowered = view.lowered
    for word, pattern in _PACKERS:
        match = pattern.search(lowered) if word in lowered else None
        if match is not None:
            line = lowered.count("\n", 0, match.start()) + 1
            excerpt = lowered[match.start() : match.start() + MAX_EXCERPT_CHARS].partition("\n")[0]
            yield view.evidence("packer_marker", line, 1.0, excerpt)
            return


_NAME_BYTES = bytes(
    byte if chr(byte).isascii() and (chr(byte).isalnum() or byte == ord("_")) else ord(" ")
    for byte in range(256)
)


_LAST_NUMBER = ":"


def _observe_identifiers(view: UnitText) -> Iterator[Evidence]:
    sample = view.segments.code[:MAX_SAMPLE_CHARS].encode("latin-1", errors="replace")
    words = Counter(sample.translate(_NAME_BYTES).decode("ascii").split())
    # Digits come before all letters.
    counts = {word: count for word, count in words.items() if word > _LAST_NUMBER and len(word) > 1}
    if len(counts) < MIN_IDENTIFIERS:
        return
    gini = gini_coefficient(np.fromiter(counts.values(), dtype=np.float64, count=len(counts)))
    yield view.evidence("token_gini", 0, gini)
    names = [name[:60] for name in counts if len(name) >= 5]
    if len(names) < MIN_IDENTIFIERS:
        return
    bits = popular_names().letters.surprisals(names)
    middle = int(np.argsort(bits)[len(bits) // 2])
    yield view.evidence("identifier_surprisal", 0, float(bits[middle]), names[middle])


def gini_coefficient(counts: NDArray[np.float64]) -> float:
    """0 when all counts are equal, towards 1 when few have it all."""
    ordered = np.sort(counts)
    ranks = np.arange(1, len(ordered) + 1)
    total = ordered.sum()
    return float((2 * ranks - len(ordered) - 1) @ ordered / (len(ordered) * total))
