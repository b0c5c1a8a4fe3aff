"""The house rules that a program can check: layers, types, style, packaging."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
MAX_INSTALLED_BYTES = 8 * 1024 * 1024
MAX_MODEL_BYTES = 5 * 1024 * 1024


def run(*command: str) -> None:
    done = subprocess.run(
        [sys.executable, *command], cwd=ROOT, capture_output=True, text=True, timeout=280
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_layers_hold() -> None:
    run("-c", "from importlinter import cli; raise SystemExit(cli.lint_imports())")


def test_the_types_hold() -> None:
    run("-m", "mypy")


@pytest.mark.parametrize("check", ["check", "format --check"])
def test_the_style_holds(check: str) -> None:
    run("-m", "ruff", *check.split(), ".")


def test_every_package_is_shipped() -> None:
    source = ROOT / "src"
    found = {
        ".".join(init.parent.relative_to(source).parts) for init in source.rglob("__init__.py")
    }
    assert set(PYPROJECT["tool"]["setuptools"]["packages"]) == found | {"safe_pip._model"}


def test_the_installed_tool_does_not_need_the_training_side() -> None:
    code = (
        "import sys, pkgutil, importlib, safe_pip\n"
        "for module in pkgutil.walk_packages(safe_pip.__path__, 'safe_pip.'):\n"
        "    if not module.name.endswith(('__main__', 'pip_runner')):\n"
        "        importlib.import_module(module.name)\n"
        "training = {'sklearn', 'skl2onnx', 'onnx', 'joblib', 'matplotlib', 'scipy', 'model'}\n"
        "assert not training & set(sys.modules), training & set(sys.modules)\n"
    )
    run("-c", code)


def test_what_is_shipped_stays_small() -> None:
    model = sum(
        file.stat().st_size for file in (ROOT / "model" / "exported").iterdir() if file.is_file()
    )
    own = sum(
        file.stat().st_size
        for file in (ROOT / "src").rglob("*")
        if file.is_file() and "__pycache__" not in file.parts and ".egg-info" not in str(file)
    )
    assert model <= MAX_MODEL_BYTES
    assert own + model <= MAX_INSTALLED_BYTES


def test_no_file_names_a_machine_or_a_registry_host() -> None:
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)
    forbidden = ["/".join(("", "work", "")).encode(), b".".join((b"pypi", b"org"))]
    forbidden.append(b"".join((b"python", b"hosted")))
    named = [
        name
        for name in tracked.stdout.decode().split("\0")
        if name and any(part in (ROOT / name).read_bytes() for part in forbidden)
    ]
    assert named == []


def test_every_promise_names_a_test_that_exists() -> None:
    security = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    rows = [line.split("|") for line in security.splitlines() if line.startswith("| ")][1:]
    assert rows
    assert [promise for _, promise, held_by, _ in rows if "`test_" not in held_by] == []
    promised = set(re.findall(r"`(test_\w+)`", security))
    tests = {
        name
        for file in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", file.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert promised <= tests, promised - tests


@pytest.mark.parametrize(("mark", "at_least"), [("fault", 40), ("hostile", 60)])
def test_there_are_as_many_faults_and_hostile_archives_as_we_want(mark: str, at_least: int) -> None:
    command = ["-m", "pytest", "-o", "addopts=", "--collect-only", "-q", "-m", mark]
    places = ["tests/integration", "tests/unit/test_clock.py"]
    listed = subprocess.run(
        [sys.executable, *command, *places], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert listed.returncode == 0, listed.stdout
    assert sum("::test_" in line for line in listed.stdout.splitlines()) >= at_least


def test_the_readme_shows_the_help_of_the_program() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = subprocess.run(
        [sys.executable, "-m", "safe_pip", "--help"], capture_output=True, text=True, timeout=60
    )
    assert shown.stdout.strip() in readme
    assert len(readme.splitlines()) <= 150
