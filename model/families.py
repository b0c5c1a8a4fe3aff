"""Families: malicious archives that are the same thing under other names.

Two archives are of one family when their Python is equal, when their syntax trees are equal
without literals, or when those trees are near-duplicates (MinHash, estimated Jaccard >= 0.9).
One family is one unit of weight, and no family stands on both sides of a split.
"""

from __future__ import annotations

import ast
import hashlib
import re
import warnings
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from safe_pip.distribution import Distribution

PERMUTATIONS = 96
BANDS = 16  # of six rows: pairs at Jaccard 0.9 meet in some band with probability .9999
NEAR_DUPLICATE = 0.9
SHINGLE_TOKENS = 4
MAX_TOKENS = 200_000
_PRIME = np.uint64((1 << 61) - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """What tells one family from another.

    ``code`` digests the Python texts, ``skeleton`` their trees without literals; both are empty
    for an archive without Python. ``minhash``: PERMUTATIONS numbers below 2**32.
    """

    code: str
    skeleton: str
    minhash: tuple[int, ...]


def _tokens(source: str) -> list[str]:
    """The tree in pre-order: node types and identifiers, no literals."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
        return list(_walk(tree))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        # Python 2 or damaged: words outside quotes come near to it.
        without_strings = re.sub(r"'[^'\n]*'|\"[^\"\n]*\"", "S", source)
        return re.findall(r"[A-Za-z_]\w*|[^\s\w]", without_strings)


def _walk(tree: ast.AST) -> Iterator[str]:
    pending: list[ast.AST] = [tree]
    while pending:
        node = pending.pop()
        name = next(
            (
                value
                for field in ("id", "attr", "name", "arg", "module")
                if isinstance(value := getattr(node, field, None), str)
            ),
            "",
        )
        yield f"{type(node).__name__}:{name}"
        pending.extend(reversed(list(ast.iter_child_nodes(node))))


def fingerprint(distribution: Distribution) -> Fingerprint:
    """The fingerprint of one distribution; independent of file names and order."""
    sources = sorted(
        file.read().replace(b"\r", b"").strip()
        for file in distribution.files
        if file.path.endswith((".py", ".pyw", ".pth"))
    )
    sources = [source for source in sources if source]
    if not sources:
        return Fingerprint(code="", skeleton="", minhash=())
    tokens_by_file = sorted(_tokens(s.decode("utf-8", errors="replace")) for s in sources)
    shingles: set[int] = set()
    skeleton = hashlib.sha256()
    for tokens in tokens_by_file:
        skeleton.update("\0".join(tokens).encode("utf-8", errors="replace"))
        shingles.update(_shingles(tokens[:MAX_TOKENS]))
    return Fingerprint(
        code=hashlib.sha256(b"\0".join(sources)).hexdigest(),
        skeleton=skeleton.hexdigest(),
        minhash=tuple(int(value) for value in _minhash(shingles)),
    )


def _shingles(tokens: Sequence[str]) -> Iterator[int]:
    for start in range(max(1, len(tokens) - SHINGLE_TOKENS + 1)):
        text = " ".join(tokens[start : start + SHINGLE_TOKENS])
        yield zlib.crc32(text.encode("utf-8", errors="replace"))


def _minhash(shingles: set[int]) -> NDArray[np.uint64]:
    random = np.random.default_rng(20250101)
    factors = random.integers(1, 1 << 31, PERMUTATIONS, dtype=np.uint64)
    offsets = random.integers(0, 1 << 31, PERMUTATIONS, dtype=np.uint64)
    hashes = np.fromiter(shingles, dtype=np.uint64, count=len(shingles)) >> np.uint64(1)
    low = np.full(PERMUTATIONS, np.iinfo(np.uint64).max, dtype=np.uint64)
    for start in range(0, len(hashes), 50_000):
        part = hashes[start : start + 50_000]
        mixed = (factors[:, None] * part[None, :] + offsets[:, None]) % _PRIME
        low = np.minimum(low, mixed.min(axis=1))
    return np.asarray(low & np.uint64(0xFFFFFFFF), dtype=np.uint64)


class _Groups:
    """Disjoint sets of positions."""

    def __init__(self, count: int) -> None:
        self._parent = list(range(count))

    def find(self, position: int) -> int:
        while self._parent[position] != position:
            self._parent[position] = self._parent[self._parent[position]]
            position = self._parent[position]
        return position

    def join(self, left: int, right: int) -> None:
        first, second = sorted((self.find(left), self.find(right)))
        self._parent[second] = first


def cluster(fingerprints: Sequence[Fingerprint]) -> list[int]:
    """The family of each fingerprint: the position of the family's first member."""
    groups = _Groups(len(fingerprints))
    seen: dict[tuple[str, object], int] = {}
    for position, print_ in enumerate(fingerprints):
        for key in (("code", print_.code), ("skeleton", print_.skeleton)):
            # Archives without Python have nothing in common for that.
            if key[1]:
                groups.join(seen.setdefault(key, position), position)
    buckets: dict[tuple[int, tuple[int, ...]], list[int]] = {}
    rows = PERMUTATIONS // BANDS
    for position, print_ in enumerate(fingerprints):
        for band in range(BANDS if print_.minhash else 0):
            key_ = (band, print_.minhash[band * rows : (band + 1) * rows])
            buckets.setdefault(key_, []).append(position)
    signatures = {
        position: np.array(print_.minhash, dtype=np.uint64)
        for position, print_ in enumerate(fingerprints)
        if print_.minhash
    }
    for members in buckets.values():
        for position in members[1:]:
            if groups.find(members[0]) == groups.find(position):
                continue
            for other in members:
                if other == position:
                    break
                if np.mean(signatures[other] == signatures[position]) >= NEAR_DUPLICATE:
                    groups.join(other, position)
                    break
    return [groups.find(position) for position in range(len(fingerprints))]
