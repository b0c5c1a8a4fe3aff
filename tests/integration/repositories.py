"""Repositories of git in a workshop."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.integration.conftest import Workshop


def git(workshop: Workshop, folder: Path, *command: str) -> None:
    # git refuses submodules that lie on the disk, unless it is told to.
    words = ["git", "-c", "user.name=T", "-c", "user.email=t@example.invalid"]
    words += ["-c", "protocol.file.allow=always", "-C", str(folder)]
    environ = {**os.environ, **workshop.environ}
    subprocess.run([*words, *command], check=True, timeout=30, env=environ, capture_output=True)


def commit(workshop: Workshop, folder: Path) -> None:
    """Everything in a folder, as a repository of its own, or one commit more of it."""
    for command in (["init", "-q"], ["add", "-f", "."], ["commit", "-qm", "canary"]):
        git(workshop, folder, *command)
