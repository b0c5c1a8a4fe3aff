"""A workshop for each test: an index on loopback, a fresh target environment, and marks.

SAFE_PIP_TEST_PYTHON and SAFE_PIP_TEST_PIP_ROOT run the same tests with another interpreter and
another copy of pip (a folder that holds the package).
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from safe_pip.gates.interpreter import describe, read_pip
from safe_pip.gates.reviewer import Reviewer
from safe_pip.gates.target import PipSource, Target, choose_target
from tests.integration.canaries import MARKS_VARIABLE
from tests.integration.known_target import run_pip
from tests.integration.loopback_index import LoopbackIndex, serve

PIP_TIMEOUT_SECONDS = 120


@pytest.fixture(scope="session", autouse=True)
def _interrupts_arrive() -> None:
    """A test run in the background of a shell ignores Ctrl-C, and its children inherit that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


class Workshop:
    """Everything a run of pip touches, in one temporary folder."""

    def __init__(self, folder: Path, index: LoopbackIndex) -> None:
        self.folder = folder
        self.index = index
        self.archives = index.folder
        self.environment = folder / "target"
        self.marks_file = folder / "marks"
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder / "home"),
            "TMPDIR": str(folder / "tmp"),
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_INDEX_URL": index.url,
            "PIP_CACHE_DIR": str(folder / "cache"),
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_NO_INPUT": "1",
            "PIP_RETRIES": "0",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "NO_PROXY": "*",
            MARKS_VARIABLE: str(self.marks_file),
        }
        for name in ("home", "tmp", "work"):
            (folder / name).mkdir()
        self.work = folder / "work"
        # Hears what pip is about to fetch.
        self.expect: Callable[[str, str], None] | None = None
        self.make_environment()

    def make_environment(self) -> None:
        """A target without pip, made anew at the same place."""
        shutil.rmtree(self.environment, ignore_errors=True)
        python = os.environ.get("SAFE_PIP_TEST_PYTHON", sys.executable)
        subprocess.run(
            [python, "-m", "venv", "--without-pip", self.environment], check=True, timeout=60
        )

    @property
    def python(self) -> Path:
        return self.environment / "bin" / "python"

    @property
    def target(self) -> Target:
        if root := os.environ.get("SAFE_PIP_TEST_PIP_ROOT"):
            pip = read_pip(str(Path(root) / "pip" / "__init__.py"))
            assert pip is not None
            return Target(
                python=self.python,
                python_version=describe(self.python, self.environ).version,
                prefix=self.environment,
                is_virtual_environment=True,
                pip_source=PipSource.TARGET,
                pip_root=pip.root,
                pip_version=pip.version,
                chosen_by="the test",
            )
        return choose_target(environ=self.environ, python=self.python)

    def guarded(self, reviewer: Reviewer, *arguments: str | Path, **environ: str) -> int:
        before = Path.cwd()
        os.chdir(self.work)
        try:
            return run_pip(
                self.target,
                [str(argument) for argument in arguments],
                lambda: reviewer,
                environ={**self.environ, **environ},
                expect=self.expect,
            )
        finally:
            os.chdir(before)

    def plain(self, *arguments: str | Path, **environ: str) -> int:
        """The same pip without us."""
        runner = self.target.pip_root / "pip" / "__pip-runner__.py"
        return subprocess.run(
            [self.python, runner, *arguments],
            env={**self.environ, **environ},
            cwd=self.work,
            timeout=PIP_TIMEOUT_SECONDS,
        ).returncode

    @property
    def marks(self) -> list[str]:
        """What ran, as the canaries tell."""
        try:
            return self.marks_file.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return []

    def forget_marks(self) -> None:
        self.marks_file.unlink(missing_ok=True)

    def installed(self) -> list[str]:
        (site,) = self.environment.glob("lib/python*/site-packages")
        return sorted(path.name for path in site.iterdir() if path.name != "__pycache__")

    @property
    def leftovers(self) -> list[str]:
        """What stayed behind in the temporary folder."""
        return sorted(path.name for path in (self.folder / "tmp").iterdir())


def tree(folder: Path) -> dict[str, str]:
    """Relative path to mode and digest of every file, without byte code, whose content holds
    times, and without its lines in RECORD."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_dir() or path.suffix == ".pyc":
            continue
        if path.is_symlink():
            found[name] = f"-> {path.readlink()}"
            continue
        data = path.read_bytes()
        if path.name == "RECORD":
            lines = data.splitlines(keepends=True)
            data = b"".join(line for line in lines if b".pyc," not in line)
        found[name] = f"{path.stat().st_mode:o} {hashlib.sha256(data).hexdigest()}"
    return found


@pytest.fixture
def workshop(tmp_path: Path) -> Iterator[Workshop]:
    archives = tmp_path / "archives"
    archives.mkdir()
    with serve(LoopbackIndex(archives)) as index:
        yield Workshop(tmp_path, index)
