"""Compiled modules that a build could be shown in place of its sources."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from safe_pip.gates.pip_bytecode import holds_bytecode

NAME = f"m.{sys.implementation.cache_tag}.pyc"


def test_a_tree_of_sources_holds_none(tmp_path: Path) -> None:
    (tmp_path / "pkg" / "__pycache__").mkdir(parents=True)
    (tmp_path / "pkg" / "__pycache__" / "m.cpython-31.pyc").touch()
    assert not holds_bytecode(str(tmp_path))


@pytest.mark.parametrize("folder", ["__pycache__", "pkg/__pycache__", "pkg/__PyCache__"])
def test_compiled_modules_are_found(tmp_path: Path, folder: str) -> None:
    """Under a name in other case too: some file systems make no difference."""
    (tmp_path / folder).mkdir(parents=True)
    (tmp_path / folder / NAME).touch()
    assert holds_bytecode(str(tmp_path))


def test_what_a_link_leads_to_may_hold_some(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "__pycache__").symlink_to("data")
    assert holds_bytecode(str(tmp_path))


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root can list any folder")
def test_what_cannot_be_listed_may_hold_some(tmp_path: Path) -> None:
    """Python opens a compiled module by its name, without a look at the folder."""
    folder = tmp_path / "__pycache__"
    folder.mkdir()
    folder.chmod(0o111)
    assert holds_bytecode(str(tmp_path))
    folder.chmod(0o755)
