"""Advisories: the imported list of known malware as one file, and look-ups in it."""

from __future__ import annotations

import json
import os
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from packaging.utils import NormalizedName

from safe_pip.threats.osv import FeedError, Report, Span
from safe_pip.verdict import Advisory

SOURCE = "the imported OSV list"
_FORMAT = 1
_HINT = "Import it again with `safe-pip feed update PATH`, or remove the file."


@dataclass(frozen=True, slots=True, kw_only=True)
class AdvisoryList:
    """A ThreatFeed over reports read before. ``imported_at`` is an aware time."""

    imported_at: datetime
    by_project: Mapping[NormalizedName, tuple[Report, ...]]

    def advisories(self, project: NormalizedName, version: str | None) -> tuple[Advisory, ...]:
        return tuple(
            Advisory(id=report.id, summary=report.summary, source=SOURCE)
            for report in self.by_project.get(project, ())
            if report.covers(version)
        )

    @property
    def report_count(self) -> int:
        return sum(len(reports) for reports in self.by_project.values())


def advisory_list(reports: Iterable[Report], *, imported_at: datetime) -> AdvisoryList:
    by_project: dict[NormalizedName, list[Report]] = defaultdict(list)
    for report in reports:
        by_project[report.project].append(report)
    return AdvisoryList(
        imported_at=imported_at,
        by_project={project: tuple(found) for project, found in by_project.items()},
    )


def write_advisories(advisories: AdvisoryList, path: Path) -> None:
    """Replace the stored list, whole or not at all. Raises FeedError."""
    document = {
        "format": _FORMAT,
        "imported_at": advisories.imported_at.isoformat(),
        "reports": [asdict(report) for found in advisories.by_project.values() for report in found],
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix="advisories-")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(document, file)
        Path(temporary).replace(path)
    except OSError as error:
        raise FeedError(f"{path} cannot be written: {error.strerror}.") from error


def read_advisories(path: Path) -> AdvisoryList | None:
    """The stored list, or None if none was ever imported.

    Raises FeedError for a damaged one: to go on without it would let known malware pass.
    """
    try:
        document = json.loads(path.read_bytes())
        if document["format"] != _FORMAT:
            raise ValueError("it was written by another version of safe-pip")
        return advisory_list(
            (_report(fields) for fields in document["reports"]),
            imported_at=datetime.fromisoformat(document["imported_at"]),
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise FeedError(f"{path} cannot be read: {error}.", hint=_HINT) from error


def _report(fields: Mapping[str, object]) -> Report:
    spans = fields["spans"]
    versions = fields["versions"]
    if not isinstance(spans, list) or not isinstance(versions, list):
        raise ValueError("a report without its versions")
    return Report(
        id=str(fields["id"]),
        project=NormalizedName(str(fields["project"])),
        summary=str(fields["summary"]),
        versions=tuple(str(version) for version in versions),
        spans=tuple(Span(**span) for span in spans),
    )
