"""What does a scan cost beside reading the same bytes?

    python -m benchmarks.scan_cost [--sample N] [--json FILE] [PATH ...]

For each wheel, in turns: all text that is in it inflated by the standard library's ``zipfile``,
and a whole inspection up to the score. Ratios of processor time, the better of two rounds each:
median, ninth decile, worst; and where the time of the inspection goes. The bars are 1.3 at the
median and 8 at the ninth decile.
"""

from __future__ import annotations

import argparse
import gc
import os
import random
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from benchmarks.figures import add_json, print_table, spread, write_json
from benchmarks.subjects import add_subjects, choose_subjects, linked
from safe_pip.archive import DEFAULT_LIMITS
from safe_pip.artifact import Artifact, OriginKind
from safe_pip.errors import UnscannableError
from safe_pip.evidence import Evidence
from safe_pip.extractors import SCHEMA, code, files, metadata, observe, text
from safe_pip.extractors.unit import python_units
from safe_pip.inspection.opening import open_artifact

if TYPE_CHECKING:
    from safe_pip.scoring.scorer import Scorer

ROUNDS = 2
# As in the reader: a text has no NUL where it begins.
_PROBE_BYTES = 8_192

T = TypeVar("T")


@dataclass(slots=True, kw_only=True)
class Cost:
    """Seconds of processor time of one wheel; ``stages`` says where a scan's go."""

    name: str
    text_bytes: int = 0
    inflate: float = float("inf")
    scan: float = float("inf")
    stages: Counter[str] = field(default_factory=Counter)

    @property
    def ratio(self) -> float:
        return self.scan / self.inflate


def inflate(path: Path) -> int:
    """Inflate every text member; gives their bytes."""
    n_bytes = 0
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            with archive.open(info) as member:
                start = member.read(_PROBE_BYTES)
                if b"\0" not in start:
                    n_bytes += len(start) + len(member.read())
    return n_bytes


def scan(path: Path, scorer: Scorer) -> None:
    with open_artifact(Artifact(path=path, origin=OriginKind.SCANNED), DEFAULT_LIMITS) as opened:
        scorer.judge(observe(opened))


def _timed(stages: Counter[str], stage: str, items: Iterable[T]) -> Iterator[T]:
    """The items, and the time that making them takes noted under a stage."""
    iterator = iter(items)
    while True:
        start = time.process_time()
        item = next(iterator, None)
        stages[stage] += time.process_time() - start  # type: ignore[assignment]
        if item is None:
            return
        yield item


def stages_of(path: Path, scorer: Scorer) -> Counter[str]:
    """A scan once more, stage by stage."""
    stages: Counter[str] = Counter()
    start = time.process_time()
    with open_artifact(Artifact(path=path, origin=OriginKind.SCANNED), DEFAULT_LIMITS) as opened:
        stages["open, inflate, digest"] += time.process_time() - start  # type: ignore[assignment]
        found: list[Evidence] = []
        found.extend(_timed(stages, "metadata", metadata.observe(opened)))
        found.extend(_timed(stages, "files", files.observe(opened)))
        found.extend(_timed(stages, "other scripts", text.observe(opened)))
        for unit in _timed(stages, "triggers, trees, abstract run", python_units(opened)):
            found.extend(_timed(stages, "text of modules", text.observe_unit(unit)))
            found.extend(_timed(stages, "code evidence", code.observe_unit(unit)))
        start = time.process_time()
        scorer.judge(found)
        stages["score"] += time.process_time() - start  # type: ignore[assignment]
    return stages


def cost_of(path: Path, scorer: Scorer) -> Cost | None:
    """The cost of one wheel; None if it has no text or cannot be scanned."""
    cost = Cost(name=path.name)
    try:
        for _ in range(ROUNDS):
            start = time.process_time()
            cost.text_bytes = inflate(path)
            cost.inflate = min(cost.inflate, time.process_time() - start)
            start = time.process_time()
            scan(path, scorer)
            cost.scan = min(cost.scan, time.process_time() - start)
        cost.stages = stages_of(path, scorer)
    except (UnscannableError, zipfile.BadZipFile):
        return None
    return cost if cost.text_bytes and cost.inflate else None


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scan_cost")
    add_subjects(parser, sample=300)
    add_json(parser)
    parser.add_argument(
        "--seconds", type=float, default=float("inf"), help="stop after as many, and say how far"
    )
    asked = parser.parse_args()
    # As for a worker: onnxruntime, loaded below, is to report nothing to its maker.
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    from safe_pip.scoring.scorer import Scorer

    started = time.monotonic()
    scorer = Scorer.load(schema=SCHEMA)
    # As a worker does: what is there before the first artifact is looked through no more.
    gc.freeze()
    gc.set_threshold(200_000, 50, 1_000)
    costs = []
    with tempfile.TemporaryDirectory() as folder:
        paths = linked(choose_subjects(asked, wheels_only=True), Path(folder))
        # So that those of a run that is stopped are a sample too.
        random.Random(asked.seed).shuffle(paths)
        for number, path in enumerate(paths, start=1):
            if time.monotonic() - started > asked.seconds:
                print(f"stopped after {number - 1} of {len(paths)}", file=sys.stderr)
                break
            cost = cost_of(path, scorer)
            if cost is not None:
                costs.append(cost)
            if number % 50 == 0:
                print(f"{number} of {len(paths)}", file=sys.stderr, flush=True)
    if not costs:
        print("no wheel with text in it")
        return 1
    ratios = [cost.ratio for cost in costs]
    total = {
        "inflate": sum(cost.inflate for cost in costs),
        "scan": sum(cost.scan for cost in costs),
    }
    print_table([
        {"scan ÷ inflate": f"{len(costs)} wheels", "sum": total["scan"] / total["inflate"],
         **spread(ratios)},
        *({"scan ÷ inflate": says, "sum": sum(c.scan for c in part) / sum(c.inflate for c in part),
           **spread([cost.ratio for cost in part])} for says, part in _by_size(costs)),
    ])  # fmt: skip
    stages: Counter[str] = Counter()
    for cost in costs:
        stages.update(cost.stages)
    rows = [
        {"stage": stage, "share of scan": f"{seconds / stages.total():.0%}",
         "÷ inflate (sum)": seconds / total["inflate"]}
        for stage, seconds in stages.most_common()
    ]  # fmt: skip
    print()
    print_table(rows)
    n_bytes = sum(cost.text_bytes for cost in costs)
    print(f"\n{n_bytes / 1e6:,.0f} MB of text; {n_bytes / 1e6 / total['scan']:.1f} MB/s scanned, "
          f"{n_bytes / 1e6 / total['inflate']:.1f} MB/s inflated")  # fmt: skip
    worst = sorted(costs, key=lambda cost: -cost.ratio)[:5]
    print("worst: " + ", ".join(f"{cost.name} x{cost.ratio:.0f}" for cost in worst))
    write_json(asked.json, "scan_cost", {
        "ratio": spread(ratios),
        "seconds": total,
        "stages": dict(stages),
        "wheels": [{"name": cost.name, "text_bytes": cost.text_bytes, "inflate": cost.inflate,
                    "scan": cost.scan} for cost in costs],
    })  # fmt: skip
    return 0


def _by_size(costs: list[Cost]) -> Iterator[tuple[str, list[Cost]]]:
    """Parts of at least one wheel, by how much text is in it."""
    bounds = (0, 100_000, 1_000_000, 1 << 62)
    names = ("  text up to 100 kB", "  up to 1 MB", "  more")
    for name, low, high in zip(names, bounds, bounds[1:], strict=False):
        part = [cost for cost in costs if low < cost.text_bytes <= high]
        if part:
            yield name, part


if __name__ == "__main__":
    raise SystemExit(main())
