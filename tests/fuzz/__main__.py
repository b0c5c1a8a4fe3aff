"""Runs the targets one after another and prints how often each was executed."""

from __future__ import annotations

import argparse
import re
import subprocess
import sys

TARGETS = ("archive", "code", "protocol", "policy")
_ATHERIS_COUNT = re.compile(r"stat::number_of_executed_units: (\d+)")
_SHOWN_LINES = 60


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="for each target (default: 60)")
    parser.add_argument("--target", choices=TARGETS, action="append", help="default: all of them")
    asked = parser.parse_args()
    has_found = False
    for target in asked.target or TARGETS:
        ended = subprocess.run(
            [sys.executable, "-m", "tests.fuzz.engine", target, str(asked.seconds)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        counts = _ATHERIS_COUNT.findall(ended.stdout) or ended.stdout.split()[-1:]
        is_clean = ended.returncode == 0 and counts[-1:] and counts[-1].isdecimal()
        if is_clean:
            print(f"{target}: {int(counts[-1]):,} executions, no finding", flush=True)
        else:
            has_found = True
            print("\n".join(ended.stdout.splitlines()[-_SHOWN_LINES:]))
            print(f"{target}: a finding, or the fuzzer failed", flush=True)
    return int(has_found)


if __name__ == "__main__":
    sys.exit(main())
