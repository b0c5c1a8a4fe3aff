"""Which interpreter and which pip: the rules in order."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from safe_pip.errors import UnsupportedPipError
from safe_pip.gates import interpreter as interpreters
from safe_pip.gates.interpreter import (
    Interpreter,
    PipCopy,
    ask,
    describe,
    find_python,
    is_tool_environment,
    own_pip,
    read_pip,
)
from safe_pip.gates.launch import launched
from safe_pip.gates.pip_child import statement
from safe_pip.gates.target import PipSource, choose_pip, choose_target

OWN = PipCopy(root=Path("/own"), version="26.3", oldest_python=(3, 10))


def _interpreter(version: tuple[int, int, int], pip: str | None) -> Interpreter:
    return Interpreter(
        python=Path("/env/bin/python"),
        version=version,
        prefix=Path("/env"),
        is_virtual_environment=True,
        pip=(pip and PipCopy(root=Path("/env/lib"), version=pip, oldest_python=(3, 7))) or None,
    )


@pytest.mark.parametrize(
    ("python", "pip", "chosen"),
    [
        ((3, 12, 1), "25.3", PipSource.TARGET),
        ((3, 12, 1), "26.3", PipSource.TARGET),
        ((3, 12, 1), "25.2", PipSource.OWN),
        ((3, 12, 1), "22.0", PipSource.OWN),
        ((3, 12, 1), "99.0", PipSource.OWN),
        ((3, 12, 1), "not a version", PipSource.OWN),
        ((3, 12, 1), None, PipSource.OWN),
        ((3, 9, 1), "25.0", PipSource.TARGET),
        ((3, 8, 0), "22.3", PipSource.TARGET),
    ],
)
def test_choice_of_pip(python: tuple[int, int, int], pip: str | None, chosen: PipSource) -> None:
    source, _ = choose_pip(_interpreter(python, pip), OWN, None)
    assert source is chosen


@pytest.mark.parametrize(
    ("python", "pip"), [((3, 9, 1), "22.2"), ((3, 9, 1), None), ((3, 7, 0), "23.0")]
)
def test_nothing_that_can_be_guarded(python: tuple[int, int, int], pip: str | None) -> None:
    with pytest.raises(UnsupportedPipError) as caught:
        choose_pip(_interpreter(python, pip), OWN, None)
    assert caught.value.exit_code == 45
    assert caught.value.hint


def test_forced_source() -> None:
    old = _interpreter((3, 12, 1), "23.0")
    assert choose_pip(old, OWN, PipSource.TARGET)[0] is PipSource.TARGET
    new = _interpreter((3, 12, 1), "26.3")
    assert choose_pip(new, OWN, PipSource.OWN)[0] is PipSource.OWN
    with pytest.raises(UnsupportedPipError):
        choose_pip(_interpreter((3, 9, 1), "25.0"), OWN, PipSource.OWN)


def _fake_environment(folder: Path) -> Path:
    (folder / "bin").mkdir(parents=True)
    python = folder / "bin" / "python"
    python.symlink_to(sys.executable)
    return python


def test_active_virtual_environment_comes_first(tmp_path: Path) -> None:
    python = _fake_environment(tmp_path / "env")
    assert find_python({"VIRTUAL_ENV": str(tmp_path / "env")}).python == python


def test_active_virtual_environment_that_is_gone_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedPipError, match="VIRTUAL_ENV"):
        find_python({"VIRTUAL_ENV": str(tmp_path / "gone")})


def test_our_own_interpreter_comes_next() -> None:
    assert find_python({"PATH": ""}).python == Path(sys.executable)


@pytest.mark.parametrize("receipt", ["pipx_metadata.json", "uv-receipt.toml"])
def test_tool_environment_is_not_a_target(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, receipt: str
) -> None:
    (tmp_path / receipt).write_text("", encoding="utf-8")
    assert is_tool_environment(tmp_path)
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    python = _fake_environment(tmp_path / "other")
    script = python.with_name("pip")
    script.write_text(f"#!{python}\n", encoding="utf-8")
    script.chmod(0o755)
    choice = find_python({"PATH": str(script.parent)})
    assert choice.python == python
    script.unlink()
    python.rename(python.with_name("python3"))
    assert find_python({"PATH": str(script.parent)}).python == python.with_name("python3")
    with pytest.raises(UnsupportedPipError):
        find_python({"PATH": str(tmp_path)})


@pytest.mark.parametrize(
    "head",
    [
        "#!{python}\nimport sys\n",
        "#! {python}  \nimport sys\n",
        "#!/bin/sh\n'''exec' \"{python}\" \"$0\" \"$@\"\n' '''\n",
        "#!/bin/sh\n'''exec' {python} \"$0\" \"$@\"\n' '''\n",
    ],
)
def test_interpreter_of_a_script(tmp_path: Path, head: str) -> None:
    python = _fake_environment(tmp_path / "env")
    script = tmp_path / "scripts" / "pip"
    script.parent.mkdir()
    script.write_text(head.format(python=python), encoding="utf-8")
    assert interpreters._python_of_script(script) == python


def test_shim_leads_to_its_neighbour(tmp_path: Path) -> None:
    python = _fake_environment(tmp_path / "env")
    script = python.with_name("pip")
    script.write_text("#!/usr/bin/env bash\nexec something\n", encoding="utf-8")
    assert interpreters._python_of_script(script) == python


def test_own_pip_is_not_that_of_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "pip"
    package.mkdir()
    (package / "__init__.py").write_text('__version__ = "26.3"\n', encoding="utf-8")
    (package / "__pip-runner__.py").write_text("PYTHON_REQUIRES = (3, 1)\n", encoding="utf-8")
    assert read_pip(str(package / "__init__.py")) is not None
    monkeypatch.chdir(tmp_path)
    for entry in ("", str(tmp_path)):
        monkeypatch.setattr(sys, "path", [entry, *sys.path])
        pip = own_pip()
        assert pip is not None
        assert pip.root != tmp_path
    target = choose_target(environ={}, python=Path(sys.executable))
    assert target.pip_root != tmp_path


def test_probe_is_not_fooled_by_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = tmp_path / "env"
    command = [sys.executable, "-m", "venv", "--without-pip", str(environment)]
    subprocess.run(command, check=True, timeout=60)
    marker = tmp_path / "ran"
    for name in ("pip", "importlib", "ast"):
        (tmp_path / f"{name}.py").write_text(f"open({str(marker)!r}, 'w')\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    found = describe(environment / "bin" / "python", {"PATH": os.environ["PATH"]})
    assert found.pip is None
    assert found.is_virtual_environment
    assert found.version == sys.version_info[:3]
    assert not marker.exists()


def test_broken_interpreter_is_an_error(tmp_path: Path) -> None:
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\nexit 3\n", encoding="utf-8")
    broken.chmod(0o755)
    with pytest.raises(UnsupportedPipError):
        describe(broken, {})
    with pytest.raises(UnsupportedPipError):
        describe(tmp_path / "gone", {})


def test_python_that_cannot_be_started_is_an_error(tmp_path: Path) -> None:
    broken = tmp_path / "python"
    broken.write_text("no program\n", encoding="utf-8")
    broken.chmod(0o755)
    for python in (broken, tmp_path / "gone"):
        with (
            pytest.raises(UnsupportedPipError, match="could not be started"),
            launched(python, [], {}),
        ):
            pytest.fail("it has started")


def test_child_says_what_its_interpreter_is(monkeypatch: pytest.MonkeyPatch) -> None:
    said = statement()
    asked = ask(Path(sys.executable), os.environ)
    assert said["version"] == list(asked.version)
    assert (said["prefix"], said["base_prefix"]) == (str(asked.prefix), str(asked.base_prefix))
    assert said["pip_origin"] == asked.pip_origin
    assert said["site_folders"]
    # An entry without a name is the working directory, which may be anybody's.
    monkeypatch.setattr(sys, "path", [""])
    assert statement()["pip_origin"] is None
