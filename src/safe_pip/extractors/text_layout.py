"""Text features of layout: what a reader of the source would not see, or could not read."""

from __future__ import annotations

import ast
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator

import numpy as np

from safe_pip.evidence import MAX_EXCERPT_CHARS, Evidence, Location
from safe_pip.extractors.literals import UnitText
from safe_pip.extractors.popular import popular_names
from safe_pip.feature import Feature, Fold, Group

PADDING_CHARS = 80
MAX_EVIDENCE = 20
MAX_SAMPLE_CHARS = 40_000
MIN_IDENTIFIERS = 20
MIN_ARITHMETIC = 20
MIN_COMMENTED_CHARS = 500

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


def observe_layout(view: UnitText) -> Iterator[Evidence]:
    """Evidence about the look of one unit; counts of names and comments only where it earned a
    full look, since they are context for what the code does."""
    yield from _observe_longest_line(view)
    source = view.unit.source
    if " " * PADDING_CHARS in source or "\t" * (PADDING_CHARS // 8) in source:
        yield from _observe_padding(view)
    if not source.isascii():
        if _INVISIBLE.search(source, 1) is not None:
            yield from _observe_invisible(view)
        if not view.segments.code.isascii():
            yield from _observe_confusable(view)
    if not view.is_earned:
        return
    yield from _observe_packers(view)
    yield from _observe_arithmetic(view)
    if len(source) >= MIN_COMMENTED_CHARS:
        yield _evidence(view, "comment_ratio", 0, view.segments.n_comment_chars / len(source))
    yield from _observe_identifiers(view)


def _observe_longest_line(view: UnitText) -> Iterator[Evidence]:
    source = view.unit.source
    data = np.frombuffer(source.encode("utf-8", errors="replace"), dtype=np.uint8)
    ends = np.concatenate(([-1], np.flatnonzero(data == ord("\n")), [len(data)]))
    lengths = np.diff(ends) - 1
    longest = int(lengths.argmax())
    if lengths[longest]:
        value = math.log1p(int(lengths[longest]))
        start = int(ends[longest]) + 1
        excerpt = data[start : start + MAX_EXCERPT_CHARS].tobytes().decode(errors="replace")
        yield _evidence(view, "max_line_len", longest + 1, value, excerpt.partition("\n")[0])


_CONSPICUOUS = re.compile(r"\b(?:exec|eval|compile|import|__import__|os|subprocess|base64)\b")
MIN_CALL_COLUMN = 150


def _observe_padding(view: UnitText) -> Iterator[Evidence]:
    for number, line in _wide_lines(view.segments.code):
        before, after = _around_padding(line)
        written = view.unit.source.split("\n", number)[number - 1]
        excerpt = f"{before.strip()[-60:]} … {written[-len(after) :].strip()}"
        if after[0] == ";" or before.endswith(";"):
            yield _evidence(view, "semicolon_after_pad", number, 1.0, excerpt)
            yield _evidence(view, "offscreen_code", number, 1.0, excerpt)
        elif _is_offscreen(view, number, before, after):
            yield _evidence(view, "offscreen_code", number, 1.0, excerpt)


def _is_offscreen(view: UnitText, number: int, before: str, after: str) -> bool:
    """Whether the blanks stand before a statement or a conspicuous call, and do not just align
    a table or a continued line."""
    if _CONSPICUOUS.search(after) and len(before) + PADDING_CHARS >= MIN_CALL_COLUMN:
        return True
    return not before and number in _statement_lines(view.unit.tree)


def _wide_lines(code: str) -> Iterator[tuple[int, str]]:
    """Number and text of the first lines with code behind a run of blanks, tabs widened."""
    n_found = 0
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


def _statement_lines(tree: ast.Module | None) -> set[int]:
    """The lines on which a statement begins."""
    if tree is None:
        return set()
    return {node.lineno for node in ast.walk(tree) if isinstance(node, ast.stmt)}


_BIDI = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
_ZERO_WIDTH = (
    "\u200b\u200c\u200d\u2060\u2061\u2062\u2063\u2064\ufeff\u00ad\u180e\u115f\u1160\u3164\uffa0"
)
_INVISIBLE = re.compile(f"[{_BIDI}{_ZERO_WIDTH}\ufe00-\ufe0f\U000e0000-\U000e01ef]")
_RUN_OF_INVISIBLE = re.compile(
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
        yield _evidence(view, "invisible_chars", line, 1.0, excerpt, detail)


_BIDI_CHAR = re.compile(f"[{_BIDI}]")


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


_FOREIGN_NAME = re.compile(r"\b\w*[^\x00-\x7f\W]\w*")
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
        yield _evidence(view, "confusable_ids", line, 1.0, name, f"is read as {ascii(reads)[:80]}")
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


_ARITHMETIC = re.compile(
    r"(?<![\w.])(?:0x[0-9a-fA-F]+|\d+)\s?(?:[-+*^|&%]|//|<<|>>)\s?[-~(]{0,3}\d"
)


_SIGN_CODES = np.zeros(256, dtype=bool)
_SIGN_CODES[list(b"+-*/%^|&<>")] = True
_LETTER_CODES = np.zeros(256, dtype=bool)
_LETTER_CODES[list(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_\n")] = True


def count_signs_between_digits(code: str) -> int:
    """An upper bound of the sums of constants: signs with a digit near both sides."""
    data = np.frombuffer(code.encode("latin-1", errors="replace"), dtype=np.uint8)
    if len(data) < 5:
        return 0
    signs = np.flatnonzero(_SIGN_CODES[data[2:-2]]) + 2
    is_digit = (data >= ord("0")) & (data <= ord("9"))
    # A second sign (``//``, ``<<``, a minus), a blank or a bracket may stand in between.
    has_left = is_digit[signs - 1] | is_digit[signs - 2]
    is_word = _LETTER_CODES[data[signs + 1]] | _LETTER_CODES[data[signs + 2]]
    has_right = is_digit[signs + 1] | ~is_word
    # X_LETTER_CODES[data[signs + 1]] | _LETTER_CODES[data[signs + 2]])
    return int((has_left & has_right).sum())


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
    yield _evidence(
        view,
        "int_arith_density",
        code.count("\n", 0, start) + 1,
        len(matches) / max(n_lines, 1),
        view.unit.source[start : start + MAX_EXCERPT_CHARS].partition("\n")[0],
        f"{len(matches)} sums of constants on {n_lines} lines of code",
    )


# The names that packers leave in their output; the words alone are common in honest prose.
_PACKERS = (
    ("pyarmor", re.compile(r"__pyarmor__|pyarmor_runtime|from pytransform|pyarmor\.dashingsoft")),
    ("hyperion", re.compile(r"# ?(?:obfuscated|encrypted)[^\n]{0,40}hyperion|class hyperion\b")),
    ("blankobf", re.compile(r"blankobf")),
    ("oxyry", re.compile(r"oxyry")),
    ("kramer", re.compile(r"\bkramer\b[^\n]{0,40}(?:obf|specter)|specter[^\n]{0,20}kramer")),
    ("py-fuscate", re.compile(r"py-fuscate|pyfuscate")),
    ("pyobfuscate", re.compile(r"pyobfuscate\.com")),
    ("freecodingtools", re.compile(r"freecodingtools")),
    ("development-tools.net", re.compile(r"development-tools\.net")),
    ("obfuscated ", re.compile(r"#[^\n]{0,40}obfuscated (?:by|with|using) ")),
    ("encoded by", re.compile(r"#[^\n]{0,40}\bencoded by [^\n]{0,60}(?:http|@|t\.me|github)")),
    ("berserker", re.compile(r"berserker[^\n]{0,40}obf|obf[^\n]{0,40}berserker")),
    ("pyminifier", re.compile(r"created by pyminifier")),
)


def _observe_packers(view: UnitText) -> Iterator[Evidence]:
    lowered = view.lowered
    for word, pattern in _PACKERS:
        match = pattern.search(lowered) if word in lowered else None
        if match is not None:
            line = lowered.count("\n", 0, match.start()) + 1
            excerpt = lowered[match.start() : match.start() + MAX_EXCERPT_CHARS].partition("\n")[0]
            yield _evidence(view, "packer_marker", line, 1.0, excerpt)
            return


_NAME_BYTES = bytes(
    byte if chr(byte).isascii() and (chr(byte).isalnum() or byte == ord("_")) else ord(" ")
    for byte in range(256)
)


def _observe_identifiers(view: UnitText) -> Iterator[Evidence]:
    sample = view.segments.code[:MAX_SAMPLE_CHARS].encode("latin-1", errors="replace")
    words = Counter(sample.translate(_NAME_BYTES).split())
    counts = {
        word: count for word, count in words.items() if len(word) > 1 and not word[:1].isdigit()
    }
    if len(counts) < MIN_IDENTIFIERS:
        return
    gini = gini_coefficient(np.fromiter(counts.values(), dtype=np.float64, count=len(counts)))
    yield _evidence(view, "token_gini", 0, gini)
    names = [name[:60].decode() for name in counts if len(name) >= 5]
    if len(names) < MIN_IDENTIFIERS:
        return
    bits = popular_names().letters.surprisals(names)
    middle = int(np.argsort(bits)[len(bits) // 2])
    yield _evidence(view, "identifier_surprisal", 0, float(bits[middle]), names[middle])


def gini_coefficient(counts: np.typing.NDArray[np.float64]) -> float:
    """0 when all counts are equal, towards 1 when few have it all."""
    ordered = np.sort(counts)
    ranks = np.arange(1, len(ordered) + 1)
    total = ordered.sum()
    return float((2 * ranks - len(ordered) - 1) @ ordered / (len(ordered) * total))


def _evidence(
    view: UnitText, feature: str, line: int, value: float, excerpt: str = "", detail: str = ""
) -> Evidence:
    return Evidence(
        feature=feature,
        location=Location(path=view.unit.path, line=line),
        value=value,
        surface=view.unit.surface,
        excerpt=excerpt[:MAX_EXCERPT_CHARS],
        detail=detail,
    )
