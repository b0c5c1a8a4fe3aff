"""Runs what can run of safe-pip in CPython 3.14 as WebAssembly, for a machine that has no 3.14::

    python -m tests.wasm [--folder FOLDER] [argument of pytest ...]

It needs Node 20 with npm, and pip; both fetch as they are configured, once for a folder. Exits
with 1 if a module cannot be imported without an error or a warning, or a test fails.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

PYODIDE = "pyodide@314.0.7"
REPOSITORY = Path(__file__).resolve().parents[2]
# hypothesis and the rest in wheels for any machine: what is compiled is compiled for another one.
PROJECTS = ("hypothesis", "packaging", "platformdirs", "pytest", "rich")
ANY_MACHINE = ("--only-binary", ":all:", "--platform", "any", "--implementation", "py",
               "--python-version", "3.14")  # fmt: skip


def prepare(folder: Path) -> tuple[Path, Path]:
    """The folders of pyodide and of the installed projects; made when they are missing."""
    pyodide, site = folder / "node_modules" / "pyodide", folder / "site"
    if not pyodide.is_dir():
        npm = ("npm", "install", "--no-save", "--no-audit", "--ignore-scripts")
        subprocess.run([*npm, "--prefix", str(folder), PYODIDE], check=True)
    if not site.is_dir():
        with tempfile.TemporaryDirectory(dir=folder) as wheels:
            pip = (sys.executable, "-m", "pip", "download", "--quiet", "--dest", wheels)
            subprocess.run([*pip, *ANY_MACHINE, *PROJECTS], check=True)
            for wheel in Path(wheels).glob("*.whl"):
                with zipfile.ZipFile(wheel) as archive:
                    archive.extractall(site)
    return pyodide, site


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.wasm", description=__doc__)
    parser.add_argument("--folder", type=Path, help="where both are kept for the next time")
    asked, rest = parser.parse_known_args(arguments)
    with tempfile.TemporaryDirectory() as temporary:
        folder = asked.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        pyodide, site = prepare(folder.resolve())
        run = ("node", str(REPOSITORY / "tests" / "wasm" / "run.mjs"))
        done = subprocess.run([*run, str(pyodide), str(REPOSITORY), str(site), *rest])
    return min(done.returncode, 1)


if __name__ == "__main__":
    raise SystemExit(main())
