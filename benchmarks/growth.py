"""How do time and memory grow with what is inspected?

    python -m benchmarks.growth [--megabytes 1,10,100] [--counts 10,100,1000] [--json FILE]

Made archives, so that only one thing grows at a time: wheels with more and more source, of which
one module in ten acts and so earns a syntax tree; then more and more small wheels in one
``scan``, with one job and with two. Whole processes from outside, with an empty memory of
verdicts: wall clock, processor time, the largest process's memory.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.figures import add_json, print_table, write_json
from benchmarks.processes import Timing, timed

MODULE_BYTES = 20_000
_METADATA = "Metadata-Version: 2.1\nName: {0}\nVersion: 1.0\nSummary: made to be measured\n"
_WHEEL = "Wheel-Version: 1.0\nGenerator: benchmarks\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
_NAMES = [
    "account",
    "address",
    "amount",
    "answer",
    "branch",
    "bucket",
    "buffer",
    "channel",
    "client",
    "cluster",
    "column",
]
_FUNCTION = '''
def {name}({first}, {second}=None):
    """Give the {first} of a {second}, if there is one.

    It looks at both, and leaves them as they are.
    """
    if {second} is None:
        return {first}
    found = [item for item in {first} if item.get("{second}") == {number}]
    for position, item in enumerate(found):
        item["{name}"] = position * {number} + len({second})
    return {{"{first}": found, "{second}": {second}, "count": len(found)}}

'''
_ACTING = "import subprocess\n\n\ndef start(name):\n    return subprocess.run(['ls', name])\n"


def module(choose: random.Random, *, acts: bool) -> str:
    """A module of honest-looking functions, no two the same."""
    pieces = [_ACTING if acts else "import json\n\n"]
    size = 0
    while size < MODULE_BYTES:
        first, second = choose.sample(_NAMES, 2)
        number = choose.randrange(10_000)
        name = f"{first}_of_{second}_{number}"
        pieces.append(_FUNCTION.format(name=name, first=first, second=second, number=number))
        size += len(pieces[-1])
    return "\n".join(pieces)


def make_wheel(folder: Path, name: str, *, n_bytes: int) -> Path:
    """A wheel with as many bytes of source, or one short module if that is less."""
    choose = random.Random(f"{name}{n_bytes}")
    path = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{name}/__init__.py", f'"""{name}"""\n')
        for number in range(max(1, n_bytes // MODULE_BYTES)):
            acts = number % 10 == 0
            archive.writestr(f"{name}/part{number}.py", module(choose, acts=acts))
        archive.writestr(f"{name}-1.0.dist-info/METADATA", _METADATA.format(name))
        archive.writestr(f"{name}-1.0.dist-info/WHEEL", _WHEEL)
        archive.writestr(f"{name}-1.0.dist-info/RECORD", "")
    return path


def scan(work: Path, paths: Sequence[Path], *, jobs: int) -> Timing:
    """One scan of all of them, with an empty memory of verdicts."""
    with tempfile.TemporaryDirectory() as memory:
        command: list[str | Path] = [sys.executable, "-m", "safe_pip", "--quiet", "scan"]
        command += [f"--jobs={jobs}", *paths]
        return timed(command, work=work, environ={"XDG_CACHE_HOME": memory})


def row_of(says: str, amount: float, timing: Timing) -> dict[str, object]:
    return {
        "scan of": says,
        "wall s": timing.wall,
        "cpu s": timing.cpu,
        "ms a unit": 1_000 * timing.wall / amount,
        "peak MB": timing.peak_mb,
        "exit": timing.code,
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth")
    parser.add_argument("--megabytes", default="1,10,100", help="of source in one wheel")
    parser.add_argument("--counts", default="10,100,1000", help="of small wheels in one scan")
    add_json(parser)
    asked = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        scan(work, [make_wheel(work, "first", n_bytes=0)], jobs=1)
        for megabytes in map(int, filter(None, asked.megabytes.split(","))):
            wheel = make_wheel(work, f"big{megabytes}", n_bytes=megabytes * 1_000_000)
            says = f"{megabytes} MB of source"
            rows.append(row_of(says, megabytes, scan(work, [wheel], jobs=1)))
        counts = [int(count) for count in asked.counts.split(",") if count]
        small = [make_wheel(work, f"small{n}", n_bytes=0) for n in range(max(counts, default=0))]
        for count in counts:
            for jobs in (1, 2):
                says = f"{count} wheels, {jobs} job{'s' * (jobs > 1)}"
                rows.append(row_of(says, count, scan(work, small[:count], jobs=jobs)))
    print_table(rows)
    write_json(asked.json, "growth", {"rows": rows})
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
