"""Pairs: a release and the one after it, benign or with a graft, and what the second gained."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from packaging.version import InvalidVersion, Version
from tqdm import tqdm

from model.ensemble import Floats
from model.plan import Origin, Split
from model.tables import Tables
from model.train import MASKED
from safe_pip.extractors import SCHEMA
from safe_pip.feature import Group
from safe_pip.scoring.change import Seen, gains

# Gains of what only tells more or less of a file, not what it does.
COLUMNS = tuple(
    feature.name
    for feature in SCHEMA.features
    if feature.group is not Group.METADATA
    and feature.name not in MASKED
    and (feature.is_monotone or feature.group is Group.CODE)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Rows of the tables: a release and the one after it. ``kind`` is ``consecutive`` or ``jump``
    for benign ones; else the graft's place, and ``is_host`` says that nothing but the payload
    was changed. ``project`` is the host's."""

    old: int
    new: int
    split: Split
    project: str
    group: str
    kind: str
    is_malicious: bool = False
    is_host: bool = False


def benign_pairs(tables: Tables) -> Iterator[Pair]:
    """Releases of one project in one format: consecutive ones, and those further apart."""
    for (project, _), releases in _releases(tables).items():
        ordered = [releases[version] for version in sorted(releases)]
        split = Split(str(tables.facts["split"][ordered[0]]))
        for first in range(len(ordered)):
            for second in range(first + 1, len(ordered)):
                yield Pair(
                    old=ordered[first],
                    new=ordered[second],
                    split=split,
                    project=project,
                    group=project,
                    kind="consecutive" if second == first + 1 else "jump",
                )


def graft_pairs(tables: Tables) -> Iterator[Pair]:
    """Every graft after its host, and after the release before its host, where there is one."""
    facts, releases = tables.facts, _releases(tables)
    hosts = {
        (facts["project"][row], facts["filename"][row]): row
        for row in np.flatnonzero(tables.is_benign)
    }
    for new in np.flatnonzero(tables.from_origin(Origin.GRAFT)):
        host = hosts.get((facts["project"][new], facts["filename"][new]))
        version = _version(str(facts["version"][new]))
        if host is None or version is None:
            continue
        project = str(facts["project"][new])
        same_format = releases[project, str(facts["format"][host])]
        older = max((other for other in same_format if other < version), default=None)
        previous = {int(host): True}
        if older is not None:
            previous[same_format[older]] = False
        for old, is_host in previous.items():
            yield Pair(
                old=old,
                new=int(new),
                split=Split(str(facts["split"][new])),
                project=project,
                group=str(facts["group"][new]),
                kind=str(facts["variant"][new]),
                is_malicious=True,
                is_host=is_host,
            )


def _releases(tables: Tables) -> dict[tuple[str, str], dict[Version, int]]:
    """The benign rows by project and format, one a version."""
    found: dict[tuple[str, str], dict[Version, int]] = defaultdict(dict)
    for row in np.flatnonzero(tables.is_benign):
        version = _version(str(tables.facts["version"][row]))
        if version is not None:
            key = (str(tables.facts["project"][row]), str(tables.facts["format"][row]))
            found[key].setdefault(version, int(row))
    return found


def _version(text: str) -> Version | None:
    try:
        return Version(text)
    except InvalidVersion:
        return None


def gains_of(tables: Tables, pairs: Sequence[Pair]) -> Floats:
    """Shape (pairs, 2 * columns): gains by file, then by package."""
    columns = [SCHEMA.positions[name] for name in COLUMNS]
    order = np.argsort(tables.unit_package, kind="stable")
    starts = np.searchsorted(tables.unit_package[order], np.arange(len(tables) + 1))
    units = tables.unit_values[order][:, columns].tocsr()
    importance = np.ones(len(columns))

    def seen(row: int) -> Seen:
        files = units[starts[row] : starts[row + 1]].toarray().astype(np.float32)
        return Seen(package=tables.values[row, columns], files=files)

    found = (
        gains(seen(pair.old), seen(pair.new), importance=importance)
        for pair in tqdm(pairs, desc="comparing releases", unit="pair")
    )
    return np.array([np.concatenate([one.by_file, one.by_package]) for one in found])
