"""The folders of a user who has nothing yet."""

from __future__ import annotations

from pathlib import Path

import pytest

from safe_pip.cli.surroundings import Surroundings


def empty_home(folder: Path) -> Surroundings:
    """A user who stands in an empty project; the other folders are not there yet."""
    surroundings = Surroundings(
        environ={},
        working_folder=folder / "project",
        config_folder=folder / "config",
        cache_folder=folder / "cache",
        data_folder=folder / "data",
    )
    surroundings.working_folder.mkdir()
    return surroundings


def use_home(monkeypatch: pytest.MonkeyPatch, surroundings: Surroundings) -> None:
    """Let the command line of this process find it."""
    monkeypatch.setattr("safe_pip.cli.surroundings.current_surroundings", lambda: surroundings)
    monkeypatch.setattr("safe_pip.cli.head_start.cache_folder", lambda: surroundings.cache_folder)
