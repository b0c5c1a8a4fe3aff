"""No wheel puts a file where Python, pip or safe-pip would take it for one of theirs."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Collection
from importlib.metadata import requires
from pathlib import Path

import pip
import pytest
from packaging.requirements import Requirement

import safe_pip
from safe_pip.archive import DEFAULT_LIMITS
from safe_pip.artifact import Artifact, OriginKind
from safe_pip.errors import UnscannableError
from safe_pip.inspection.opening import open_artifact
from safe_pip.inspection.python_modules import IN_EVERY_PYTHON, IN_SOME_PYTHON
from safe_pip.inspection.shadowing import OF_PIP, OURS
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
    # What this Python does not have, and another one that is installed for does.
    *(f"demo-1.0.data/scripts/{name}.py" for name in ("distutils", "tomllib", "annotationlib")),
    *(f"demo-1.0.data/scripts/{name}.py" for name in ("asyncore", "cgi", "compression", "imp")),
    # What pip imports where it is there, and what we import only when it is needed.
    *(f"demo-1.0.data/scripts/{name}.py" for name in ("_manylinux", "OpenSSL", "pygments")),
    *("x.data/data/Scripts/keyring/a.py", "demo-1.0.data/scripts/filelock/__init__.py"),
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
        *("demo-1.0.data/headers/types.py", "demo-1.0.data/data/bin/platform/tool.txt"),
        *("demo-1.0.data/scripts/code.python-2", "demo-1.0.data/data/bin/platform/device.py"),
    ],
)
def test_own_and_ordinary_places_are_let_be(tmp_path: Path, place: str) -> None:
    assert refusal(write_wheel(tmp_path, "demo", files={place: "x = 1\n"})) is None


@pytest.mark.parametrize(("name", "is_refused"), [("re.py", True), ("demo.py", False)])
def test_entry_point_named_as_a_module(tmp_path: Path, name: str, is_refused: bool) -> None:
    path = write_wheel(tmp_path, entry_points=f"[console_scripts]\n{name} = demo:main\n")
    assert (refusal(path) == "foreign-place") is is_refused


def test_name_in_another_group_is_no_script(tmp_path: Path) -> None:
    text = "[demo.readers]\nre.py = demo:main\n[console_scripts]\n# re.py = demo:main\n"
    assert refusal(write_wheel(tmp_path, entry_points=text)) is None


def test_all_that_we_import_is_protected() -> None:
    """Every import in our code, wherever it stands, and all that we depend on."""
    own = Path(safe_pip.__file__).parent
    modules = {path.stem for path in own.rglob("*.py")}
    assert imported(own, leave_out=()) - modules - IN_SOME_PYTHON <= OURS | OF_PIP
    wanted = [Requirement(line) for line in requires("safe-pip-guard") or ()]
    names = {one.name for one in wanted if not (one.marker and "extra" in str(one.marker))}
    assert {name.replace("-", "_") for name in names} <= OURS


def test_all_that_pip_imports_is_protected() -> None:
    """But for what its libraries have for other systems and for Python 2."""
    others = ("pygments", "compat.py", "pytest_plugin.py", "android.py", "emscripten")
    found = imported(Path(pip.__file__).parent, leave_out=others)
    found -= {"__main__", "_typeshed", "dummy_threading", "java", "pip"}
    assert {name.casefold() for name in found} <= OF_PIP | IN_SOME_PYTHON


def imported(folder: Path, *, leave_out: Collection[str]) -> set[str]:
    """The top-level modules that the sources in a folder import, without those of Python."""
    names: set[str] = set()
    for path in folder.rglob("*.py"):
        if not set(path.parts).isdisjoint(leave_out):
            continue
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.Import):
                names.update(one.name.partition(".")[0] for one in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module.partition(".")[0])
    return names - sys.stdlib_module_names


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="the newest that this was counted on")
def test_modules_of_every_python_are_the_same_on_each() -> None:
    assert len(IN_EVERY_PYTHON) == 268


def test_python_looks_for_modules_beside_a_script_first(tmp_path: Path) -> None:
    """Why: pip's own script imports re."""
    write_tree(tmp_path, {"tool": "import string\n", "string.py": "print('ran')\n"})
    command = [sys.executable, "-S", str(tmp_path / "tool")]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert shown == "ran\n"


@pytest.mark.parametrize("name", ["demo/a.py.", "demo/a.py ", "a.pth::$DATA", "a.pth. ."])
def test_name_that_windows_makes_another_of(tmp_path: Path, name: str) -> None:
    assert refusal(write_wheel(tmp_path, "demo", files={name: "x = 1\n"})) == "ambiguous-member"


@pytest.mark.parametrize("others", [0, 60], ids=["alone", "behind many"])
def test_startup_file_in_a_folder_that_is_none(tmp_path: Path, others: int) -> None:
    """Where a backslash is a letter, it lies at the root."""
    files: dict[str, Content] = {f"demo\\{number}.txt": "" for number in range(others)}
    files["demo\\a.pth"] = "import a\n"
    assert refusal(write_wheel(tmp_path, files=files)) == "ambiguous-member"
