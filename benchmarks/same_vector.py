"""Do the two tiers find what the straightforward path finds?

    python -m benchmarks.same_vector [--against SRC] [--memory FILE] [--sample N] [PATH ...]

The straightforward path gives every file a syntax tree. The fast path gives one only to files
that earn it (``extractors.triggers``); of the others it does not count what is context, nor what
is weighty only together with something that earns a tree. Printed: for every column, how many
archives have evidence that one path finds and the other does not, and how many vectors differ.
Exits 1 if the fast path lacks evidence of a column that the triggers promise.

With ``--against SRC`` two checkouts are compared instead: the ``src`` folder of another one, and
this one, both on the fast path. Exits 1 if any evidence differs. With ``--memory`` archives that
an earlier run has compared are not compared again.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeAlias

from benchmarks.figures import add_json, print_table, write_json
from benchmarks.subjects import add_subjects, choose_subjects, linked
from safe_pip.archive import DEFAULT_LIMITS
from safe_pip.artifact import Artifact, OriginKind
from safe_pip.errors import UnscannableError
from safe_pip.evidence import Evidence
from safe_pip.extractors import SCHEMA, observe
from safe_pip.inspection.opening import open_artifact

# What ``extractors.triggers`` promises: no module does any of this without a trigger.
PROMISED = frozenset(
    """net_out proc_spawn dyn_exec native_code keylog_screen_cam registry_change shell_download
    pip_in_code detached_spawn hidden_lookup sink_aliasing offscreen_code""".split()  # noqa: SIM905
)
# One archive: what each of two ways found, as evidence by column, or why it could not look.
Found: TypeAlias = "dict[str, list[list[object]]]"


def found_in(path: Path, *, reads_all: bool) -> Found:
    """All evidence by column; a column "unscannable" when the archive cannot be read."""
    artifact = Artifact(path=path, origin=OriginKind.SCANNED)
    try:
        with open_artifact(artifact, DEFAULT_LIMITS) as distribution:
            # An older checkout knows no other path.
            evidence = observe(distribution, reads_all=True) if reads_all else observe(distribution)
    except UnscannableError as error:
        return {"unscannable": [[error.reason]]}
    return _by_column(evidence)


def _by_column(evidence: Iterable[Evidence]) -> Found:
    columns: Found = {}
    for item in evidence:
        columns.setdefault(item.feature, []).append(
            [item.location.path, item.location.line, item.value, item.surface.name,
             item.excerpt, item.detail]
        )  # fmt: skip
    return columns


def differences(first: Found, second: Found) -> dict[str, tuple[int, int]]:
    """By column: how much evidence only the first has, and only the second."""
    found: dict[str, tuple[int, int]] = {}
    for column in sorted(first.keys() | second.keys()):
        one = Counter(json.dumps(item) for item in first.get(column, []))
        other = Counter(json.dumps(item) for item in second.get(column, []))
        if one != other:
            found[column] = ((one - other).total(), (other - one).total())
    return found


def _other_checkout(source: Path, paths: Sequence[Path]) -> subprocess.Popen[str]:
    """A process that prints what another checkout finds, a line an archive."""
    return subprocess.Popen(
        [sys.executable, Path(__file__), "--print-evidence", *map(str, paths)],
        env={**os.environ, "PYTHONPATH": f"{source}{os.pathsep}{Path(__file__).parents[1]}"},
        stdout=subprocess.PIPE,
        text=True,
    )


def _print_evidence(paths: Sequence[Path]) -> None:
    for path in paths:
        print(json.dumps(found_in(path, reads_all=False)), flush=True)


def compare(paths: Sequence[Path], *, against: Path | None, memory: Path | None) -> list[str]:
    """A line of JSON for each archive: its name and where the two ways differ."""
    lines = memory.read_text(encoding="utf-8").splitlines() if memory and memory.exists() else []
    known = {json.loads(line)["name"]: line for line in lines}
    missing = [path for path in paths if path.name not in known]
    other = _other_checkout(against, missing) if against else None
    for number, path in enumerate(missing, start=1):
        if other is not None and other.stdout is not None:
            first = json.loads(other.stdout.readline())
        else:
            first = json.loads(json.dumps(found_in(path, reads_all=True)))
        second = json.loads(json.dumps(found_in(path, reads_all=False)))
        line = json.dumps({"name": path.name, "differs": differences(first, second)})
        known[path.name] = line
        if memory is not None:
            with memory.open("a", encoding="utf-8") as file:
                print(line, file=file)
        if number % 25 == 0:
            print(f"{number} of {len(missing)} compared", file=sys.stderr, flush=True)
    return [known[path.name] for path in paths]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.same_vector")
    add_subjects(parser, sample=300)
    add_json(parser)
    parser.add_argument("--against", type=Path, metavar="SRC", help="another checkout's src folder")
    parser.add_argument(
        "--memory", type=Path, metavar="FILE", help="what is already compared, in this way"
    )
    parser.add_argument("--print-evidence", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.print_evidence:
        _print_evidence(asked.paths)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        paths = linked(choose_subjects(asked), Path(folder))
        lines = compare(paths, against=asked.against, memory=asked.memory)
    archives: Counter[str] = Counter()
    lacking: Counter[str] = Counter()
    beyond: Counter[str] = Counter()
    results = [json.loads(line)["differs"] for line in lines]
    for differs in results:
        for column, (only_first, only_second) in differs.items():
            archives[column] += 1
            lacking[column] += only_first
            beyond[column] += only_second
    rows = [
        {
            "column": column,
            "archives": n_archives,
            "lacking": lacking[column],
            "beyond": beyond[column],
            "promised": "yes" if column in PROMISED else "",
        }
        for column, n_archives in archives.most_common()
    ]
    if rows:
        print_table(rows)
    n_same = sum(not differs for differs in results)
    broken = sorted(archives) if asked.against else sorted(PROMISED & lacking.keys())
    broken = [column for column in broken if asked.against or lacking[column]]
    print(
        f"{len(results)} archives, {n_same} with the same evidence; of {len(SCHEMA.features)} "
        f"columns {len(archives)} differ somewhere, {len(broken)} that may not"
    )
    for line in lines:
        found = json.loads(line)
        lost = {name: n for name in broken if (n := found["differs"].get(name, (0, 0))[0])}
        if lost:
            print(f"    {found['name']}: {lost}")
    write_json(asked.json, "same_vector", {"archives": len(results), "same": n_same, "rows": rows})
    return 1 if broken else 0


if __name__ == "__main__":
    raise SystemExit(main())
