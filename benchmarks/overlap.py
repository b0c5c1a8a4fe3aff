"""How much of the inspection happens while pip waits for the network?

    python -m benchmarks.overlap [--sample N] [--delay-ms MS] [--megabytes-a-second N] [PATH ...]

Pure wheels are served on loopback by an index that answers late and slowly. In turns: ``pip
download`` of all of them, ``safe-pip download``, and a ``scan`` of the same files, all with empty
memories. Printed are the medians, and the share of the scan's time that the guarded download does
not take longer than the plain one.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from packaging.utils import parse_wheel_filename

from benchmarks.far_index import add_distance, far_index
from benchmarks.figures import add_json, print_table, write_json
from benchmarks.processes import Timing, timed
from benchmarks.subjects import Subject, add_subjects, choose_subjects
from tests.integration.loopback_index import serve


def one_a_project(subjects: Sequence[Subject]) -> list[Subject]:
    """Wheels for any Python and machine, one a project, as one installation has them."""
    wheels: dict[str, Subject] = {}
    for subject in subjects:
        if subject.name.endswith(("-py3-none-any.whl", "-py2.py3-none-any.whl")):
            wheels.setdefault(str(parse_wheel_filename(subject.name)[0]), subject)
    return list(wheels.values())


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.overlap")
    add_subjects(parser, sample=80)
    add_distance(parser)
    parser.add_argument("--rounds", type=int, default=3)
    add_json(parser)
    asked = parser.parse_args()
    chosen = one_a_project(choose_subjects(asked, wheels_only=True))
    timings: dict[str, list[Timing]] = {"pip": [], "safe-pip": [], "scan": []}
    with tempfile.TemporaryDirectory() as folder:
        work, served = Path(folder), Path(folder) / "served"
        served.mkdir()
        for subject in chosen:
            shutil.copyfile(subject.path, served / subject.name)
        paths = sorted(served.iterdir())
        names = [parse_wheel_filename(path.name)[:2] for path in paths]
        index = far_index(served, asked)
        with serve(index):
            download = ["download", "-q", "--no-deps", "--no-cache-dir", "--index-url"]
            download += [index.url, *(f"{name}=={version}" for name, version in names)]
            for number in range(asked.rounds):
                environ = {"XDG_CACHE_HOME": str(work / f"memory{number}"), "CI": "1"}
                for name, command in (
                    ("pip", ["-m", "pip", *download]),
                    ("safe-pip", ["-m", "safe_pip", "--report-only", *download]),
                    ("scan", ["-m", "safe_pip", "--quiet", "scan", "--jobs=1", *map(str, paths)]),
                ):
                    if name == "scan":
                        environ["XDG_CACHE_HOME"] += "-scan"
                    else:
                        command = [*command, "-d", str(work / f"{name}{number}")]
                    timings[name].append(
                        timed([sys.executable, *command], work=work, environ=environ)
                    )
    failed = next((t for found in timings.values() for t in found if t.code), None)
    if failed is not None:
        raise SystemExit(f"a run ended with {failed.code}:\n{failed.output[-2000:]}")
    rows = [
        {
            "of": f"{name}, {len(chosen)} wheels",
            "wall s": median(timing.wall for timing in found),
            "cpu s": median(timing.cpu for timing in found),
        }
        for name, found in timings.items()
    ]
    print_table(rows)
    hidden = [
        1 - (safe.wall - plain.wall) / alone.wall
        for plain, safe, alone in zip(
            timings["pip"], timings["safe-pip"], timings["scan"], strict=True
        )
    ]
    print(f"\n{median(hidden):.0%} of the scan's time is hidden behind the downloads")
    write_json(asked.json, "overlap", {"rows": rows, "hidden": hidden})
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
