"""The index of popular projects' code that ships with the package, by which copies are known.

``choose`` pins releases of the projects of originals.toml that benign.json does not pin, ``fetch``
downloads what is pinned, ``index`` writes src/safe_pip/extractors/originals.npz from them, from the
wheels that lie on this machine and from benign.json. Nothing is built, unpacked to disk or run.

A project is in the index because it is popular or is in originals.toml, whatever split the model
has it in: a project is never compared with itself, so no label can leak.
"""

from __future__ import annotations

import datetime
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from packaging.utils import canonicalize_name
from scipy.sparse import csr_matrix
from tqdm import tqdm

from model import benign
from model.observing import opened
from model.workspace import MODEL_FOLDER, Workspace, open_workspace, stage_parser
from safe_pip.distribution import Distribution
from safe_pip.errors import SafePipError
from safe_pip.extractors import fingerprints, originals
from safe_pip.extractors.originals import Original
from safe_pip.extractors.popular import popular_names
from safe_pip.extractors.top_level import top_level_modules

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PROJECTS = MODEL_FOLDER / "originals.toml"
MANIFEST = MODEL_FOLDER / "originals.json"
INDEX = Path(originals.__file__).with_name(originals.ORIGINALS)
MAX_ARCHIVE_BYTES = 30_000_000
MIN_GRAMS = 24
# A project is the same as another if half of either is in the other, and a part of it if half of
# it alone is: the part keeps its code, the whole does not have it.
SAME_SHARE = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """How many digests of each kind the index holds of one project."""

    grams: int
    acts: int
    files: int


CAPS = Caps(grams=80, acts=56, files=56)
IMITATED_CAPS = Caps(grams=320, acts=1500, files=500)

Digests = NDArray[np.uint32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prints:
    """The digests of one release. ``files`` are (path digest, text digest) pairs."""

    project: str
    roots: frozenset[str]
    grams: Digests
    acts: frozenset[int]
    files: frozenset[tuple[int, int]]


def imitated() -> list[str]:
    """The projects of originals.toml, canonical."""
    chosen = tomllib.loads(PROJECTS.read_text(encoding="utf-8"))["projects"]
    return [canonicalize_name(name) for names in chosen.values() for name in names]


def choose() -> list[benign.Pin]:
    """Releases years apart of every imitated project that benign.json does not pin."""
    pinned = {pin.project for pin in benign.read_manifest(benign.MANIFEST)}
    return benign.choose_releases([("imitated", name) for name in imitated() if name not in pinned])


def archives(workspace: Workspace) -> Iterator[tuple[str, str, Path]]:
    """Project, file name and place of every release that the index is made from."""
    wanted = {*imitated(), *popular_names()}
    found: dict[str, tuple[str, Path]] = {
        filename: (canonicalize_name(filename.split("-")[0]), path)
        for filename, path in benign.local_wheels().items()
    }
    for manifest in (benign.MANIFEST, MANIFEST):
        for pin in benign.read_manifest(manifest):
            found[pin.filename] = (pin.project, workspace.downloads / pin.sha256)
    for filename, (project, path) in sorted(found.items()):
        if project in wanted and path.exists() and path.stat().st_size <= MAX_ARCHIVE_BYTES:
            yield project, filename, path


def prints_of_archive(project: str, filename: str, path: Path) -> Prints | None:
    """The digests of one archive; None if it cannot be read."""
    try:
        with opened(path.read_bytes(), filename) as distribution:
            return prints_of(project, distribution)
    except SafePipError as error:
        tqdm.write(f"{filename}: {error}"[:200])
        return None


def prints_of(project: str, distribution: Distribution) -> Prints:
    """The digests of one release, of all its own Python."""
    roots = top_level_modules(distribution)
    grams: list[Digests] = []
    acts: set[int] = set()
    files: set[tuple[int, int]] = set()
    for file in distribution.python_files():
        if not originals.is_own_code(file.path) and file.path != "setup.py":
            continue
        data = file.read()
        digests = (fingerprints.line_digest(line, roots) for line in fingerprints.act_lines(data))
        acts.update(digest for digest in digests if digest is not None)
        root, below = originals.split_root(file.path)
        if file.path == "setup.py" or root not in roots:
            continue
        text = fingerprints.squeezed(data)
        grams.append(fingerprints.gram_digests(text))
        if file.size >= fingerprints.MIN_FILE_BYTES:
            digest = fingerprints.text_digest(fingerprints.without_names(text, roots))
            files.add((fingerprints.path_digest(below), digest))
    return Prints(
        project=project,
        roots=roots,
        grams=_distinct(grams),
        acts=frozenset(acts),
        files=frozenset(files),
    )


def _distinct(arrays: Sequence[Digests]) -> Digests:
    return np.unique(np.concatenate([np.zeros(0, dtype=np.uint32), *arrays]))


def index(releases: Iterable[Prints]) -> list[Original]:
    """The index of some releases, the most popular projects first."""
    of_project: dict[str, list[Prints]] = defaultdict(list)
    for prints in releases:
        of_project[prints.project].append(prints)
    ranks = {name: rank for rank, name in enumerate(popular_names())}
    projects = sorted(of_project, key=lambda name: (ranks.get(name, len(ranks)), name))
    grams = [_distinct([prints.grams for prints in of_project[name]]) for name in projects]
    same_as, own = separate(grams)
    others: dict[int, list[int]] = defaultdict(list)
    for position, original in enumerate(same_as):
        if position != original:
            others[original].append(position)
    special = frozenset(imitated())
    return [
        _original(
            [projects[member] for member in (position, *others[position])],
            own[position],
            of_project,
            IMITATED_CAPS if projects[position] in special else CAPS,
        )
        for position in range(len(projects))
        if same_as[position] == position and len(own[position]) >= MIN_GRAMS
    ]


def separate(grams: Sequence[Digests]) -> tuple[list[int], list[Digests]]:
    """For each project the position of the project that it is the same as (mostly itself), and
    the grams that are its own: those that no other has, or only such that hold all of it."""
    n = len(grams)
    counts = [len(values) for values in grams]
    owners = np.repeat(np.arange(n), counts)
    distinct, columns = np.unique(np.concatenate(grams), return_inverse=True)
    table = csr_matrix(
        (np.ones(len(owners), dtype=np.float32), (columns, owners)), shape=(len(distinct), n)
    )
    shared = np.asarray((table.T @ table).todense())
    contained = (shared / np.maximum(counts, 1)[:, None]).astype(np.float32)
    same_as = list(range(n))
    for position in range(n):
        for earlier in range(position):
            both = min(contained[position, earlier], contained[earlier, position])
            if same_as[earlier] == earlier and both >= SAME_SHARE:
                same_as[position] = earlier
                break
    is_kept = np.array([same_as[position] == position for position in range(n)])
    table = table[:, is_kept]
    keeper_of = _keepers(table, np.flatnonzero(is_kept), contained)
    return same_as, [distinct[keeper_of == position] for position in range(n)]


def _keepers(
    table: csr_matrix, positions: NDArray[np.intp], contained: NDArray[np.float32]
) -> NDArray[np.intp]:
    """The project that keeps each gram, -1 for a gram that several have by chance or habit."""
    keepers = np.full(table.shape[0], -1, dtype=np.intp)
    sizes = np.diff(table.indptr)
    alone = sizes == 1
    keepers[alone] = positions[table.indices[table.indptr[:-1][alone]]]
    known: dict[tuple[int, ...], int] = {}
    for row in np.flatnonzero(sizes > 1):
        members = tuple(sorted(table.indices[table.indptr[row] : table.indptr[row + 1]]))
        if members not in known:
            known[members] = _part_of_all([int(positions[member]) for member in members], contained)
        keepers[row] = known[members]
    return keepers


def _part_of_all(members: Sequence[int], contained: NDArray[np.float32]) -> int:
    """The project that all the others hold as a part; -1 if there is none."""
    for member in members:
        if all(contained[member, other] >= SAME_SHARE for other in members if other != member):
            return member
    return -1


def _original(
    names: Sequence[str], grams: Digests, of_project: Mapping[str, Sequence[Prints]], caps: Caps
) -> Original:
    releases = of_project[names[0]]
    all_releases = [prints for name in names for prints in of_project[name]]
    gram_bound, kept = _below_bound(grams, caps.grams, fingerprints.GRAM_BOUND)
    acts = np.array(sorted({act for prints in all_releases for act in prints.acts}), np.uint32)
    act_bound, acts = _below_bound(acts, caps.acts, 1 << fingerprints.DIGEST_BITS)
    path_bound, files = _files(releases, caps.files)
    held = [len(np.intersect1d(prints.grams, kept)) for prints in releases]
    return Original(
        name=names[0],
        other_names=tuple(names[1:]),
        roots=tuple(sorted({root for prints in releases for root in prints.roots})),
        gram_bound=gram_bound,
        act_bound=act_bound,
        path_bound=path_bound,
        typical_grams=max(1.0, round(sum(held) / len(held), 1)),
        digests=originals.Digests(
            grams=kept,
            acts=acts,
            texts=np.array(sorted({text for _, text in files}), np.uint32),
            paths=np.array(sorted({path for path, _ in files}), np.uint32),
        ),
    )


def _files(releases: Sequence[Prints], cap: int) -> tuple[int, set[tuple[int, int]]]:
    """The bound of path digests below which all files of all releases are kept, and these."""
    files = sorted({pair for prints in releases for pair in prints.files})
    if len(files) <= cap:
        return 1 << fingerprints.PATH_BITS, set(files)
    bound = files[cap][0]
    return bound, {pair for pair in files if pair[0] < bound}


def _below_bound(values: Digests, cap: int, bound: int) -> tuple[int, Digests]:
    """The smallest ``cap`` digests and the bound below which they are all there are."""
    if len(values) > cap:
        bound = int(values[cap])
    return bound, values[values < bound]


def main() -> None:
    parser = stage_parser("model.originals", "Pin, fetch and index the projects that are imitated.")
    parser.add_argument("step", choices=("choose", "fetch", "index"))
    arguments = parser.parse_args()
    workspace = open_workspace(arguments)
    match arguments.step:
        case "choose":
            pins = choose()
            benign.write_manifest(MANIFEST, pins)
            print(f"{len(pins)} files of {len({pin.project for pin in pins})} projects pinned")
        case "fetch":
            outcomes = benign.fetch(workspace, benign.read_manifest(MANIFEST))
            for outcome, count in sorted(outcomes.items()):
                print(f"{outcome}: {count}")
        case "index":
            found = list(archives(workspace))
            work = Parallel(n_jobs=workspace.jobs, return_as="generator")(
                delayed(prints_of_archive)(*archive) for archive in found
            )
            releases = tqdm(work, total=len(found), desc="reading", unit="release")
            indexed = index(prints for prints in releases if prints is not None)
            origin = (
                f"{len(indexed)} popular and often imitated projects, {len(found)} releases "
                f"on package indexes as of {datetime.date.today().isoformat()}"
            )
            data = originals.pack(indexed, origin=origin)
            INDEX.write_bytes(data)
            print(f"{origin}: {len(data):,} bytes")


if __name__ == "__main__":
    main()
