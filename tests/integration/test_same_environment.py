"""safe-pip in the very environment that pip installs into, as in a container image."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy
import pytest

from safe_pip.errors import EXIT_BLOCKED
from tests.builders import write_wheel
from tests.integration.canaries import write_canary_sdist
from tests.integration.conftest import Workshop
from tests.integration.test_whole_command import REPOSITORY, Ended, Person, write_canary


@pytest.fixture
def person(workshop: Workshop) -> Person:
    """The environment sees what is installed for the tests: safe-pip and all that it needs."""
    subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", "--clear", workshop.environment],
        check=True,
        timeout=60,
    )
    (site,) = workshop.environment.glob("lib/python*/site-packages")
    folders = [entry for entry in sys.path if "site-packages" in entry]
    lines = "".join(f"import site; site.addsitedir({folder!r})\n" for folder in folders)
    (site / "ours.pth").write_text(f"{lines}{REPOSITORY}\n", encoding="utf-8")
    return Person(workshop)


def types(person: Person, *arguments: str) -> Ended:
    left_out = ("VIRTUAL_ENV", "PYTHONPATH")
    environ = {name: value for name, value in person.environ.items() if name not in left_out}
    code = "from tests.fake_scanner import run_command_line; run_command_line()"
    completed = subprocess.run(
        [person.workshop.python, "-c", code, *arguments],
        env=environ,
        cwd=person.workshop.work,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
    )
    return Ended(status=completed.returncode, screen=completed.stdout)


def installed(workshop: Workshop) -> list[str]:
    return [name for name in workshop.installed() if name != "ours.pth"]


def test_own_environment_is_the_target(person: Person) -> None:
    workshop = person.workshop
    write_canary(workshop, "canary", 0.1)
    write_canary_sdist(workshop.archives, "beta")
    ended = types(person, "install", "canary", "beta")
    assert ended.status == 0, ended.screen
    assert {"canary", "canary.pth", "beta"} <= set(installed(workshop))


def test_denied_in_own_environment(person: Person) -> None:
    write_canary(person.workshop, "canary", 0.95)
    assert types(person, "install", "canary").status == EXIT_BLOCKED
    assert installed(person.workshop) == []
    assert person.workshop.marks == []


def test_what_would_break_safe_pip_is_not_installed_beside_it(person: Person) -> None:
    write_wheel(person.workshop.archives, "numpy", "0.1")
    ended = types(person, "install", "numpy==0.1")
    assert ended.status == EXIT_BLOCKED, ended.screen
    assert "would break safe-pip" in ended.screen
    assert installed(person.workshop) == []
    assert Path(numpy.__file__).exists()
