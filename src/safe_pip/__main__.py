"""Runs safe-pip as ``python -m safe_pip``."""

from __future__ import annotations

import sys
from pathlib import Path


def _forget_working_directory() -> None:
    """``-m`` puts the working directory first on sys.path, and a numpy.py may lie there."""
    if not getattr(sys.flags, "safe_path", False) and sys.path[0] in ("", str(Path.cwd())):
        del sys.path[0]


if __name__ == "__main__":
    _forget_working_directory()
    from safe_pip.cli import run

    sys.exit(run())
