"""How many benign files look like copies of popular projects, by name: forks and repackagings.

python -m model.copies               # all that benign.json pins
python -m model.copies --sample 150  # of these, a sample that is always the same

Files of projects that are in the index, or are popular, are not compared at all; they are counted
apart, so that they do not make the others look rare.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from joblib import Parallel, delayed
from tqdm import tqdm

from model import benign
from model.observing import opened
from model.workspace import Workspace, open_workspace, stage_parser
from safe_pip.errors import SafePipError
from safe_pip.evidence import Evidence
from safe_pip.extractors import copies
from safe_pip.extractors.code import observe_unit
from safe_pip.extractors.unit import python_units


@dataclass(frozen=True, slots=True, kw_only=True)
class Likeness:
    """What the comparison says of one file: the original, and the largest value by feature."""

    filename: str
    is_compared: bool
    original: str = ""
    values: tuple[tuple[str, float], ...] = ()


def likeness(workspace: Workspace, pin: benign.Pin) -> Likeness | None:
    """None for a file that cannot be read."""
    try:
        data = (workspace.downloads / pin.sha256).read_bytes()
        with opened(data, pin.filename) as distribution:
            comparison = copies.Comparison(distribution)
            if not comparison.is_meaningful:
                return Likeness(filename=pin.filename, is_compared=False)
            acts: list[Evidence] = []
            for unit in python_units(distribution):
                comparison.add(unit.path, unit.data)
                acts += observe_unit(unit)
            evidence = list(comparison.observe(acts))
    except SafePipError:
        return None
    largest: dict[str, float] = {}
    for item in evidence:
        largest[item.feature] = max(item.value, largest.get(item.feature, 0.0))
    return Likeness(
        filename=pin.filename,
        is_compared=True,
        original=evidence[0].excerpt if evidence else "",
        values=tuple(largest.items()),
    )


def report(found: Sequence[Likeness]) -> str:
    """One line a feature with its share of the compared files, one line a file that has any."""
    compared = [each for each in found if each.is_compared]
    counts = Counter(feature for each in compared for feature, _ in each.values)
    lines = [
        f"{len(compared)} files compared, {len(found) - len(compared)} of indexed or popular "
        "projects not"
    ]
    for feature in copies.FEATURES:
        n = counts[feature.name]
        lines.append(f"{feature.name}: {n} ({n / max(len(compared), 1):.1%})")
    for each in sorted(compared, key=lambda each: each.filename):
        if each.values:
            values = ", ".join(f"{name} {value:.2f}" for name, value in each.values)
            lines.append(f"  {each.filename} is like {each.original}: {values}")
    return "\n".join(lines)


def main() -> None:
    parser = stage_parser("model.copies", "Benign files that look like copies.")
    parser.add_argument("--sample", type=int, default=0, help="how many files (default: all)")
    arguments = parser.parse_args()
    workspace = open_workspace(arguments)
    pins = [p for p in benign.read_manifest(benign.MANIFEST)
            if (workspace.downloads / p.sha256).exists()]  # fmt: skip
    # Digests are as good as chance, and the same every time.
    pins = sorted(pins, key=lambda pin: pin.sha256)[: arguments.sample or None]
    work = Parallel(n_jobs=workspace.jobs, return_as="generator")(
        delayed(likeness)(workspace, pin) for pin in pins
    )
    found = [each for each in tqdm(work, total=len(pins), unit="file") if each is not None]
    print(report(found))


if __name__ == "__main__":
    main()
