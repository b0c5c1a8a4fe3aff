"""The command line in this process, for a user with empty folders and a pretended model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from safe_pip.cli import main
from safe_pip.cli.surroundings import Surroundings
from tests.fake_scanner import use_fake_scanner
from tests.homes import empty_home, use_home

Run = Callable[..., int]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Surroundings:
    """Empty folders of a user who stands in an empty project."""
    surroundings = empty_home(tmp_path)
    use_home(monkeypatch, surroundings)
    monkeypatch.chdir(surroundings.working_folder)
    use_fake_scanner(monkeypatch)
    return surroundings


@pytest.fixture
def run(home: Surroundings) -> Run:  # noqa: ARG001
    return lambda *arguments: main([str(argument) for argument in arguments])
