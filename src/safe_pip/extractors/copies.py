"""Copies of popular projects under another name, and what the copy has that the original has not.

An attacker who wants to be installed copies a project that works, gives it another name and adds
a little. Honest forks do the same and add something else; so there is a feature, no verdict.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from safe_pip.distribution import Distribution
from safe_pip.evidence import MAX_EXCERPT_CHARS, Evidence, Location, Surface
from safe_pip.extractors import fingerprints
from safe_pip.extractors.chains import CHAINS, COMMON_CHAINS
from safe_pip.extractors.fact import fact
from safe_pip.extractors.originals import (
    Original,
    Originals,
    is_own_code,
    shipped_originals,
    split_root,
)
from safe_pip.extractors.popular import popular_names
from safe_pip.extractors.top_level import top_level_modules
from safe_pip.feature import Feature, Fold, Group

FEATURES: tuple[Feature, ...] = (
    Feature(
        name="copied_share",
        group=Group.FILE,
        fold=Fold.VALUE,
        clip=1.0,
        reason="a clone is mostly the code of its victim; so is an honest fork",
        says="is for the most part a popular project's code under another name",
    ),
    Feature(
        name="copied_whole",
        group=Group.FILE,
        fold=Fold.VALUE,
        is_monotone=True,
        clip=1.0,
        reason="whatever is added to it, the copy must stay whole to work",
        says="holds the whole of a popular project under another name",
    ),
    Feature(
        name="copied_changed_file",
        group=Group.FILE,
        fold=Fold.MAX,
        clip=1.0,
        reason="all is as it was but for the file that was tampered with",
        says="changes few files of a popular project that it copies",
    ),
    Feature(
        name="copied_changed_acts",
        group=Group.FILE,
        fold=Fold.COUNT,
        is_monotone=True,
        clip=4.0,
        reason="the payload hides among the many files of a project that works",
        says="is a copy of a popular project and acts where the original does not",
    ),
    Feature(
        name="copied_added_acts",
        group=Group.FILE,
        fold=Fold.COUNT,
        is_monotone=True,
        clip=4.0,
        reason="the payload is a file more in a project that works",
        says="is a copy of a popular project and acts in a file that the original does not have",
    ),
    Feature(
        name="copied_acts_unasked",
        group=Group.FILE,
        fold=Fold.COUNT,
        is_monotone=True,
        clip=4.0,
        reason="what is added to a copy does not wait until it is called",
        says="is a copy of a popular project and acts, without being called, "
        "where the original does not",
    ),
    Feature(
        name="copied_attacks",
        group=Group.FILE,
        fold=Fold.MAX,
        is_monotone=True,
        clip=1.0,
        reason="a fork mends or extends; it does not add a theft",
        says="is a copy of a popular project and attacks where the original does not",
    ),
)

MIN_HITS = 8
MIN_SHARE = 0.5
MIN_WHOLE = 0.35
MIN_NAMED_SHARE = 0.1
MIN_SAME_FILES = 0.5
MIN_TAMPERED_SAMENESS = 0.8
MIN_VOTES = 3
MIN_FILE_GRAMS = 4
MIN_FILE_SHARE = 0.3
MAX_FOLDER_DEPTH = 4
MAX_ROOTS = 6
_LIKELY = 0.5

_ACTS = frozenset(
    (
        "net_out", "proc_spawn", "dyn_exec", "secret_read", "native_code", "registry_change",
        "keylog_screen_cam", "hidden_lookup", "net_suspicious_host", "net_hidden_address",
        "net_odd_host", "net_sends_key", "net_unknown_host",
        "detached_spawn", "own_file_spawn", "pip_in_code", "persistence", "self_delete",
        *CHAINS,
    )
)  # fmt: skip
# A set-up script reads files, executes a version and calls a compiler in every other project.
_SET_UP_ACTS = frozenset(("net_out", "secret_read", "detached_spawn", "own_file_spawn",
                          *CHAINS)) - COMMON_CHAINS - {"chain_file_exec"}  # fmt: skip
_SET_UP_SURFACES = frozenset((Surface.SETUP, Surface.COMMAND_CLASS, Surface.BUILD_BACKEND))


class Comparison:
    """Compares the Python of a distribution with the index, file by file as it is read.

    A distribution that has the name of an indexed or popular project, or no name, is not compared:
    what is known by its own name does not live on another's.
    ``originals`` is the shipped index unless a test brings its own.
    """

    def __init__(self, distribution: Distribution, originals: Originals | None = None) -> None:
        self._distribution = distribution
        self._originals = originals
        self._grams: dict[str, NDArray[np.uint32]] = {}

    @cached_property
    def _index(self) -> Originals | None:
        name = self._distribution.project
        if name is None or name in popular_names():
            return None
        originals = self._originals or shipped_originals()
        return None if name in originals else originals

    @property
    def is_meaningful(self) -> bool:
        """Whether the distribution is one that is compared."""
        return self._index is not None

    def add(self, path: str, data: bytes) -> None:
        """Takes the fingerprints of one Python file."""
        if path.endswith(".py") and is_own_code(path) and self.is_meaningful:
            self._grams[path] = fingerprints.gram_digests(fingerprints.squeezed(data))

    def observe(self, acts: Iterable[Evidence]) -> Iterator[Evidence]:
        """Evidence of a copy, once all files were added. ``acts`` is the code group's evidence."""
        if self._index is None or not self._grams:
            return
        grams = np.unique(np.concatenate(list(self._grams.values())))
        original = self._index.most_copied(grams, min_hits=MIN_HITS)
        if original is None:
            return
        own = grams[grams < original.gram_bound]
        n_hits = original.count(own)
        share, whole = n_hits / len(own), min(1.0, n_hits / original.typical_grams)
        copy = _Copy(self._distribution, original, self._grams, share=share, whole=whole)
        if not copy.is_worth_a_word:
            return
        detail = (
            f"{share:.0%} of its own code is {original.name}'s, and {whole:.0%} of {original.name}"
            " is in it"
        )
        yield from fact("copied_share", share, excerpt=original.name, detail=detail)
        yield from fact("copied_whole", whole, excerpt=original.name, detail=detail)
        if share >= MIN_SHARE or whole >= MIN_WHOLE:
            yield from copy.changed_files()
            yield from copy.new_acts(acts)


def _removed_names(original: Original, own: frozenset[str]) -> tuple[frozenset[str], ...]:
    """The sets of package names without which a text may be the original's.

    The releases of a project may differ in their packages, each digest is without those of its
    release, and the copy's own names may be common words that the original writes as well.
    """
    single = [frozenset((root,)) for root in original.roots[:MAX_ROOTS]]
    sets = [frozenset(original.roots), *single]
    return tuple(dict.fromkeys(names for each in sets for names in (each | own, each)))


class _Copy:
    """A distribution beside the original that it copies."""

    def __init__(
        self,
        distribution: Distribution,
        original: Original,
        grams: Mapping[str, NDArray[np.uint32]],
        *,
        share: float,
        whole: float,
    ) -> None:
        self._original = original
        self._by_path = distribution.by_path
        self._grams = grams
        self._removed_names = _removed_names(original, top_level_modules(distribution))
        self._folder = self._folder_of_copy()
        self._share = share
        # What is added to a copy may lower its share, never how much of the original is there.
        self._weight = max(share, whole)
        self._kinds: dict[str, str] = {}
        self._last_read: tuple[str, list[bytes]] = ("", [])

    @property
    def is_worth_a_word(self) -> bool:
        """Whether this is more than a single file that many projects take from another."""
        return self._folder is not None or self._share >= MIN_NAMED_SHARE

    @property
    def _is_all(self) -> bool:
        return self._share >= MIN_SHARE

    @property
    def _is_on_top(self) -> bool:
        """Whether the copy is a top-level package, and no part of one."""
        return self._folder is not None and split_root(f"{self._folder}x.py")[1] == "x.py"

    @cached_property
    def _n_same_and_changed(self) -> tuple[int, int]:
        counts = Counter(map(self._kind_of, self._grams))
        return counts["same"], counts["changed"]

    @property
    def _sameness(self) -> float:
        """Which part is the same, of the files that are known to be the same or changed."""
        n_same, n_changed = self._n_same_and_changed
        return n_same / max(n_same + n_changed, 1)

    def changed_files(self) -> Iterator[Evidence]:
        """The files that differ from the original's, if most are the same; the fewer they are,
        the more each counts."""
        value, name = self._sameness, self._original.name
        if value < MIN_SAME_FILES:
            return
        for path in sorted(self._grams):
            if self._kind_of(path) == "changed":
                yield Evidence(
                    feature="copied_changed_file",
                    location=Location(path=path, line=1),
                    value=value,
                    excerpt=name,
                    detail=f"is a copy of {name}, of which this file was changed and "
                    f"{self._n_same_and_changed[0]} were not",
                )

    def new_acts(self, acts: Iterable[Evidence]) -> Iterator[Evidence]:
        """What the copy does on lines that the original does not have, each line once."""
        found: dict[Location, list[Evidence]] = {}
        for act in acts:
            feature = act.feature.removesuffix("_unasked")
            is_set_up = act.surface in _SET_UP_SURFACES
            if feature in (_SET_UP_ACTS if is_set_up else _ACTS):
                found.setdefault(act.location, []).append(act)
        for location in sorted(found, key=lambda location: (location.path, location.line)):
            kind = self._kind_of(location.path)
            novelty = self._novelty(location, kind) * self._weight
            if novelty:
                yield from self._acts_at(location, found[location], kind, novelty)

    def _acts_at(
        self, location: Location, acts: list[Evidence], kind: str, novelty: float
    ) -> Iterator[Evidence]:
        name = self._original.name
        where = f"{name} has no such file" if kind == "added" else f"{name} has no such line"
        unasked = [act for act in acts if act.surface.runs_unasked]
        attacks = [
            act
            for act in acts
            if act.feature.removesuffix("_unasked") in CHAINS.keys() - COMMON_CHAINS
        ]
        shown = max(acts, key=lambda act: (act.surface.runs_unasked, act.value, act.feature))
        features = [("copied_added_acts" if kind == "added" else "copied_changed_acts", novelty)]
        if unasked:
            features.append(("copied_acts_unasked", novelty))
        if attacks:
            features.append(("copied_attacks", novelty * max(act.value for act in attacks)))
        for feature, value in features:
            yield Evidence(
                feature=feature,
                location=location,
                value=value,
                surface=shown.surface,
                excerpt=shown.excerpt[:MAX_EXCERPT_CHARS],
                detail=f"is a copy of {name}; {where}: {shown.detail}"[:MAX_EXCERPT_CHARS],
            )

    # How a file stands to the original's

    def _kind_of(self, path: str) -> str:
        if path not in self._kinds:
            self._kinds[path] = self._judge(path)
        return self._kinds[path]

    def _judge(self, path: str) -> str:
        """``same``, ``changed`` or ``added``; ``unsure`` for a file of the copy of which the index
        cannot tell; ``unknown`` for one that is none of the copy's."""
        grams = self._grams.get(path)
        if grams is None:
            is_beside = self._runs_by_itself(path) and (self._is_all or self._is_on_top)
            return "added" if is_beside else "unknown"
        if self._is_same(path):
            return "same"
        is_inside = self._folder is not None and path.startswith(self._folder)
        if not (is_inside or self._is_all):
            return "changed" if self._is_alike(grams) else "unknown"
        below = path[len(self._folder or "") :] if is_inside else path
        has_path = self._original.has_path(fingerprints.path_digest(below))
        if has_path:
            return "changed"
        own = grams[grams < self._original.gram_bound]
        if has_path is None and len(own) < MIN_FILE_GRAMS:
            return "unsure"
        if self._original.count(own) == 0:
            return "added"
        return "unsure" if has_path is None or not self._is_alike(grams) else "changed"

    def _is_alike(self, grams: NDArray[np.uint32]) -> bool:
        """Whether a good part of a file is the original's."""
        own = grams[grams < self._original.gram_bound]
        n_shared = self._original.count(own)
        return n_shared >= MIN_FILE_GRAMS / 2 and n_shared >= MIN_FILE_SHARE * len(own)

    @staticmethod
    def _runs_by_itself(path: str) -> bool:
        return path.endswith(".pth") or path == "setup.py"

    def _is_same(self, path: str) -> bool:
        file = self._by_path[path]
        if file.size < fingerprints.MIN_FILE_BYTES:
            return False
        text = fingerprints.squeezed(file.read())
        return any(
            self._original.has_text(
                fingerprints.text_digest(fingerprints.without_names(text, names))
            )
            for names in self._removed_names
        )

    def _folder_of_copy(self) -> str | None:
        """The folder, with its slash, below which most files lie as they lie in the original."""
        votes: Counter[str] = Counter()
        for path in self._grams:
            parts = path.split("/")
            for depth in range(1, min(len(parts), MAX_FOLDER_DEPTH + 1)):
                below = "/".join(parts[depth:])
                if below != "__init__.py" and self._original.has_path(
                    fingerprints.path_digest(below)
                ):
                    votes["/".join(parts[:depth]) + "/"] += 1
        best = max(votes, key=lambda folder: (votes[folder], -len(folder), folder), default=None)
        return best if best is not None and votes[best] >= MIN_VOTES else None

    # How a line stands to the original's

    def _novelty(self, location: Location, kind: str) -> float:
        """1 if the original has no such line, 0 if it has one, less for what cannot be told."""
        if kind in ("same", "unknown"):
            return 0.0
        line = self._line(location)
        digests = (fingerprints.line_digest(line, names) for names in self._removed_names)
        known = [self._original.has_act(digest) for digest in digests if digest is not None]
        if True in known:
            return 0.0
        if kind == "added":
            return 1.0
        if fingerprints.may_act(line) and False in known:
            return 1.0
        # Of a large original the index holds some lines only. In a file that was changed while most
        # were not, the rest is likely new as well.
        is_tampered_with = kind == "changed" and self._sameness >= MIN_TAMPERED_SAMENESS
        return _LIKELY if is_tampered_with else 0.0

    def _line(self, location: Location) -> bytes:
        path, lines = self._last_read
        if path != location.path:
            lines = self._by_path[location.path].read().splitlines()
            self._last_read = (location.path, lines)
        return lines[location.line - 1] if 0 < location.line <= len(lines) else b""
