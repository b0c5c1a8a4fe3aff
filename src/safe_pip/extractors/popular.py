"""Popular project names, and which of them another name is easily mistaken for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from numpy.typing import NDArray

from safe_pip.extractors.char_model import CharModel
from safe_pip.extractors.dated_list import load_list

POPULAR_NAMES = "popular_names.txt.gz"
N_TARGETS = 5_000
MAX_NAME_CHARS = 64
MIN_CHARS_FOR_TWO_EDITS = 8
_TWO_EDITS_LIKENESS = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class NameMatch:
    """A popular name that another one resembles. ``rank`` counts from 1 (most downloaded);
    ``closeness`` is 0 to 1: how alike, times how popular; ``manner`` says how they differ."""

    popular: str
    rank: int
    closeness: float
    manner: str


@cache
def popular_names() -> PopularNames:
    """The shipped list; read once a process."""
    return PopularNames(load_list(POPULAR_NAMES).entries)


class PopularNames:
    """Looks up which popular name another name resembles.

    ``names`` are canonical and the most downloaded first. All are known; only the first
    N_TARGETS are worth squatting on. A name that is itself in the list resembles nothing.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._targets = tuple(names[:N_TARGETS])
        self._rank_of = {name: rank for rank, name in enumerate(names, start=1)}

    def __contains__(self, name: str) -> bool:
        return name in self._rank_of

    def __iter__(self) -> Iterator[str]:
        """The names, the most downloaded first."""
        return iter(self._rank_of)

    def is_target(self, name: str) -> bool:
        return self._rank_of.get(name, N_TARGETS + 1) <= N_TARGETS

    def nearest(self, name: str, *, max_edits: int = 2) -> NameMatch | None:
        """The popular name that ``name`` (canonical) is most easily mistaken for.

        The distance is Damerau's (optimal string alignment); two edits count in long names only.
        Edits that the eye or the finger does not notice count as closer.
        """
        name = name[:MAX_NAME_CHARS]
        if name in self:
            return None
        if len(name) < MIN_CHARS_FOR_TWO_EDITS:
            max_edits = 1
        candidates = [*self._same_when_squeezed(name), *self._few_edits(name, max_edits)]
        nearest = max(candidates, key=lambda match: match.closeness, default=None)
        return nearest if nearest is not None and nearest.closeness > 0 else None

    def extended(self, name: str) -> NameMatch | None:
        """The popular name to which ``name`` adds a usual prefix or suffix."""
        name = name[:MAX_NAME_CHARS]
        if name in self:
            return None
        found = [
            self._match(core, likeness=1.0, manner=f"adds {affix!r} to")
            for core, affix in _without_affix(name)
            if self.is_target(core)
        ]
        return max(found, key=lambda match: match.closeness, default=None)

    def surprisal(self, name: str) -> float:
        """Bits a character; a popular name counts as if it were not in the list."""
        name = name[:MAX_NAME_CHARS]
        if self.is_target(name):
            return self._letters.surprisal_unseen(name)
        return float(self._letters.surprisals([name])[0])

    @property
    def letters(self) -> CharModel:
        return self._letters

    @cached_property
    def _letters(self) -> CharModel:
        return CharModel(self._targets)

    def _same_when_squeezed(self, name: str) -> Iterator[NameMatch]:
        for squeeze, likeness, manner in (
            (_without_separators, 1.0, "only its separators differ"),
            (_homoglyph_form, 1.0, "looks the same but is not the same"),
            (_sorted_tokens, 0.8, "has the same words in another order"),
        ):
            popular = self._squeezed[squeeze.__name__].get(squeeze(name))
            if popular is not None:
                yield self._match(popular, likeness=likeness, manner=manner)

    @cached_property
    def _squeezed(self) -> Mapping[str, Mapping[str, str]]:
        """For each way to squeeze: squeezed form → the most popular name that has it."""
        names = self._targets[::-1]
        # All names in one text: five thousand calls would take three times as long.
        text = "\n".join(names)
        return {
            _without_separators.__name__: _by_line(_without_separators(text), names),
            _homoglyph_form.__name__: _by_line(_homoglyph_form(text), names),
            _sorted_tokens.__name__: {
                _sorted_tokens(name) if "-" in name else name: name for name in names
            },
        }

    def _few_edits(self, name: str, max_edits: int) -> Iterator[NameMatch]:
        # One edit changes the letter counts by at most two, so that numpy leaves few candidates.
        distances = np.abs(self._letter_counts - _letter_counts([name])).sum(axis=1)
        for position in np.flatnonzero(distances <= 2 * max_edits):
            popular = self._targets[position]
            likeness, manner = _edit_likeness(popular, name)
            if likeness > (_TWO_EDITS_LIKENESS if max_edits == 1 else 0.0):
                yield self._match(popular, likeness=likeness, manner=manner)

    @cached_property
    def _letter_counts(self) -> NDArray[np.int8]:
        return _letter_counts(self._targets)

    def _match(self, popular: str, *, likeness: float, manner: str) -> NameMatch:
        rank = self._rank_of[popular]
        closeness = likeness * _popularity_weight(rank) * _length_weight(popular)
        return NameMatch(popular=popular, rank=rank, closeness=closeness, manner=manner)


def _by_line(text: str, names: Sequence[str]) -> Mapping[str, str]:
    """The last name for each line of a text that has one for each name."""
    return dict(zip(text.split("\n"), names, strict=bool(names)))


def _popularity_weight(rank: int) -> float:
    """1 at the top, falling with the logarithm of the rank to 0.4 at the last target."""
    return 1.0 - 0.6 * float(np.log1p(rank / 50) / np.log1p(N_TARGETS / 50))


def _length_weight(popular: str) -> float:
    """Short names have honest neighbours: most pairs and triples of letters are taken."""
    return {1: 0.0, 2: 0.0, 3: 0.2, 4: 0.45, 5: 0.7, 6: 0.85}.get(len(popular), 1.0)


_HOMOGLYPHS = str.maketrans("01i", "oll", "-")


def _without_separators(name: str) -> str:
    return name.replace("-", "")


def _homoglyph_form(name: str) -> str:
    return name.translate(_HOMOGLYPHS).replace("rn", "m").replace("vv", "w")


def _sorted_tokens(name: str) -> str:
    return "-".join(sorted(name.split("-")))


_LETTER_CLASSES = np.full(256, 37, dtype=np.int64)
for _class, _letter in enumerate("abcdefghijklmnopqrstuvwxyz0123456789-"):
    _LETTER_CLASSES[ord(_letter)] = _class


def _letter_counts(names: Sequence[str]) -> NDArray[np.int8]:
    """How often each letter is in each name, int8, shape (len(names), 38)."""
    data = np.frombuffer("".join(names).encode("latin-1", errors="replace"), dtype=np.uint8)
    owners = np.repeat(np.arange(len(names)), [len(name) for name in names])
    cells = np.bincount(owners * 38 + _LETTER_CLASSES[data], minlength=len(names) * 38)
    return cells.reshape(len(names), 38).astype(np.int8)


_KEYBOARD_ROWS = ("1234567890-", "qwertyuiop", "asdfghjkl", "zxcvbnm")


def _keyboard_neighbours() -> frozenset[tuple[str, str]]:
    """Pairs of letters that touch each other on a QWERTY keyboard."""
    place = {key: (x, y) for y, row in enumerate(_KEYBOARD_ROWS) for x, key in enumerate(row)}
    return frozenset(
        (first, second)
        for first, (x1, y1) in place.items()
        for second, (x2, y2) in place.items()
        if first != second and abs(y1 - y2) <= 1 and -1 <= (x2 - x1) * (1 if y2 >= y1 else -1) <= 1
    )


_NEIGHBOURS = _keyboard_neighbours()


def _edit_likeness(popular: str, name: str) -> tuple[float, str]:
    """How alike two names are that differ by one or two edits, and in which manner; else 0."""
    start = _common_prefix_length(popular, name)
    end = _common_prefix_length(popular[start:][::-1], name[start:][::-1])
    old, new = popular[start : len(popular) - end], name[start : len(name) - end]
    match len(old), len(new):
        case 1, 1 if (old, new) in _NEIGHBOURS:
            return 0.9, f"one neighbouring key ({old!r} for {new!r}) away"
        case 1, 1:
            return 0.85, f"one letter ({old!r} for {new!r}) away"
        case 2, 2 if old == new[::-1]:
            return 0.95, "two swapped letters away"
        case 0, 1 if start and new == popular[start - 1]:
            return 0.95, "one doubled letter away"
        case 0, 1:
            return 0.85, f"one added letter ({new!r}) away"
        case 1, 0:
            return 0.9, f"one missing letter ({old!r}) away"
        case _ if len(popular) >= MIN_CHARS_FOR_TWO_EDITS and _is_two_edits(old, new):
            return _TWO_EDITS_LIKENESS, "two letters away"
    return 0.0, ""


def _common_prefix_length(first: str, second: str) -> int:
    length = 0
    for one, other in zip(first, second, strict=False):
        if one != other:
            break
        length += 1
    return length


def _is_two_edits(old: str, new: str) -> bool:
    """Whether the optimal string alignment distance is at most two."""
    if abs(len(old) - len(new)) > 2:
        return False
    before: list[int] = []
    row = list(range(len(new) + 1))
    for i, left in enumerate(old, start=1):
        before, previous, row = row, before, [i]
        for j, right in enumerate(new, start=1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (left != right))
            if i > 1 and j > 1 and left == new[j - 2] and old[i - 2] == right:
                cost = min(cost, previous[j - 2] + 1)
            row.append(cost)
    return row[-1] <= 2


_AFFIX_WORDS = (
    "py python python3 py3 pip lib sdk dev api client cli tool tools util utils core plus pro new "
    "beta test tests x s js ng v2 v3 extra extras async aio official fix fixed easy simple fast "
    "super build binary master latest update free helper package module 1 2 3 4 io app"
)
_AFFIXES = frozenset(_AFFIX_WORDS.split())
_GLUED_AFFIXES = ("python", "py", "lib", "sdk", "dev", "api", "2", "3", "4", "s", "x", "js")
MIN_CORE_CHARS = 4


def _without_affix(name: str) -> Iterator[tuple[str, str]]:
    """Every (core, affix) that the name may be made of."""
    first, _, rest = name.partition("-")
    if first in _AFFIXES and rest:
        yield rest, f"{first}-"
    front, _, last = name.rpartition("-")
    if last in _AFFIXES and front:
        yield front, f"-{last}"
    for affix in _GLUED_AFFIXES:
        if name.endswith(affix) and len(name) - len(affix) >= MIN_CORE_CHARS:
            yield name.removesuffix(affix), affix
        if affix.isalpha() and name.startswith(affix) and len(name) - len(affix) >= MIN_CORE_CHARS:
            yield name.removeprefix(affix), affix
