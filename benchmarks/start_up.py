"""How long until safe-pip is ready, and what does it import on the way?

    python -m benchmarks.start_up [--rounds N] [--json FILE]

Whole processes in turns, medians: an empty interpreter, ``--version`` of pip and of safe-pip, a
verb that safe-pip only passes on, a worker until it is warm and one more, a scan of a small wheel
with an empty memory and with a full one. Then the modules that take longest to import in the
parent and in a worker.
"""

from __future__ import annotations

import argparse
import compileall
import os
import re
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from statistics import median

import safe_pip as safe_pip_package
from benchmarks.figures import add_json, print_table, write_json
from benchmarks.processes import timed
from safe_pip.cli.head_start import HeadStart
from safe_pip.inspection.processes import SpawnedProcess, worker_command
from safe_pip.inspection.workers import Worker

_METADATA = "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n"
_WHEEL = "Wheel-Version: 1.0\nGenerator: benchmarks\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
# ``import time:  self [us] | cumulative | name``
_IMPORT = re.compile(r"import time:\s+(\d+) \|\s+(\d+) \|( *)(\S+)")
HEAVY = ("numpy", "onnxruntime", "rich", "pip", "safe_pip.extractors")
N_SHOWN = 12


def small_wheel(folder: Path) -> Path:
    """A wheel of one short module."""
    path = folder / "demo-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(
            "demo/__init__.py", "import json\n\n\ndef go():\n    return json.dumps(1)\n"
        )
        archive.writestr("demo-1.0.dist-info/METADATA", _METADATA)
        archive.writestr("demo-1.0.dist-info/WHEEL", _WHEEL)
        archive.writestr("demo-1.0.dist-info/RECORD", "")
    return path


def warm_worker() -> float:
    """Seconds until a worker is warm."""
    started = time.perf_counter()
    worker = Worker(SpawnedProcess(worker_command()))
    try:
        worker.warm_up()
        return time.perf_counter() - started
    finally:
        worker.end()


def another_worker() -> float:
    """Seconds until a second worker is warm, as a copy where there are any."""
    with HeadStart(has_copies=True) as head_start:
        head_start.worker().warm_up()
        started = time.perf_counter()
        head_start.worker().warm_up()
        return time.perf_counter() - started


def imports_of(command: list[str]) -> list[tuple[int, int, str]]:
    """Microseconds alone, with what it imports, and the name, of each import of a process."""
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPROFILEIMPORTTIME": "1"}, input="",
        capture_output=True, text=True,
    )  # fmt: skip
    return [
        (int(alone), int(whole), name) for alone, whole, _, name in _IMPORT.findall(done.stderr)
    ]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.start_up")
    parser.add_argument("--rounds", type=int, default=7)
    add_json(parser)
    asked = parser.parse_args()
    # As pip's installation does; an editable one may lack it.
    compileall.compile_dir(Path(safe_pip_package.__file__).parent, quiet=2)
    safe_pip = [sys.executable, "-m", "safe_pip"]
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        wheel = small_wheel(work)
        known = {"XDG_CACHE_HOME": str(work / "known")}

        def process(*command: str | Path, **environ: str) -> Callable[[], float]:
            return lambda: timed([*command], work=work, environ=environ).wall

        def cold_scan() -> float:
            environ = {"XDG_CACHE_HOME": str(work / f"new{time.monotonic_ns()}")}
            return timed([*safe_pip, "scan", wheel], work=work, environ=environ).wall

        measures: dict[str, Callable[[], float]] = {
            "empty interpreter": process(sys.executable, "-c", ""),
            "pip --version": process(sys.executable, "-m", "pip", "--version"),
            "safe-pip --version": process(*safe_pip, "--version"),
            "pip list": process(sys.executable, "-m", "pip", "list"),
            "safe-pip list (passed on)": process(*safe_pip, "list"),
            "worker until warm": warm_worker,
            "another worker": another_worker,
            "scan, small wheel, cold": cold_scan,
            "scan, small wheel, remembered": process(*safe_pip, "scan", wheel, **known),
        }
        for measure in measures.values():
            measure()
        seconds: dict[str, list[float]] = {name: [] for name in measures}
        for _ in range(asked.rounds):
            for name, measure in measures.items():
                seconds[name].append(measure())
        rows = [
            {"start": name, "ms, median": 1_000 * median(values), "least": 1_000 * min(values)}
            for name, values in seconds.items()
        ]
        print_table(rows)
        code = "import safe_pip.cli.program, safe_pip.cli.pip_verbs"
        parent = imports_of([sys.executable, "-c", code])
        worker = imports_of(
            [
                sys.executable,
                "-c",
                "from safe_pip.inspection.worker import load_scanner; load_scanner()",
            ]
        )
    early = sorted({name for _, _, name in parent if name in HEAVY})
    print(f"\nimported in the parent before pip starts: {', '.join(early) or 'nothing heavy'}")
    for says, found in (("parent", parent), ("worker", worker)):
        print(f"\nlongest imports, {says}:")
        print_table([
            {"module": name, "alone ms": alone / 1_000, "with its own ms": whole / 1_000}
            for alone, whole, name in sorted(found, reverse=True)[:N_SHOWN]
        ])  # fmt: skip
    write_json(asked.json, "start_up", {"rows": rows, "heavy in parent": early})
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
