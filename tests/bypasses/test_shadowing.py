"""No wheel puts a file where Python, pip or safe-pip would take it for one of theirs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from safe_pip.archive import DEFAULT_LIMITS
from safe_pip.artifact import Artifact, OriginKind
from safe_pip.errors import UnscannableError
from safe_pip.inspection.opening import open_artifact
from tests.builders import Content, write_tree, write_wheel

SHADOWS = (
    *("demo-1.0.data/scripts/re.py", "demo-1.0.data/scripts/typing/__init__.py"),
    *("demo-1.0.data/data/bin/logging.pyc", "demo-1.0.data/scripts/safe_pip/__init__.py"),
    *("demo-1.0.data/scripts/numpy.abi3.so", "x.data/data/Scripts/Types.py"),
    *("demo-1.0.data/data/pip.conf", "demo-1.0.data/data/pip.ini"),
    *("demo-1.0.data/data/bin/pybuilddir.txt", "demo-1.0.data/data/python311._pth"),
    *("demo-1.0.data/data/lib/python3.11/os.py", "demo-1.0.data/data/lib/python311.zip"),
    *("demo-1.0.data/data/lib/python3.11/lib-dynload/_x.so", "x.data/data/Lib/abc.py"),
    *("demo-1.0.data/data/Lib/Site-Packages/a.py", "_virtualenv.py", "_distutils_hack/a.py"),
    "demo-1.0.dist-info/direct_url.json",
    *("requests-9.egg-info/PKG-INFO", "requests-9.egg-info", "requests-9.DIST-INFO/METADATA"),
)


def refusal(path: Path) -> str | None:
    try:
        with open_artifact(Artifact(path=path, origin=OriginKind.INDEX), DEFAULT_LIMITS):
            return None
    except UnscannableError as error:
        return error.reason


@pytest.mark.parametrize("place", SHADOWS)
def test_wheel_with_a_file_that_is_taken_for_another(tmp_path: Path, place: str) -> None:
    files: dict[str, Content] = {"demo/__init__.py": "", place: "x = 1\n"}
    assert refusal(write_wheel(tmp_path, "demo", files=files)) == "foreign-place"


@pytest.mark.parametrize(
    "place",
    [
        *("demo-1.0.data/scripts/rst2html.py", "demo-1.0.data/scripts/re", "demo/re.py", "re.py"),
        *("demo-1.0.data/data/etc/pip.conf", "demo-1.0.data/data/lib/libdemo.so.4"),
        *("demo-1.0.data/data/lib/python3.11/site-packages/a.py", "demo.egg-info/PKG-INFO"),
        *("demo-1.0.data/data/lib/python3/dist-packages/a.py", "demo-1.0.data/data/lib/demo.jl"),
        "demo-1.0.data/headers/types.py",
    ],
)
def test_own_and_ordinary_places_are_let_be(tmp_path: Path, place: str) -> None:
    assert refusal(write_wheel(tmp_path, "demo", files={place: "x = 1\n"})) is None


@pytest.mark.parametrize(("name", "is_refused"), [("re.py", True), ("demo.py", False)])
def test_entry_point_named_as_a_module(tmp_path: Path, name: str, is_refused: bool) -> None:
    path = write_wheel(tmp_path, entry_points=f"[console_scripts]\n{name} = demo:main\n")
    assert (refusal(path) == "foreign-place") is is_refused


def test_python_looks_for_modules_beside_a_script_first(tmp_path: Path) -> None:
    """Why: pip's own script imports re."""
    write_tree(tmp_path, {"tool": "import string\n", "string.py": "print('ran')\n"})
    command = [sys.executable, "-S", str(tmp_path / "tool")]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert shown == "ran\n"


@pytest.mark.parametrize("name", ["demo/a.py.", "demo/a.py ", "a.pth::$DATA", "a.pth. ."])
def test_name_that_windows_makes_another_of(tmp_path: Path, name: str) -> None:
    assert refusal(write_wheel(tmp_path, "demo", files={name: "x = 1\n"})) == "ambiguous-member"


def test_startup_file_in_a_folder_that_is_none(tmp_path: Path) -> None:
    """Where a backslash is a letter, it lies at the root."""
    assert refusal(write_wheel(tmp_path, files={"demo\\a.pth": "import a\n"})) == "ambiguous-member"
