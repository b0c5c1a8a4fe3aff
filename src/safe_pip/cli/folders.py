"""Folders of the user's that are looked for before the rest is imported."""

from __future__ import annotations

from pathlib import Path

# Not "safe-pip": another project's command of that name may keep its files there.
APPLICATION = "safe-pip-guard"


def cache_folder() -> Path:
    import platformdirs

    return platformdirs.user_cache_path(APPLICATION, appauthor=False)


def verdicts_folder(cache: Path) -> Path:
    return cache / "verdicts"
