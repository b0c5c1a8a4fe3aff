"""Processes, timed from outside: wall clock, processor time and peak memory with all children."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """``peak_mb`` is of the largest single process, waited-for children included."""

    wall: float
    cpu: float
    peak_mb: float
    code: int
    output: str


# Reports what it waited for itself: a parent's rusage of many children cannot be taken apart.
_MEASURE = """
import json, os, resource, subprocess, sys, time
started = time.perf_counter()
done = subprocess.run(sys.argv[2:], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
wall = time.perf_counter() - started
used = resource.getrusage(resource.RUSAGE_CHILDREN)
with open(sys.argv[1], "wb") as file:
    file.write(json.dumps([wall, used.ru_utime + used.ru_stime, used.ru_maxrss, done.returncode])
        .encode() + b"\\n" + done.stdout)
"""


def timed(
    command: Sequence[str | Path], *, work: Path, environ: Mapping[str, str] | None = None
) -> Timing:
    """Run a command to its end. Its output goes through a file in ``work``."""
    report = work / f"timing-{time.monotonic_ns()}"
    subprocess.run(
        [sys.executable, "-I", "-c", _MEASURE, str(report), *map(str, command)],
        env={**os.environ, **(environ or {})},
        check=True,
    )
    head, _, output = report.read_bytes().partition(b"\n")
    report.unlink()
    wall, cpu, peak, code = json.loads(head)
    # Kilobytes, but bytes on macOS.
    peak_mb = peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)
    return Timing(
        wall=wall, cpu=cpu, peak_mb=peak_mb, code=code, output=output.decode(errors="replace")
    )
