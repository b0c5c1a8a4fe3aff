"""The index of popular projects' code that ships with the package: what a copy is known by.

Made by ``python -m model.originals index``; digests only, no code. See ``fingerprints`` for them.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple, dataclass, field
from functools import cache, cached_property
from importlib import resources
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from safe_pip.extractors.wheel_layout import is_test_or_doc

ORIGINALS = "originals.npz"
Kind = Literal["grams", "acts", "texts", "paths"]
_KINDS: tuple[Kind, ...] = ("grams", "acts", "texts", "paths")
_VENDORED = re.compile(
    r"(?:^|/)(?:_?vendor(?:ed)?|_vendored_?\w*|_?third_?party|3rdparty|_?extern(?:als?)?"
    r"|_?bundled?|site-packages|node_modules)/",
    re.IGNORECASE,
)
_SET_UP = frozenset(("setup.py", "conftest.py", "versioneer.py", "noxfile.py", "tasks.py"))
_SOURCE_FOLDERS = frozenset(("src", "lib", "python"))


def is_vendored(path: str) -> bool:
    """Whether a file lies in a folder for copies of other projects, as many honest packages do."""
    return _VENDORED.search(path) is not None


def is_own_code(path: str) -> bool:
    """Whether a Python file is what a copy is made of: no copy of a third, no test, no set-up."""
    return not (is_vendored(path) or is_test_or_doc(path) or path in _SET_UP)


def split_root(path: str) -> tuple[str, str]:
    """The name of the top-level package or module of a Python file, and the path below it."""
    parts = path.split("/")
    while len(parts) > 1 and (parts[0] in _SOURCE_FOLDERS or parts[0].endswith(".data")):
        parts = parts[2:] if parts[0].endswith(".data") else parts[1:]
    if len(parts) <= 1:
        return path.rpartition("/")[2].partition(".")[0], ""
    return parts[0], "/".join(parts[1:])


@dataclass(frozen=True, slots=True, kw_only=True)
class Digests:
    """The digests of one project: sorted, of all its indexed releases together."""

    grams: NDArray[np.uint32]
    acts: NDArray[np.uint32]
    texts: NDArray[np.uint32]
    paths: NDArray[np.uint32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Original:
    """One project of the index.

    ``other_names`` are projects that hold the same code; ``roots`` its top-level packages.
    The index holds what lies below the bounds; ``typical_grams`` is how many of the grams one
    release has.
    """

    name: str
    other_names: tuple[str, ...] = ()
    roots: tuple[str, ...]
    gram_bound: int
    act_bound: int
    path_bound: int
    typical_grams: float
    digests: Digests = field(repr=False, compare=False)

    def count(self, grams: NDArray[np.uint32]) -> int:
        """How many of some distinct grams are this project's."""
        return int(np.isin(grams, self.digests.grams, assume_unique=True).sum())

    def has_act(self, digest: int) -> bool | None:
        """Whether some release has this line; None if the index does not hold all of them."""
        return _holds(self.digests.acts, digest) if digest < self.act_bound else None

    def has_path(self, digest: int) -> bool | None:
        """Whether some release has a file there; None if the index does not hold all of them."""
        return _holds(self.digests.paths, digest) if digest < self.path_bound else None

    def has_text(self, digest: int) -> bool:
        return _holds(self.digests.texts, digest)


class Originals:
    """Looks up whose code a set of grams is. ``origin`` says date and source.

    ``rows`` is what the index says of each project, in words and numbers; ``column`` gives the
    digests of one kind, those of all projects behind one another. It is asked for a kind once,
    and for no kind but grams until something is a copy.
    """

    def __init__(
        self,
        rows: Sequence[Row],
        column: Callable[[Kind], NDArray[np.uint32]],
        *,
        origin: str,
    ) -> None:
        self.origin = origin
        self._rows = tuple(rows)
        self._column = cache(column)
        self._starts = {
            kind: np.cumsum([0, *(row.counts[position] for row in rows)])
            for position, kind in enumerate(_KINDS)
        }
        self._names = {name for row in rows for name in (row.name, *row.other_names)}

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[Original]:
        return (self[position] for position in range(len(self._rows)))

    def __getitem__(self, position: int) -> Original:
        row = self._rows[position]
        return Original(
            name=row.name,
            other_names=row.other_names,
            roots=row.roots,
            gram_bound=row.gram_bound,
            act_bound=row.act_bound,
            path_bound=row.path_bound,
            typical_grams=row.typical_grams,
            digests=Digests(
                grams=self._digests("grams", position),
                acts=self._digests("acts", position),
                texts=self._digests("texts", position),
                paths=self._digests("paths", position),
            ),
        )

    def most_copied(self, grams: NDArray[np.uint32], *, min_hits: int = 1) -> Original | None:
        """The project the largest part of whose code is among the distinct grams, if at least
        ``min_hits`` of them are its own."""
        known, owners = self._owned_grams
        if not len(grams) or not len(known):
            return None
        places = np.minimum(np.searchsorted(known, grams), len(known) - 1)
        hits = np.bincount(owners[places[known[places] == grams]], minlength=len(self))
        typical = np.array([row.typical_grams for row in self._rows])
        best = int(np.argmax(hits * np.minimum(hits / typical, 1.0)))
        return self[best] if hits[best] >= min_hits else None

    def _digests(self, kind: Kind, position: int) -> NDArray[np.uint32]:
        start, end = self._starts[kind][position : position + 2]
        return self._column(kind)[start:end]

    @cached_property
    def _owned_grams(self) -> tuple[NDArray[np.uint32], NDArray[np.intp]]:
        """All grams, sorted, and the position of the project that has each."""
        owners = np.repeat(np.arange(len(self), dtype=np.uint64), np.diff(self._starts["grams"]))
        # One sort of numbers that hold both is several times as fast as an indirect sort.
        both = np.sort((self._column("grams").astype(np.uint64) << np.uint64(16)) | owners)
        return (both >> np.uint64(16)).astype(np.uint32), (both & np.uint64(0xFFFF)).astype(np.intp)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What the index says of a project, but for its digests. ``counts`` is how many of each kind
    it has, in the order of _KINDS."""

    name: str
    other_names: tuple[str, ...]
    roots: tuple[str, ...]
    gram_bound: int
    act_bound: int
    path_bound: int
    typical_grams: float
    counts: tuple[int, ...]


def _holds(values: NDArray[np.uint32], digest: int) -> bool:
    place = int(np.searchsorted(values, np.uint32(digest)))
    return place < len(values) and int(values[place]) == digest


@cache
def shipped_originals() -> Originals:
    """The shipped index; read once a process, and only if there is something to compare."""
    return unpack(resources.files("safe_pip.extractors").joinpath(ORIGINALS).read_bytes())


def index_of(originals: Sequence[Original], *, origin: str) -> Originals:
    """The index that some projects make up."""
    rows = [_row(original) for original in originals]
    columns = {kind: _joined(originals, kind) for kind in _KINDS}
    return Originals(rows, columns.__getitem__, origin=origin)


def pack(originals: Sequence[Original], *, origin: str) -> bytes:
    """The shipped form; the same for the same input."""
    if not origin:
        raise ValueError("an index that ships needs its date and source")
    rows = [astuple(_row(original)) for original in originals]
    header = json.dumps({"origin": origin, "projects": rows}, separators=(",", ":")).encode()
    planes = {
        kind: _planes(np.concatenate([_steps(getattr(each.digests, kind)) for each in originals]))
        for kind in _KINDS
    }
    target = io.BytesIO()
    np.savez_compressed(
        target,
        header=np.frombuffer(header, dtype=np.uint8),
        grams=planes["grams"],
        acts=planes["acts"],
        texts=planes["texts"],
        paths=planes["paths"],
    )
    return target.getvalue()


def unpack(data: bytes) -> Originals:
    """The index in its shipped form. Raises ValueError or KeyError for a damaged one."""
    stored = np.load(io.BytesIO(data), allow_pickle=False)
    header = json.loads(stored["header"].tobytes())
    rows = [
        Row(
            name=name,
            other_names=tuple(others),
            roots=tuple(roots),
            gram_bound=gram_bound,
            act_bound=act_bound,
            path_bound=path_bound,
            typical_grams=typical,
            counts=tuple(counts),
        )
        for name, others, roots, gram_bound, act_bound, path_bound, typical, counts in header[
            "projects"
        ]
    ]

    def column(kind: Kind) -> NDArray[np.uint32]:
        steps = _from_planes(stored[kind])
        # Each project's differences begin anew: the sums of all before it are taken off.
        sums = np.cumsum(steps, dtype=np.uint32)
        counts = [row.counts[_KINDS.index(kind)] for row in rows]
        starts = np.cumsum([0, *counts[:-1]])
        before = np.concatenate([np.zeros(1, dtype=np.uint32), sums])[starts]
        return np.asarray(sums - np.repeat(before, counts), dtype=np.uint32)

    return Originals(rows, column, origin=header["origin"])


def _row(original: Original) -> Row:
    return Row(
        name=original.name,
        other_names=original.other_names,
        roots=original.roots,
        gram_bound=original.gram_bound,
        act_bound=original.act_bound,
        path_bound=original.path_bound,
        typical_grams=round(original.typical_grams, 1),
        counts=tuple(len(getattr(original.digests, kind)) for kind in _KINDS),
    )


def _joined(originals: Sequence[Original], kind: Kind) -> NDArray[np.uint32]:
    arrays: list[NDArray[np.uint32]] = [getattr(each.digests, kind) for each in originals]
    return np.concatenate([np.zeros(0, dtype=np.uint32), *arrays])


def _steps(values: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Differences between sorted values: small numbers, which compress."""
    return np.diff(values, prepend=np.uint32(0))


def _planes(values: NDArray[np.uint32]) -> NDArray[np.uint8]:
    """First bytes, then second bytes, …: the last ones are mostly equal."""
    return np.ascontiguousarray(values.astype("<u4").view(np.uint8).reshape(-1, 4).T)


def _from_planes(planes: NDArray[np.uint8]) -> NDArray[np.uint32]:
    return np.ascontiguousarray(planes.T).view("<u4").reshape(-1).astype(np.uint32)
