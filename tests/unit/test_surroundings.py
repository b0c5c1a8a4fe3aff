"""What is taken from the environment: the folders of the machine."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from safe_pip.cli.surroundings import current_surroundings

USUAL = Path("/etc/xdg/safe-pip-guard")


@pytest.mark.skipif(os.name != "posix" or sys.platform == "darwin", reason="XDG folders")
@pytest.mark.parametrize(
    ("named", "folders"),
    [
        (None, [USUAL]),
        ("/etc/xdg", [USUAL]),
        ("/one:/two", [USUAL, Path("/two/safe-pip-guard"), Path("/one/safe-pip-guard")]),
        ("here:.:/one", [USUAL, Path("/one/safe-pip-guard")]),
    ],
)
def test_no_variable_makes_the_organisations_folder_go_away(
    monkeypatch: pytest.MonkeyPatch, named: str | None, folders: list[Path]
) -> None:
    """The most important folder comes last, and one of the working directory never."""
    if named is None:
        monkeypatch.delenv("XDG_CONFIG_DIRS", raising=False)
    else:
        monkeypatch.setenv("XDG_CONFIG_DIRS", named)
    assert list(current_surroundings().organisation_folders) == folders
