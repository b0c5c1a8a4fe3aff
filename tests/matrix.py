"""The gate's tests with every pip in every Python that this machine has: ``python -m tests.matrix``.

Each cell is a run of the integration tests with SAFE_PIP_TEST_PYTHON and SAFE_PIP_TEST_PIP_ROOT.
Pythons are those in PATH and beside the one that runs this; pips are the wheels that they and
virtualenv bring along, and the versions that ``--pip`` names, which pip fetches; ``--whole`` names
the last of every line since 22.3. ``--diagonal`` runs each pip once, in one Python after another.
``--results`` keeps what each cell came to: a run that was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from packaging.utils import parse_wheel_filename
from packaging.version import Version

from safe_pip.gates.target import NEWEST_TESTED_PIP, OLDEST_PIP
from tests.matrix_results import Outcome, add_outcome, latest, read_outcomes, table

REPOSITORY = Path(__file__).parents[1]
GATE_TESTS = (
    *("tests/integration/test_kinds.py", "tests/integration/test_install.py"),
    *("tests/integration/test_verbs.py", "tests/integration/test_more_ways.py"),
    *("tests/integration/test_ways_around.py", "tests/integration/test_failing_closed.py"),
    *("tests/integration/test_questions.py", "tests/integration/test_lying_parent.py"),
    "tests/bypasses/test_gate_sources.py",
)
# Every line of pip since the oldest that can be guarded. A line's last release stands for it.
PIP_LINES = (
    *("22.3", "23.0", "23.1", "23.2", "23.3", "24.0", "24.1", "24.2", "24.3", "25.0", "25.1"),
    *("25.2", "25.3", "26.0", "26.1", "26.2", "26.3"),
)
MINORS = range(9, 16)
CELL_SECONDS = 3600
_COUNTS = re.compile(r"(\d+) (passed|failed|error|skipped)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One pip in one Python. ``pip_root`` is the folder that holds the package."""

    python: Path
    python_version: str
    pip_root: Path
    pip_version: Version

    def __str__(self) -> str:
        return f"pip {self.pip_version} in Python {self.python_version}"

    def runs(self) -> bool:
        """Whether this pip knows this Python at all, without us."""
        runner = self.pip_root / "pip" / "__pip-runner__.py"
        command = [str(self.python), str(runner), "list"]
        return subprocess.run(command, capture_output=True, timeout=60).returncode == 0

    def test(self, options: list[str], commit: str) -> Outcome:
        environ = {
            **os.environ,
            "SAFE_PIP_TEST_PYTHON": str(self.python),
            "SAFE_PIP_TEST_PIP_ROOT": str(self.pip_root),
        }
        command = [sys.executable, "-m", "pytest", "--tb=line", "-p", "no:cacheprovider"]
        ended = subprocess.run(
            [*command, *(options or GATE_TESTS)],
            cwd=REPOSITORY,
            env=environ,
            capture_output=True,
            text=True,
            timeout=CELL_SECONDS,
        )
        lines = ended.stdout.splitlines()
        counts = {word: int(number) for number, word in _COUNTS.findall("".join(lines[-1:]))}
        failures = [line for line in lines if line.startswith(("FAILED", "ERROR"))]
        if ended.returncode != 0 and not failures:
            failures = lines[-20:]
        return Outcome(
            pip=str(self.pip_version),
            python=self.python_version,
            commit=commit,
            day=datetime.now(timezone.utc).date().isoformat(),
            tests=tuple(options),
            passed=counts.get("passed", 0),
            failed=counts.get("failed", 0) + counts.get("error", 0),
            skipped=counts.get("skipped", 0),
            failures=tuple(failures),
        )


def tested_commit() -> str:
    """What HEAD is called; with a plus if what is tested is not only that."""
    git = ["git", "-C", str(REPOSITORY)]
    told = [
        subprocess.run([*git, *words], capture_output=True, text=True, check=True).stdout.strip()
        for words in (["rev-parse", "--short=8", "HEAD"], ["status", "--porcelain", "-uno"])
    ]
    return told[0] + ("+" if told[1] else "")


def pythons(named: Iterable[str]) -> Mapping[str, Path]:
    """Interpreters by their version, the oldest first."""
    beside = Path(sys.base_prefix).parent.glob("*/bin/python3")
    in_path = (shutil.which(f"python3.{minor}") for minor in MINORS)
    candidates = list(named) or [*map(str, beside), *filter(None, in_path), sys.executable]
    found: dict[str, Path] = {}
    for candidate in candidates:
        code = "import sys; print('%d.%d' % sys.version_info[:2])"
        ended = subprocess.run([candidate, "-c", code], capture_output=True, text=True, timeout=60)
        version = ended.stdout.strip()
        if ended.returncode == 0 and (3, int(version.partition(".")[2])) >= (3, MINORS.start):
            found.setdefault(version, Path(candidate))
    return dict(sorted(found.items(), key=lambda item: Version(item[0])))


def pips(pythons: Iterable[Path], named: Iterable[str], folder: Path) -> Mapping[Version, Path]:
    """Copies of pip by their version, each unpacked into a folder of its own."""
    wheels: list[Path] = []
    for python in pythons:
        code = "import ensurepip; print(ensurepip.__path__[0])"
        ended = subprocess.run([python, "-c", code], capture_output=True, text=True, timeout=60)
        wheels += Path(ended.stdout.strip() or folder).glob("_bundled/pip-*.whl")
    import virtualenv.seed.wheels.embed

    wheels += Path(virtualenv.seed.wheels.embed.__file__).parent.glob("pip-*.whl")
    for name in named:
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d"]
        subprocess.run(
            [*command, str(folder), "--ignore-requires-python", f"pip=={name}"], check=True
        )
    wheels += folder.glob("pip-*.whl")
    found: dict[Version, Path] = {}
    for wheel in wheels:
        version = parse_wheel_filename(wheel.name)[1]
        if OLDEST_PIP <= version <= NEWEST_TESTED_PIP and version not in found:
            found[version] = folder / str(version)
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(found[version])
    return dict(sorted(found.items()))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.matrix", description=__doc__)
    parser.add_argument("--python", action="append", default=[], help="an interpreter")
    parser.add_argument("--pip", action="append", default=[], metavar="VERSION", help="also this")
    parser.add_argument("--whole", action="store_true", help="also the last pip of every line")
    parser.add_argument("--only-pip", action="store_true", help="only the versions --pip names")
    parser.add_argument("--diagonal", action="store_true", help="each pip in one Python only")
    parser.add_argument("--list", action="store_true", help="show the cells and run nothing")
    parser.add_argument(
        "--results",
        type=Path,
        metavar="FILE",
        help="keep what each cell came to; leave out those that passed at this commit",
    )
    parser.add_argument("--table", action="store_true", help="draw that file and run nothing")
    parser.add_argument(
        "tests",
        nargs=argparse.REMAINDER,
        help="tests, and options of pytest behind them (default: the gate's tests)",
    )
    asked = parser.parse_args()
    if asked.table and not asked.results:
        parser.error("--table draws what --results names")
    return asked


def cells_of(asked: argparse.Namespace, folder: Path) -> list[Cell]:
    """Those asked for. One that does not start is told and left out."""
    interpreters = pythons(asked.python)
    lines = [f"{line}.*" for line in PIP_LINES] if asked.whole else []
    copies = pips(interpreters.values(), [*asked.pip, *lines], folder)
    found = []
    for number, (pip_version, pip_root) in enumerate(copies.items()):
        if asked.only_pip and str(pip_version) not in asked.pip:
            continue
        cells = [
            Cell(
                python=python,
                python_version=python_version,
                pip_root=pip_root,
                pip_version=pip_version,
            )
            for python_version, python in interpreters.items()
        ]
        runnable = [cell for cell in cells if cell.runs()]
        if asked.diagonal and runnable:
            found.append(runnable[number % len(runnable)])
            continue
        for cell in cells:
            if cell not in runnable:
                print(f"{cell}: this pip does not run there", flush=True)
        found += runnable
    return found


def main() -> int:
    asked = arguments()
    outcomes = read_outcomes(asked.results) if asked.results else []
    if asked.table:
        print(table(latest(outcomes)))
        return 0
    commit, are_good = tested_commit(), True
    done = {(one.pip, one.python, one.commit, one.tests) for one in outcomes if one.is_good}
    with tempfile.TemporaryDirectory(prefix="matrix-") as folder:
        for cell in cells_of(asked, Path(folder)):
            named = (str(cell.pip_version), cell.python_version, commit, tuple(asked.tests))
            if asked.list or (named in done and not commit.endswith("+")):
                print(f"{cell}{'' if asked.list else ': passed before'}", flush=True)
                continue
            outcome = cell.test(asked.tests, commit)
            outcomes.append(outcome)
            are_good = are_good and outcome.is_good
            print("\n    ".join([f"{cell}: {outcome.counts}", *outcome.failures]), flush=True)
            if asked.results:
                add_outcome(asked.results, outcome)
    if not (asked.list or asked.tests):
        print(table(latest(outcomes)))
    return 0 if are_good else 1


if __name__ == "__main__":
    sys.exit(main())
