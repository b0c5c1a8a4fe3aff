"""Versions: every one that an artifact goes by, for rules that are about some only.

pip takes an sdist for the version in its file name, and runs it, before it finds another in there.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from safe_pip.file_names import releases_in

if TYPE_CHECKING:
    from safe_pip.policy.rules import Context
    from safe_pip.verdict import Verdict


def versions_of(verdict: Verdict, context: Context) -> Collection[str | None]:
    """That of its metadata (None if there is none), and those that its file name can be read as."""
    projects = {context.project, verdict.project}
    is_wheel = verdict.filename.endswith(".whl")
    readings = releases_in(verdict.filename)
    named = (version for project, version in readings if is_wheel or project in projects)
    return {verdict.version, *named}
