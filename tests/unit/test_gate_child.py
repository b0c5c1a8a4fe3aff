"""The child's side, outside of a child: its parts are ordinary functions."""

from __future__ import annotations

import ast
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import pytest

import safe_pip.gates
from safe_pip.gates.pip_files import possible_formats, remove_built_wheel
from safe_pip.gates.pip_tripwire import Tripwire
from safe_pip.gates.session import CHILD_MODULES
from tests.builders import make_wheel, make_zip, write_sdist

GATES = Path(safe_pip.gates.__file__).parent
RUNNER = "/session/pip_runner.py"


def test_every_child_module_is_copied_into_the_session() -> None:
    on_disk = {path.name for path in GATES.glob("pip_*.py")} - {"pip_gate.py"}
    assert on_disk == set(CHILD_MODULES)


@pytest.mark.parametrize("name", CHILD_MODULES)
def test_child_module_needs_only_the_standard_library_of_python_3_8(name: str) -> None:
    source = (GATES / name).read_text(encoding="utf-8")
    tree = ast.parse(source, feature_version=(3, 8))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            modules = [node.module or ""]
        else:
            modules = []
        if isinstance(node, ast.ImportFrom) and node.level == 1:
            assert f"{node.module}.py" in CHILD_MODULES
        for module in modules:
            assert module.split(".")[0] in sys.stdlib_module_names, module


class Tripped(Exception):
    pass


def _trip(reason: str) -> NoReturn:
    raise Tripped(reason)


@pytest.fixture
def tripwire(tmp_path: Path) -> Tripwire:
    wire = Tripwire(RUNNER)
    wire.trip = _trip
    wire.approved_folders.add(str(tmp_path))
    return wire


def _popen(arguments: Sequence[str] | str, folder: str | None = None) -> tuple[Any, ...]:
    return (None, arguments, folder, None)


@pytest.mark.parametrize(
    "arguments",
    [
        [sys.executable, RUNNER, "install"],
        ["/env/bin/python3.12", RUNNER],
        [r"python.exe", "-s", RUNNER],
        ["/usr/bin/python3", "-sS", "-c", "import platform; print(platform.mac_ver()[0])"],
        ["git", "clone", "x"],
        ["/usr/bin/ld.so"],
        ["keyring", "get", "x"],
    ],
)
def test_what_pip_starts_does_not_trip(tripwire: Tripwire, arguments: list[str]) -> None:
    tripwire("subprocess.Popen", _popen(arguments))
    tripwire("os.posix_spawn", (arguments[0], arguments, {}))


@pytest.mark.parametrize(
    "arguments",
    [
        [sys.executable, "setup.py", "egg_info"],
        ["python", "-c", "print()"],
        ["/env/bin/pypy3", "-m", "pip", "install", "x"],
        ["python3.13t", "/other/pip_runner.py"],
        ["python3", "-m", RUNNER + ".other"],
        'python.exe -m pip install "x"',
    ],
)
def test_python_outside_of_what_was_inspected_trips(
    tripwire: Tripwire, arguments: list[str] | str
) -> None:
    with pytest.raises(Tripped):
        tripwire("subprocess.Popen", _popen(arguments, "/"))


def test_python_in_an_approved_folder_does_not_trip(tripwire: Tripwire, tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    command = [sys.executable, "/pip/_in_process.py", "build_wheel"]
    for folder in (tmp_path, inner):
        tripwire("subprocess.Popen", _popen(command, str(folder)))
    with pytest.raises(Tripped):
        tripwire("subprocess.Popen", _popen(command, str(tmp_path.parent)))
    with pytest.raises(Tripped):
        tripwire("subprocess.Popen", _popen(command, f"{tmp_path}-other"))


@pytest.mark.parametrize("event", ["os.system", "os.exec", "os.spawn", "pty.spawn"])
def test_calls_that_pip_does_not_use_trip(tripwire: Tripwire, event: str) -> None:
    with pytest.raises(Tripped):
        tripwire(event, ("true",))


def test_other_events_pass(tripwire: Tripwire) -> None:
    tripwire("open", ("/etc/passwd", "r", 0))


def test_sdists_have_one_format(tmp_path: Path) -> None:
    for kind in ("gztar", "bztar", "xztar", "tar"):
        path = write_sdist(tmp_path, "alpha", format=kind)
        assert possible_formats(str(path), "application/octet-stream") == {"tar"}
    path = write_sdist(tmp_path, "alpha", format="zip")
    assert possible_formats(str(path), "application/zip") == {"zip"}


def test_file_that_is_both_has_two_formats(tmp_path: Path) -> None:
    archive = make_zip([("alpha-1.0/setup.py", "")])
    for kind in ("gztar", "tar"):
        path = write_sdist(tmp_path, "alpha", format=kind)
        path.write_bytes(path.read_bytes() + archive)
        assert possible_formats(str(path), None) == {"zip", "tar"}


def test_word_of_the_server_against_the_bytes_is_two_formats(tmp_path: Path) -> None:
    path = write_sdist(tmp_path, "alpha")
    assert possible_formats(str(path), "application/zip") == {"zip", "tar"}
    path = path.rename(tmp_path / "alpha.zip")
    assert possible_formats(str(path), None) == {"zip", "tar"}


def test_four_bytes_do_not_make_a_zip(tmp_path: Path) -> None:
    path = write_sdist(tmp_path, "alpha")
    path.write_bytes(path.read_bytes() + b"PK\x05\x06" + bytes(40))
    assert possible_formats(str(path), None) == {"tar"}


def test_refused_wheel_leaves_pip_s_cache(tmp_path: Path) -> None:
    for name in ("a-1.0-py3-none-any.whl", "a-1.0-cp312-none-any.whl"):
        (tmp_path / name).write_bytes(make_wheel("a"))
    origin = tmp_path / "origin.json"
    origin.write_text("{}", encoding="utf-8")
    remove_built_wheel(str(tmp_path / "a-1.0-py3-none-any.whl"))
    assert origin.exists(), "the other wheel was built from it too"
    remove_built_wheel(str(tmp_path / "a-1.0-cp312-none-any.whl"))
    assert list(tmp_path.iterdir()) == []


LEAVING = """
import atexit, importlib, sys, types
package = types.ModuleType("child")
package.__path__ = [sys.argv[1]]
sys.modules["child"] = package
child = importlib.import_module("child.pip_child")
atexit.register(sys.stdout.write, "last words")
atexit.register(int, "no number")
child.leave(7)
"""


def test_last_words_are_written_and_change_no_status() -> None:
    environ = {name: text for name, text in os.environ.items() if name != "PYTHONUNBUFFERED"}
    command = [sys.executable, "-c", LEAVING, str(GATES)]
    ended = subprocess.run(command, capture_output=True, text=True, env=environ, check=False)
    assert (ended.returncode, ended.stdout) == (7, "last words")


ASKING = """
import importlib, socket, sys, types
package = types.ModuleType("safe_pip_child")
package.__path__ = [sys.argv[1]]
sys.modules["safe_pip_child"] = package
pip_line = importlib.import_module("safe_pip_child.pip_line")
pip_line.ANSWER_TIMEOUT_SECONDS, pip_line.STEP_SECONDS = 1.0, 0.5
line = pip_line.Line(socket.socket(fileno=int(sys.argv[2])))
print(line.ask("hello"))
"""


def start_asking(channel: socket.socket) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", ASKING, str(GATES), str(channel.fileno())]
    return subprocess.Popen(
        command,
        pass_fds=[channel.fileno()],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_time_for_which_the_child_was_stopped_does_not_count() -> None:
    """Ctrl-Z at a terminal stops whoever would answer as well."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        child = start_asking(theirs)
        assert b"hello" in ours.recv(1000)
        time.sleep(0.2)  # It waits by now.
        child.send_signal(signal.SIGSTOP)
        time.sleep(1.5)
        child.send_signal(signal.SIGCONT)
        time.sleep(0.1)
        ours.sendall(b'{"ok": true}\n')
        out, err = child.communicate(timeout=30)
    assert out == "{'ok': True}\n", err


def test_parent_that_never_answers_is_lost() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        _, err = start_asking(theirs).communicate(timeout=30)
    assert "safe-pip does not answer" in err
