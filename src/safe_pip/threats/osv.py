"""OSV: reads an export of malicious-package reports in the OSV format.

The format is https://ossf.github.io/osv-schema/. Of an export only reports of malice count (ids
that begin with ``MAL-``), never vulnerabilities: malware blocks, a vulnerability does not.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import InvalidName, NormalizedName, canonicalize_name
from packaging.version import InvalidVersion, Version

from safe_pip.errors import EXIT_UNSCANNABLE, SafePipError

# The longest reports (one for each of hundreds of versions) stay under 100 kB.
MAX_REPORT_BYTES = 1 << 20
# The export of the whole ecosystem has some 30,000 reports of 100 MB together.
MAX_REPORTS = 1_000_000
MAX_TOTAL_BYTES = 4 << 30
MAX_SUMMARY_CHARS = 200


class FeedError(SafePipError):
    """An export or the stored list cannot be read, so that releases cannot be looked up."""

    exit_code = EXIT_UNSCANNABLE


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Versions from ``introduced`` (``0``: the first) up to ``fixed``, which is not one of them,
    or up to ``last_affected``, which is. With neither, there is no end."""

    introduced: str
    fixed: str | None = None
    last_affected: str | None = None

    def covers(self, version: Version) -> bool:
        if self.introduced != "0" and version < Version(self.introduced):
            return False
        if self.fixed is not None:
            return version < Version(self.fixed)
        return self.last_affected is None or version <= Version(self.last_affected)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One report about one project: the versions listed and the spans, together."""

    id: str
    project: NormalizedName
    summary: str
    versions: tuple[str, ...]
    spans: tuple[Span, ...]
    modified: str = ""

    @property
    def covers_all(self) -> bool:
        """Whether every version is meant."""
        return not self.versions and all(
            span.introduced == "0" and span.fixed is None and span.last_affected is None
            for span in self.spans
        )

    def covers(self, version: str | None) -> bool:
        """Whether a version is meant. One that cannot be read could be any, so it is, and so
        is every version of a report that names none."""
        if version is None or version in self.versions or not (self.versions or self.spans):
            return True
        try:
            wanted = Version(version)
            return any(_is_equal(known, wanted) for known in self.versions) or any(
                span.covers(wanted) for span in self.spans
            )
        except InvalidVersion:
            return bool(self.spans)


def read_reports(export: Path, *, called: str | None = None) -> Iterator[Report]:
    """The reports of malice about Python projects in a folder or zip of OSV files.

    Raises FeedError for an export that cannot be read; a single file of it that is no OSV report
    is an error too, so that a truncated list is not taken for a whole one. ``called`` is what
    to call the export in errors, if not by its path.
    """
    try:
        if export.is_dir():
            for path in sorted(export.rglob("*.json")):
                with path.open("rb") as file:
                    yield from _reports(path.name, file.read(MAX_REPORT_BYTES + 1))
        else:
            yield from _zip_reports(export)
    except (OSError, zipfile.BadZipFile, zlib.error, RuntimeError, EOFError) as error:
        cause = (isinstance(error, OSError) and error.strerror) or error
        raise FeedError(
            f"{called or export} cannot be read as an OSV export: {cause}.",
            hint="Give a folder of OSV files or the zip that such an export comes as.",
        ) from error


def _zip_reports(export: Path) -> Iterator[Report]:
    with zipfile.ZipFile(export) as archive:
        members = [name for name in archive.infolist() if name.filename.endswith(".json")]
        if len(members) > MAX_REPORTS:
            raise zipfile.BadZipFile(f"more than {MAX_REPORTS} files")
        total_bytes = 0
        for member in members:
            with archive.open(member) as file:
                content = file.read(MAX_REPORT_BYTES + 1)
            total_bytes += len(content)
            if total_bytes > MAX_TOTAL_BYTES:
                raise zipfile.BadZipFile(f"more than {MAX_TOTAL_BYTES} bytes when unpacked")
            yield from _reports(member.filename, content)


def _reports(filename: str, content: bytes) -> Iterator[Report]:
    try:
        if len(content) > MAX_REPORT_BYTES:
            if _is_of_another_kind(filename):
                return
            raise ValueError(f"more than {MAX_REPORT_BYTES} bytes")
        document = json.loads(content)
        if not isinstance(document, dict) or not isinstance(document.get("id"), str):
            raise ValueError("not an OSV report")
        if document["id"].startswith("MAL-") and "withdrawn" not in document:
            yield from _affected(document)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise FeedError(f"{filename!a}: {error}.") from error


def _is_of_another_kind(filename: str) -> bool:
    """Whether a file of an export, each of which has the id of its report as its name, is a
    vulnerability."""
    name = filename.rpartition("/")[2]
    return name.startswith(("GHSA-", "PYSEC-", "CVE-", "OSV-"))


def _is_equal(known: str, wanted: Version) -> bool:
    try:
        return Version(known) == wanted
    except InvalidVersion:
        return False


def _affected(document: Mapping[str, object]) -> Iterator[Report]:
    summary = str(document.get("summary") or document.get("details") or "")
    affected = document.get("affected") or []
    if not isinstance(affected, list):
        raise ValueError("affected is not a list")
    for item in affected:
        # An ecosystem can have a suffix, as in "PyPI:https://…".
        if str(item["package"].get("ecosystem")).partition(":")[0] != "PyPI":
            continue
        yield Report(
            id=str(document["id"]),
            project=_project(item["package"]["name"]),
            summary=" ".join(summary.split())[:MAX_SUMMARY_CHARS],
            versions=tuple(str(version) for version in item.get("versions") or ()),
            spans=tuple(_spans(item.get("ranges") or ())),
            modified=str(document.get("modified") or ""),
        )


def _project(name: str) -> NormalizedName:
    try:
        return canonicalize_name(name, validate=True)
    except InvalidName as error:
        raise ValueError(str(error)) from error


def _spans(ranges: Iterable[Mapping[str, object]]) -> Iterator[Span]:
    for item in ranges:
        events = item.get("events")
        if item.get("type") not in ("ECOSYSTEM", "SEMVER") or not isinstance(events, list):
            continue
        introduced: str | None = None
        for event in events:
            if "introduced" in event:
                if introduced is not None:
                    yield Span(introduced=introduced)
                introduced = event["introduced"]
            elif introduced is not None and ("fixed" in event or "last_affected" in event):
                yield Span(
                    introduced=introduced,
                    fixed=event.get("fixed"),
                    last_affected=event.get("last_affected"),
                )
                introduced = None
        if introduced is not None:
            yield Span(introduced=introduced)
