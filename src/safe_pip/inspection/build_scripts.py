"""Scripts that a build back end runs because the source's settings name them: they must be Python,
and be named as it.

poetry hands its script to Python, which takes a source of any name, byte code of any name, a folder
and an archive; hatchling and pdm import theirs, compiled modules among them.
"""

from __future__ import annotations

from safe_pip.archive.member_names import folders_of
from safe_pip.distribution import Distribution, DistributionKind
from safe_pip.errors import UnscannableError
from safe_pip.extractors.build_system import build_scripts, is_readable


def refuse_unread_build_scripts(distribution: Distribution) -> None:
    """Raises UnscannableError for a script that is a folder, compiled or not named as Python, and
    for a ``hatch.toml`` that cannot be read: hatchling's parser may be newer (TOML 1.1) than ours.
    At a ``pyproject.toml`` that cannot be read pip stops."""
    if distribution.kind is DistributionKind.WHEEL:
        return
    # Some file systems make no difference between upper and lower case.
    settings = [file for file in distribution.files if file.path.casefold() == "pyproject.toml"]
    hatch = [file for file in distribution.files if file.path.casefold() == "hatch.toml"]
    for file in hatch:
        if not is_readable(file):
            raise UnscannableError(
                f"{file.path!a} cannot be read as TOML, so what its build runs is not known",
                reason="build-settings-unread",
            )
    found = [build_scripts(file, None) for file in settings]
    found += [build_scripts(None, file) for file in hatch]
    paths = {path.casefold() for path in distribution.by_path} if found else set()
    folders = {folder for path in paths for folder in folders_of(path)}
    for path in sorted(frozenset[str]().union(*found)):
        if not path or path.casefold() in folders:
            raise UnscannableError(
                f"{path[:80]!a} is run by the build, and is a folder",
                reason="build-script-unread",
            )
        if path.casefold() in paths and not path.endswith(".py"):
            raise UnscannableError(
                f"{path[:80]!a} is run by the build, and is not named as Python",
                reason="build-script-unread",
            )
