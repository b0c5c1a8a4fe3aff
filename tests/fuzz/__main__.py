"""Runs the targets one after another and prints how often each was executed."""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

TARGETS = ("archive", "code", "protocol", "answer", "index", "policy")
_ATHERIS_COUNT = re.compile(r"stat::number_of_executed_units: (\d+)")
_SHOWN_LINES = 60


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="for each target (default: 60)")
    parser.add_argument("--rounds", type=int, default=1, help="through all of them (default: 1)")
    parser.add_argument("--target", choices=TARGETS, action="append", help="default: all of them")
    asked = parser.parse_args()
    executions: Counter[str] = Counter()
    findings = 0
    # What a target leaves behind goes with the folder; a round begins with what the last found.
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        for _ in range(asked.rounds):
            for target in asked.target or TARGETS:
                count = run(target, asked.seconds, Path(folder))
                findings += count is None
                executions[target] += count or 0
                sums = ", ".join(f"{name} {count:,}" for name, count in executions.items())
                total = f"{executions.total():,} executions"
                print(f"{total}, {findings or 'no'} findings ({sums})", flush=True)
    return int(findings > 0)


def run(target: str, seconds: int, folder: Path) -> int | None:
    """Executions; None for a finding, which is printed."""
    found = folder / target
    found.mkdir(exist_ok=True)
    ended = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.engine", target, str(seconds), str(found)],
        env={**os.environ, "TMPDIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    counts = _ATHERIS_COUNT.findall(ended.stdout) or ended.stdout.split()[-1:]
    if ended.returncode == 0 and counts and counts[-1].isdecimal():
        return int(counts[-1])
    print("\n".join(ended.stdout.splitlines()[-_SHOWN_LINES:]))
    print(f"{target}: a finding, or the fuzzer failed", flush=True)
    return None


if __name__ == "__main__":
    sys.exit(main())
