"""Extraction: every item of the plan becomes a record of numbers.

``python -m model.dataset`` is resumable: a record is kept under the digest of the code that made
it. An item that fails is counted and named, and ends nothing. ``--fraction`` takes a part of the
items, for a quick look.
"""

from __future__ import annotations

import gc
import math
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from joblib import Parallel, delayed
from tqdm import tqdm

from model.benign import (
    BREADTH_MANIFEST,
    LOCAL_MANIFEST,
    MANIFEST,
    local_wheels,
    read_manifest,
)
from model.corpus import judge_all
from model.grafts import Place, graft
from model.observing import OutOfTimeError, failed, newest_year, opened, record_of, time_limit
from model.payloads import payload_of
from model.plan import Item, Origin, benign_items, draw, made_items, malicious_items
from model.records import Record, Store, encode, extraction_digest, making_digest
from model.registry import list_samples
from model.tables import write_tables
from model.transforms import Transform, transform
from model.workspace import TABLES, Workspace, add_malregistry, open_workspace, stage_parser
from safe_pip.distribution import Distribution
from safe_pip.errors import SafePipError

SECONDS_AN_ITEM = 150
BATCH = 8
# What a defect of an extractor raises: recorded and counted, so that one does not end a run.
_DEFECTS = (
    ArithmeticError, AssertionError, AttributeError, LookupError, MemoryError, RuntimeError,
    TypeError, ValueError,
)  # fmt: skip


def benign_paths(workspace: Workspace) -> dict[str, Path]:
    """Where each pinned benign file lies, by digest; what is not there is left out."""
    paths = {
        pin.sha256: workspace.downloads / pin.sha256
        for manifest in (MANIFEST, BREADTH_MANIFEST)
        for pin in read_manifest(manifest)
        if (workspace.downloads / pin.sha256).exists()
    }
    by_name = local_wheels()
    for pin in read_manifest(LOCAL_MANIFEST):
        if pin.filename in by_name:
            paths[pin.sha256] = by_name[pin.filename]
    return paths


def plan_items(workspace: Workspace, repository: Path, *, max_bytes: int = 0) -> list[Item]:
    """Every item of the data set, made ones last; without benign files over ``max_bytes``."""
    malicious = list(malicious_items(list_samples(repository), judge_all(workspace, repository)))
    paths = benign_paths(workspace)
    sizes = {sha256: path.stat().st_size for sha256, path in paths.items()}

    def pinned(manifest: Path, origin: Origin) -> list[Item]:
        return [
            item
            for item in benign_items(read_manifest(manifest), origin=origin)
            if item.source in paths and sizes[item.source] <= (max_bytes or math.inf)
        ]

    hosts = [*pinned(MANIFEST, Origin.INDEX), *pinned(LOCAL_MANIFEST, Origin.LOCAL)]
    benign = [*hosts, *pinned(BREADTH_MANIFEST, Origin.INDEX)]
    both = {item.project for item in malicious} & {item.project for item in benign}
    if both:
        raise SystemExit(f"projects in both the malicious and the benign corpus: {sorted(both)}")
    unique = {item.key: item for item in [*malicious, *benign]}
    made = {item.key: item for item in made_items(malicious, hosts, sizes, maker=making_digest())}
    return [*unique.values(), *made.values()]


def observe_item(item: Item, repository: Path, paths: Mapping[str, Path]) -> Record:
    """The record of one item; never raises for a bad one."""
    try:
        with time_limit(SECONDS_AN_ITEM):
            return _observe_item(item, repository, paths)
    except (SafePipError, OutOfTimeError, *_DEFECTS) as error:
        return failed(item.key, error)


def _observe_item(item: Item, repository: Path, paths: Mapping[str, Path]) -> Record:
    if item.origin in (Origin.INDEX, Origin.LOCAL):
        data = paths[item.source].read_bytes()
        with opened(data, item.filename) as distribution:
            return record_of(item.key, distribution, size=len(data), year=newest_year(data))
    blob = subprocess.run(
        ["git", "-C", str(repository), "cat-file", "blob", item.source],
        check=True,
        capture_output=True,
    ).stdout
    year = newest_year(blob)
    with opened(blob, item.source_filename) as sample:
        if not item.host:
            return record_of(item.key, sample, size=len(blob), year=year)
        data = paths[item.host].read_bytes()
        with opened(data, item.host_filename) as host:
            made, base = _make(item, sample, host)
            if made is None:
                return Record(item=item.key, error="does-not-apply")
            size = len(data) if item.origin is Origin.GRAFT else len(blob)
            year = newest_year(data) if item.origin is Origin.GRAFT else year
            return record_of(
                item.key, made, size=size, year=year, touched=touched_paths(made, base)
            )


def _make(
    item: Item, sample: Distribution, host: Distribution
) -> tuple[Distribution | None, Distribution]:
    seed = int(draw("seed", item.key) * (1 << 31))
    if item.origin is Origin.TRANSFORM:
        return transform(sample, Transform(item.variant), host, seed), sample
    payload = payload_of(sample)
    if payload is None:
        return None, host
    return graft(host, payload, Place(item.variant), seed), host


def touched_paths(made: Distribution, base: Distribution) -> list[str]:
    """What was added or written anew."""
    return [file.path for file in made.files if base.by_path.get(file.path) is not file]


def _observe_batch(
    items: Sequence[Item], repository: Path, paths: Mapping[str, Path]
) -> list[Record]:
    # As the inspection workers do: syntax trees are large and hold no cycles.
    gc.set_threshold(200_000, 50, 1_000)
    return [observe_item(item, repository, paths) for item in items]


def extract(
    workspace: Workspace, repository: Path, items: Sequence[Item], *, store: Store
) -> Counter[str]:
    """Fill the store with the records that it lacks; gives the number of errors by kind."""
    known = store.keys()
    paths = benign_paths(workspace)
    # What is real before what is made: training can begin without the rest.
    todo = sorted(
        (item for item in items if item.key not in known),
        key=lambda item: (bool(item.host), draw("order", item.key)),
    )
    batches = [todo[start : start + BATCH] for start in range(0, len(todo), BATCH)]
    errors: Counter[str] = Counter()
    parallel = Parallel(n_jobs=workspace.jobs, return_as="generator_unordered")
    with tqdm(total=len(todo), desc="extracting", unit="item", smoothing=0.02) as bar:
        needed = (
            {key: paths[key] for i in batch for key in (i.source, i.host) if key in paths}
            for batch in batches
        )
        for records in parallel(
            delayed(_observe_batch)(batch, repository, some)
            for batch, some in zip(batches, needed, strict=True)
        ):
            for record in records:
                store.put(record.item, encode(record))
                if record.error:
                    errors[record.error.partition(":")[0]] += 1
            bar.update(len(records))
            bar.set_postfix(errors=sum(errors.values()))
    return errors


def main() -> None:
    parser = stage_parser("model.dataset", "Extract the features of every item, then the tables.")
    add_malregistry(parser)
    parser.add_argument("--fraction", type=float, default=1.0, help="part of the items (default 1)")
    parser.add_argument(
        "--max-bytes", type=int, default=0, help="leave out larger benign files (default: none)"
    )
    parser.add_argument(
        "--only-tables", action="store_true", help="extract nothing, write what there is"
    )
    parser.add_argument("--tables", type=Path, default=TABLES, help="where the tables go")
    arguments = parser.parse_args()
    if arguments.malregistry is None:
        sys.exit("name the malicious corpus with --malregistry")
    workspace = open_workspace(arguments)
    items = plan_items(workspace, arguments.malregistry, max_bytes=arguments.max_bytes)
    items = [item for item in items if draw("fraction", item.key) < arguments.fraction]
    counts = Counter((item.split.value, item.origin.value) for item in items)
    for (split, origin), count in sorted(counts.items()):
        print(f"{split}: {count} from {origin}")
    store = Store(workspace.observations / f"{extraction_digest()}.sqlite")
    if not arguments.only_tables:
        errors = extract(workspace, arguments.malregistry, items, store=store)
        print(f"errors: {dict(errors)}")
    print(write_tables(items, store, folder=arguments.tables))


if __name__ == "__main__":
    main()
