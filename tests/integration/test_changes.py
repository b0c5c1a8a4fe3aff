"""A release beside the one before it, by the whole command and the shipped models."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.builders import write_wheel
from tests.integration.conftest import Workshop

MODULE = "import json\n\n\ndef read(path):\n    with open(path) as file:\n        return json.load(file)\n"
HARMLESS = base64.b64encode(b"import os\nos.system('echo look-alike')\n").decode()
STARTUP_LINE = f"import base64; exec(base64.b64decode('{HARMLESS}'))\n"


def release(folder: Path, version: str, **added: str) -> Path:
    files = {"demo/__init__.py": f"{MODULE}\nVERSION = {version!r}\n", **added}
    return write_wheel(folder, "demo", version, files=files)


def run(*arguments: str | Path, environ: Mapping[str, str], cwd: Path) -> Any:
    return subprocess.run(
        [sys.executable, "-m", "safe_pip", *map(str, arguments)],
        env=dict(environ),
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_a_scan_judges_the_change_since_the_previous_release(workshop: Workshop) -> None:
    old = release(workshop.work, "1.0")
    new = release(workshop.work, "1.1", **{"demo.pth": STARTUP_LINE})
    done = run(
        "scan", "--format", "json", "--previous", old, new,
        environ=workshop.environ, cwd=workshop.work,
    )  # fmt: skip
    (decision,) = json.loads(done.stdout)["decisions"]
    assert decision["change"]["previous"] == "demo 1.0"
    assert decision["change"]["score"] >= decision["change"]["ask_above"]
    assert decision["evidence"][0]["path"] == "demo.pth"
    assert decision["evidence"][0]["gained"]
    assert done.returncode in (40, 41)


def test_a_previous_release_that_is_not_there_is_an_error(workshop: Workshop) -> None:
    done = run(
        "scan", "--previous", "missing.whl", release(workshop.work, "1.1"),
        environ=workshop.environ, cwd=workshop.work,
    )  # fmt: skip
    assert done.returncode == 2
    assert "missing.whl" in done.stderr


def test_an_upgrade_is_compared_with_the_installed_copy(workshop: Workshop) -> None:
    environ = {**workshop.environ, "VIRTUAL_ENV": str(workshop.environment)}
    release(workshop.archives, "1.0")
    first = run("install", "demo", environ=environ, cwd=workshop.work)
    assert first.returncode == 0, first.stderr
    release(workshop.archives, "1.1", **{"demo.pth": STARTUP_LINE})
    report = workshop.work / "report.json"
    second = run("--report", report, "install", "-U", "demo", environ=environ, cwd=workshop.work)
    assert second.returncode == 40, second.stderr
    assert "demo-1.0.dist-info" in workshop.installed()
    (decision,) = json.loads(report.read_text())["decisions"]
    assert decision["change"]["previous"] == "demo 1.0"
    assert decision["evidence"][0]["gained"]


def test_an_upgrade_in_another_interpreter_is_compared_with_its_copy(workshop: Workshop) -> None:
    """With --python, which pip leads from the one that was found to the one that is meant."""
    first = workshop.folder / "first"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", first], check=True, timeout=60)
    environ = {**workshop.environ, "VIRTUAL_ENV": str(first)}
    in_target: list[str | Path] = ["--python", workshop.python, "install", "-U", "demo"]
    release(workshop.archives, "1.0")
    done = run(*in_target, environ=environ, cwd=workshop.work)
    assert done.returncode == 0, done.stderr
    release(workshop.archives, "1.1", **{"demo.pth": STARTUP_LINE})
    report = workshop.work / "report.json"
    done = run("--report", report, *in_target, environ=environ, cwd=workshop.work)
    assert done.returncode == 40, done.stderr
    (decision,) = json.loads(report.read_text())["decisions"]
    assert decision["change"]["previous"] == "demo 1.0"


def test_an_ordinary_upgrade_is_installed(workshop: Workshop) -> None:
    environ = {**workshop.environ, "VIRTUAL_ENV": str(workshop.environment)}
    for version in ("1.0", "1.1"):
        release(workshop.archives, version)
        done = run("install", "-U", "demo", environ=environ, cwd=workshop.work)
        assert done.returncode == 0, done.stderr
    assert "demo-1.1.dist-info" in workshop.installed()
