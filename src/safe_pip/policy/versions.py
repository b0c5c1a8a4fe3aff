"""Versions: every one that an artifact goes by, for rules that are about some only.

pip takes an sdist for the version in its file name, and runs it, before it finds another in there.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

if TYPE_CHECKING:
    from packaging.utils import NormalizedName

    from safe_pip.policy.rules import Context
    from safe_pip.verdict import Verdict

# As pip and the reader of archives know them; a folder has no version in its name.
_SDIST = re.compile(r"(.+)\.(?:tar\.(?:gz|bz2|xz)|tgz|tbz|txz|tlz|tar|zip)", re.IGNORECASE)


def versions_of(verdict: Verdict, context: Context) -> Collection[str | None]:
    """That of its metadata (None if there is none), and those that its file name can be read as."""
    projects = {name for name in (context.project, verdict.project) if name is not None}
    return {verdict.version, *_in_file_name(verdict.filename, projects)}


def _in_file_name(filename: str, projects: Collection[NormalizedName]) -> Iterator[str]:
    if filename.endswith(".whl"):
        try:
            yield str(parse_wheel_filename(filename)[1])
        except InvalidWheelFilename:
            yield from filename.split("-")[1:2]
        return
    if (found := _SDIST.fullmatch(filename)) is None:
        return
    # Where the name ends and the version begins is known only once one knows the name.
    parts = found[1].split("-")
    for cut in range(1, len(parts)):
        if canonicalize_name("-".join(parts[:cut])) in projects:
            yield "-".join(parts[cut:])
