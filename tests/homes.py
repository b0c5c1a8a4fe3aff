"""The folders of a user who has nothing yet."""

from __future__ import annotations

from pathlib import Path

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
