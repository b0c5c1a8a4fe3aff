"""What does ``safe-pip install`` cost beside ``pip install``?

    python -m benchmarks.install_cost [--rounds N] [--far] [--json FILE] [CASE ...]

Each set is installed in turns by plain pip, by safe-pip that knows no verdict, and by safe-pip
that remembers all of them, each time into a fresh virtual environment with the same pip, through
the index that pip is configured for, after one run that fills pip's caches; with and without
compiling to byte code. With ``--far`` the same files come from an index on loopback that answers
late and slowly, to pips without a cache. Ratios to plain pip of the same round: medians of wall and
processor time.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.far_index import add_distance, far_index
from benchmarks.figures import add_json, print_table, write_json
from benchmarks.processes import Timing, timed
from benchmarks.same_as_pip import SIXTY
from tests.integration.loopback_index import serve

CASES = {
    "requests": ("requests",),
    "flask": ("flask",),
    "pandas": ("pandas",),
    "jupyterlab": ("jupyterlab",),
    "sixty": tuple(SIXTY.split()),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """Plain pip, safe-pip without and with verdicts in memory."""

    plain: Timing
    cold: Timing
    remembered: Timing


class Bench:
    """Installs into environments in one folder, with one cache of pip's for all."""

    def __init__(self, work: Path) -> None:
        self._work = work
        self._made = 0
        self._environ = {"PIP_CACHE_DIR": str(work / "pip")}

    def fetch(self, arguments: Sequence[str]) -> Path:
        """A folder with all that an installation takes."""
        served = self._work / "served"
        download = ["-m", "pip", "download", "-q", "-d", str(served), *arguments]
        done = timed([sys.executable, *download], work=self._work)
        if done.code:
            raise SystemExit(f"what is to be served cannot be fetched: {done.output}")
        return served

    def take_from(self, url: str) -> None:
        """From now on all comes from one index, over and over."""
        self._environ = {
            "PIP_INDEX_URL": url,
            "PIP_NO_CACHE_DIR": "1",
            "PIP_CONFIG_FILE": os.devnull,
        }

    def _environment(self) -> Path:
        self._made += 1
        folder = self._work / f"env{self._made}"
        done = timed([sys.executable, "-m", "virtualenv", "-q", folder], work=self._work)
        if done.code:
            raise SystemExit(f"no environment can be made: {done.output}")
        return folder

    def _install(self, arguments: Sequence[str], *, verdicts: Path | None) -> Timing:
        """By safe-pip with a folder of verdicts, else by the environment's own pip."""
        folder = self._environment()
        pip = [folder / "bin" / "python", "-m", "pip"]
        command = pip if verdicts is None else [sys.executable, "-m", "safe_pip"]
        environ = {"VIRTUAL_ENV": str(folder), **self._environ}
        if verdicts is not None:
            environ["XDG_CACHE_HOME"] = str(verdicts)
        timing = timed([*command, "install", "-q", *arguments], work=self._work, environ=environ)
        if timing.code:
            raise SystemExit(f"{command[-1]} ended with {timing.code}:\n{timing.output[-3000:]}")
        return timing

    def rounds(self, arguments: Sequence[str], count: int) -> list[Round]:
        """The rounds of one set."""
        self._install(arguments, verdicts=None)
        known = self._work / "known" / str(self._made)
        self._install(arguments, verdicts=known)
        return [
            Round(
                plain=self._install(arguments, verdicts=None),
                cold=self._install(arguments, verdicts=self._work / "new" / str(self._made)),
                remembered=self._install(arguments, verdicts=known),
            )
            for _ in range(count)
        ]


def row_of(says: str, rounds: Sequence[Round]) -> dict[str, object]:
    """Medians of the ratios of each round."""
    return {
        "÷ pip": says,
        "pip s": median(one.plain.wall for one in rounds),
        "cold wall": median(one.cold.wall / one.plain.wall for one in rounds),
        "cold cpu": median(one.cold.cpu / one.plain.cpu for one in rounds),
        "known wall": median(one.remembered.wall / one.plain.wall for one in rounds),
        "known cpu": median(one.remembered.cpu / one.plain.cpu for one in rounds),
        "peak MB": max(one.cold.peak_mb for one in rounds),
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.install_cost")
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"of {', '.join(CASES)}")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--far", action="store_true", help="from an index that is far away")
    add_distance(parser)
    add_json(parser)
    asked = parser.parse_args()
    unknown = set(asked.cases) - CASES.keys()
    if unknown:
        parser.error(f"no case {sorted(unknown)[0]!r}")
    rows = []
    for name in asked.cases or CASES:
        for option in ((), ("--no-compile",)):
            with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
                bench = Bench(Path(folder))
                if asked.far:
                    index = far_index(bench.fetch(CASES[name]), asked)
                    stack.enter_context(serve(index))
                    bench.take_from(index.url)
                rounds = bench.rounds([*option, *CASES[name]], asked.rounds)
            says = " ".join((name, *option))
            rows.append(row_of(says, rounds))
            print(f"{says}: cold x{rows[-1]['cold wall']:.2f}", file=sys.stderr, flush=True)
    print_table(rows)
    write_json(asked.json, "install_cost", {"rounds": asked.rounds, "rows": rows})
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
