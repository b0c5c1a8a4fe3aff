"""Text features of literals: long, random, encoded, and what they decode to."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from safe_pip.evidence import MAX_EXCERPT_CHARS, Evidence, Location, Surface
from safe_pip.extractors.decoding import Budget, Decoded, decode_layers, is_python_code
from safe_pip.extractors.encodings import EncodedPart, entropy
from safe_pip.extractors.literals import Literal
from safe_pip.extractors.unit_text import UnitText
from safe_pip.feature import Feature, Fold, Group

MAX_EVIDENCE = 20
MIN_ENTROPY_BITS = 4.5
MIN_RATIO_BYTES = 100
MAX_ATTEMPTS = 400

FEATURES = (
    Feature(
        name="longest_string",
        group=Group.TEXT,
        fold=Fold.MAX,
        clip=math.log1p(100_000),
        reason="the paper's long string, as a length in place of more than forty characters",
        says="holds a very long string without blanks",
    ),
    Feature(
        name="hi_entropy_strings",
        group=Group.TEXT,
        fold=Fold.COUNT,
        is_monotone=True,
        clip=math.log1p(MAX_EVIDENCE),
        reason="encrypted and packed data is random; digests, keys, pictures and URLs are left out",
        says="holds a long random-looking string",
    ),
    Feature(
        name="encoded_ratio",
        group=Group.TEXT,
        fold=Fold.MAX,
        is_monotone=True,
        clip=1.0,
        reason="a packed file is mostly payload; the worst file counts, so nothing dilutes it",
        says="consists mostly of encoded data",
    ),
    Feature(
        name="encoded_len",
        group=Group.TEXT,
        fold=Fold.MAX,
        is_monotone=True,
        clip=math.log1p(100_000),
        reason="a payload has to be carried, and code around it cannot make it shorter",
        says="holds a long piece of encoded data",
    ),
    Feature(
        name="fernet_literal",
        group=Group.TEXT,
        fold=Fold.ANY,
        is_monotone=True,
        reason="half of 2024's malicious families carried a Fernet token; no honest code does",
        says="carries an encrypted payload",
    ),
    Feature(
        name="decodes_to_code",
        group=Group.TEXT,
        fold=Fold.COUNT,
        is_monotone=True,
        clip=math.log1p(MAX_EVIDENCE),
        reason="the literal was decoded and is code: verified, so hardly ever wrong",
        says="hides code in an encoded string",
    ),
    Feature(
        name="decode_depth",
        group=Group.TEXT,
        fold=Fold.MAX,
        is_monotone=True,
        clip=math.log1p(50),
        reason="layers upon layers (fifty in one known release) serve only to hide",
        says="hides code under several layers of encoding",
    ),
    Feature(
        name="needless_escapes",
        group=Group.TEXT,
        fold=Fold.MAX,
        is_monotone=True,
        clip=math.log1p(10_000),
        reason="letters written as numbers hide words from a search and serve nothing else",
        says="writes plain text as character codes",
    ),
    Feature(
        name="hidden_url",
        group=Group.TEXT,
        fold=Fold.ANY,
        is_monotone=True,
        reason="an address that must be decoded first is meant not to be found",
        says="hides a web address in an encoded string",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class HiddenPayload:
    """What was found behind an encoded literal; ``shown`` is the literal's beginning."""

    line: int
    surface: Surface
    shown: str
    decoded: Decoded

    @property
    def as_literal(self) -> Literal:
        """The readable payload, at the literal's place."""
        return Literal(text=self.decoded.text, line=self.line, surface=self.surface, is_folded=True)


# A token's version byte and the high bytes of its time (2004 to 2038), in base 64, also once more
# in base 16.
_FERNET = re.compile(
    r"(?<![A-Za-z0-9+/_-])(?:gAAAAAB[A-Za-z0-9_-]{90}|67414141414142[0-9a-f]{180})"
)


def observe_literals(view: UnitText, payloads: Sequence[HiddenPayload]) -> Iterator[Evidence]:
    """Evidence about one unit's literals and number lists; ``payloads`` are those of the unit."""
    yield from _observe_longest(view)
    parts = view.encoded_parts
    yield from _observe_entropy(view, parts)
    yield from _observe_encoded(view, [part for part in parts if part.is_certain])
    for literal in view.literals:
        if len(literal.text) > 100 and _FERNET.search(literal.text):
            yield _evidence(view, "fernet_literal", literal, 1.0, literal.text)
        if literal.n_needless_escapes:
            value = math.log1p(literal.n_needless_escapes)
            yield _evidence(view, "needless_escapes", literal, value, literal.text)
    yield from _observe_payloads(view, payloads)


def hidden_payloads(view: UnitText) -> Sequence[HiddenPayload]:
    """What the unit's encoded literals hold, as far as the decoding budget reaches."""
    found = []
    budget = Budget.for_unit(len(view.unit.source))
    # The longest first: if the budget ends, it ends at what carries least.
    parts = sorted(view.encoded_parts, key=lambda part: -part.n_chars)
    for part in parts[:MAX_ATTEMPTS]:
        decoded = decode_layers(part.data, budget, n_undone=part.n_undone)
        if decoded is not None:
            found.append(
                HiddenPayload(
                    line=part.line, surface=part.surface, shown=_shown(part), decoded=decoded
                )
            )
    found.extend(_folded_code(view))
    return found[:MAX_EVIDENCE]


def _observe_longest(view: UnitText) -> Iterator[Evidence]:
    words = (
        literal
        for literal in view.literals
        if len(literal.text) > 40 and not any(blank in literal.text for blank in " \t")
    )
    longest = max(words, key=lambda literal: len(literal.text), default=None)
    if longest is not None:
        value = math.log1p(len(longest.text))
        yield _evidence(view, "longest_string", longest, value, longest.text)


def _observe_entropy(view: UnitText, parts: tuple[EncodedPart, ...]) -> Iterator[Evidence]:
    random = (
        part
        for part in parts
        if part.is_certain
        and not part.n_undone
        and (part.encoding == "binary" or _entropy_bits(part) > MIN_ENTROPY_BITS)
    )
    for _, part in zip(range(MAX_EVIDENCE), random, strict=False):
        yield _evidence(view, "hi_entropy_strings", part, 1.0, _shown(part))


def _entropy_bits(part: EncodedPart) -> float:
    return entropy(part.data[:4_000].decode("latin-1"))


def _observe_encoded(view: UnitText, parts: list[EncodedPart]) -> Iterator[Evidence]:
    n_encoded = sum(part.n_chars for part in parts)
    if n_encoded < MIN_RATIO_BYTES:
        return
    longest = max(parts, key=lambda part: part.n_chars)
    ratio = min(n_encoded / max(len(view.unit.source), 1), 1.0)
    detail = f"{n_encoded} characters of {longest.encoding} and the like"
    yield _evidence(view, "encoded_ratio", longest, ratio, _shown(longest), detail)
    value = math.log1p(longest.n_chars)
    yield _evidence(view, "encoded_len", longest, value, _shown(longest), detail)


def _observe_payloads(view: UnitText, payloads: Sequence[HiddenPayload]) -> Iterator[Evidence]:
    for payload in payloads:
        decoded = payload.decoded
        excerpt = f"{payload.shown[:60]} → {decoded.text}" if payload.shown else decoded.text
        if decoded.payload == "URL":
            yield _evidence(view, "hidden_url", payload, 1.0, excerpt, "decodes to a web address")
            continue
        detail = f"decodes to {decoded.payload}; layers undone: {decoded.n_layers}"
        yield _evidence(view, "decodes_to_code", payload, 1.0, excerpt, detail)
        depth = math.log1p(decoded.n_layers)
        yield _evidence(view, "decode_depth", payload, depth, excerpt, detail)


_WORD = re.compile(r"[A-Za-z_]{4,40}")
MIN_WORDS = 3
MAX_WORDS = 40
MAX_FOLDED = 100


def _folded_code(view: UnitText) -> Iterator[HiddenPayload]:
    """Literals that the code itself decodes from constants into code."""
    folded = [literal for literal in view.literals if literal.is_folded and len(literal.text) >= 24]
    for literal in sorted(folded, key=lambda literal: -len(literal.text))[:MAX_FOLDED]:
        if _is_hidden(literal.text, view):
            decoded = Decoded(payload="Python", n_layers=1, text=literal.text)
            yield HiddenPayload(
                line=literal.line, surface=literal.surface, shown="", decoded=decoded
            )


def _is_hidden(text: str, view: UnitText) -> bool:
    """Whether a text is code that a reader of the source does not see.

    What was joined or filled in stands in the source word by word; what was decoded does not.
    """
    words = sorted(set(_WORD.findall(text[:5_000])))[:MAX_WORDS]
    if len(words) < MIN_WORDS:
        return False
    n_seen = 0
    for word in words:
        n_seen += word in view.unit.source
        if n_seen >= 0.5 * len(words):
            return False
    return is_python_code(text)


def _shown(part: EncodedPart) -> str:
    return part.data[:MAX_EXCERPT_CHARS].decode("latin-1")


def _evidence(
    view: UnitText,
    feature: str,
    at: Literal | EncodedPart | HiddenPayload,
    value: float,
    excerpt: str,
    detail: str = "",
) -> Evidence:
    return Evidence(
        feature=feature,
        location=Location(path=view.unit.path, line=at.line),
        value=value,
        surface=at.surface,
        excerpt=excerpt[:MAX_EXCERPT_CHARS],
        detail=detail,
    )
