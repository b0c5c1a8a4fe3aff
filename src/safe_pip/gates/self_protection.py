"""Self-protection: an installation into our own environment must not break what we run on."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.utils import (
    InvalidWheelFilename,
    NormalizedName,
    canonicalize_name,
    parse_wheel_filename,
)
from packaging.version import Version

if TYPE_CHECKING:
    from packaging.requirements import Requirement

OUR_PROJECT = canonicalize_name("safe-pip-guard")
ADVICE = "install safe-pip in an environment of its own, with 'pipx' or 'uv tool'"

# The raw Requires-Dist of an installed project; empty if it is not installed.
Requires = Callable[[NormalizedName], Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """One installed project's requirement of another, as we run on them now."""

    demanded_by: NormalizedName
    requirement: Requirement

    @property
    def project(self) -> NormalizedName:
        return canonicalize_name(self.requirement.name)


def find_breakage(
    wheels: Iterable[str], prefix: Path, *, own_prefix: Path, requires: Requires | None = None
) -> str | None:
    """Why installing these wheels into ``prefix`` would break safe-pip; None if it would not.

    Nothing is wrong in another environment than ours. What the new version of a project itself
    demands is pip's to check; what we check is that the projects that stay still get what they
    demand.
    """
    if not _is_same_folder(prefix, own_prefix):
        return None
    incoming = _versions(wheels)
    for demand in _demands(requires or _installed_requires):
        version = incoming.get(demand.project)
        if version is None or demand.demanded_by in incoming:
            continue
        if os.name == "nt":
            # A loaded DLL cannot be replaced, whatever its version.
            return f"{demand.project} is in use by safe-pip and cannot be replaced; {ADVICE}"
        if not demand.requirement.specifier.contains(version, prereleases=True):
            return (
                f"{demand.project} {version} would break safe-pip, whose {demand.demanded_by} "
                f"needs {demand.requirement}; {ADVICE}"
            )
    return None


def _versions(wheels: Iterable[str]) -> Mapping[NormalizedName, Version]:
    incoming = {}
    for filename in wheels:
        try:
            project, version, _, _ = parse_wheel_filename(filename)
        except InvalidWheelFilename:
            continue  # pip refuses such a wheel itself
        incoming[project] = version
    return incoming


def _demands(requires: Requires) -> Iterable[Demand]:
    """Every requirement in the closure of our own distribution."""
    # Here and below: pip waits for what this module imports, and seldom for its answer.
    from packaging.requirements import InvalidRequirement, Requirement

    waiting, seen = [OUR_PROJECT], {OUR_PROJECT}
    while waiting:
        project = waiting.pop()
        for line in requires(project):
            try:
                requirement = Requirement(line)
            except InvalidRequirement:
                continue
            if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
                continue
            demand = Demand(demanded_by=project, requirement=requirement)
            yield demand
            if demand.project not in seen:
                seen.add(demand.project)
                waiting.append(demand.project)


def _installed_requires(project: NormalizedName) -> Sequence[str]:
    import importlib.metadata

    try:
        return importlib.metadata.requires(project) or ()
    except importlib.metadata.PackageNotFoundError:
        return ()


def _is_same_folder(first: Path, second: Path) -> bool:
    try:
        return first.samefile(second)
    except OSError:
        return False
