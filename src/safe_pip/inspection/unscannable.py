"""The verdict "could not look", for which only the name of the file is left to go by."""

from __future__ import annotations

from dataclasses import dataclass

from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from safe_pip.artifact import Artifact
from safe_pip.file_names import parse_file_name
from safe_pip.verdict import Unscannable, Verdict

# The kind of a verdict about an installed copy, which is neither a wheel nor a folder.
INSTALLED = "installed"
# Of a distribution that does not say which files are its own.
NO_RECORD = "no-record"
METADATA_SUFFIXES = (".dist-info", ".egg-info")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedNames:
    """What a file name claims. ``kind`` is a DistributionKind's value, ``installed`` or
    ``unknown``."""

    kind: str
    project: NormalizedName | None = None
    version: str | None = None


def unscannable_verdict(
    artifact: Artifact, *, scanner_id: str, reason: str, detail: str
) -> Verdict:
    """``reason`` is a kebab-case word, ``detail`` a sentence for people."""
    names = claimed_names(artifact.path.name)
    return Verdict(
        sha256=artifact.sha256 or "",
        filename=artifact.path.name,
        kind=names.kind,
        project=names.project,
        version=names.version,
        scanner_id=scanner_id,
        score=None,
        unscannable=Unscannable(reason=reason, detail=detail),
    )


def claimed_names(filename: str) -> ClaimedNames:
    """Kind, project and version as the wheel, sdist and installed formats write them into a
    name."""
    if filename.endswith(METADATA_SUFFIXES):
        project_name, _, version_text = filename.rpartition(".")[0].partition("-")
        return ClaimedNames(
            kind=INSTALLED,
            project=canonicalize_name(project_name) if project_name else None,
            # An .egg-info goes on with the Python that it is for: demo-1.0-py3.11.
            version=version_text.partition("-py")[0] or None,
        )
    name = parse_file_name(filename)
    if not name.suffix:
        return ClaimedNames(kind="unknown")
    return ClaimedNames(
        kind="wheel" if name.suffix == ".whl" else "sdist",
        project=name.project,
        version=None if name.version is None else str(Version(name.version)),
    )
