"""Advisories: the stored list of known malware, and look-ups in it.

It is an SQLite file that is made anew by each update and never changed: a look-up reads a few
pages of it, and a run that has it open keeps the list it began with.
"""

from __future__ import annotations

import json
import sqlite3
import tempfile
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

from packaging.utils import NormalizedName

from safe_pip.threats.osv import FeedError, Report, Span
from safe_pip.threats.urls import label
from safe_pip.verdict import Advisory

# Most malware is found within days of its upload: an older list knows little of what is new.
STALE_AFTER = timedelta(days=14)
_FORMAT = 1
_HINT = "Import it again with `safe-pip feed update`, or remove the file."
_TABLES = """
CREATE TABLE about (format INTEGER, imported_at TEXT, newest_report TEXT, sources TEXT,
                    reports INTEGER, projects INTEGER);
CREATE TABLE report (project TEXT, id TEXT, summary TEXT, source INTEGER, versions TEXT,
                     spans TEXT);
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """The reports of one source: a URL or the path of a file."""

    source: str
    reports: Iterable[Report]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListStatus:
    """What a stored list is. ``newest_report`` is when the latest report in it was changed, as
    its writer says (an RFC 3339 time), or empty; ``imported_at`` is an aware time."""

    imported_at: datetime
    newest_report: str
    sources: tuple[str, ...]
    report_count: int
    project_count: int

    def is_stale(self, now: datetime) -> bool:
        return now - self.imported_at >= STALE_AFTER

    def age_in_words(self, now: datetime) -> str:
        days = (now - self.imported_at).days
        return "today" if days < 1 else "1 day ago" if days == 1 else f"{days} days ago"


class StoredAdvisories:
    """A ThreatFeed over a stored list. Safe for several threads."""

    def __init__(self, path: Path) -> None:
        """Raises FeedError for a damaged list: to go on without it would let malware pass."""
        self._path = path
        self._lock = threading.Lock()
        self.is_imported = True
        try:
            self._database = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode=ro&immutable=1",
                uri=True,
                check_same_thread=False,
            )
            row = self._database.execute("SELECT * FROM about").fetchone()
            if row is None or row[0] != _FORMAT:
                raise ValueError("it was written by another version of safe-pip")
            self.status = ListStatus(
                imported_at=datetime.fromisoformat(row[1]),
                newest_report=row[2],
                sources=tuple(json.loads(row[3])),
                report_count=row[4],
                project_count=row[5],
            )
        except (sqlite3.Error, ValueError, TypeError, IndexError) as error:
            raise self._damaged(error) from error
        now = datetime.now(timezone.utc)
        self.gaps: tuple[str, ...] = ()
        if self.status.is_stale(now):
            self.gaps = (
                f"advisories: the list was imported {self.status.age_in_words(now)} "
                "(safe-pip feed update)",
            )

    def advisories(self, project: NormalizedName, version: str | None) -> tuple[Advisory, ...]:
        """Raises FeedError if the list turns out to be damaged."""
        query = "SELECT id, summary, source, versions, spans FROM report WHERE project = ?"
        try:
            with self._lock:
                rows = self._database.execute(query, (project,)).fetchall()
            return tuple(self._found(project, version, rows))
        except (sqlite3.Error, ValueError, TypeError, IndexError) as error:
            raise self._damaged(error) from error

    def _found(
        self, project: NormalizedName, version: str | None, rows: Sequence[tuple[str, ...]]
    ) -> Iterator[Advisory]:
        for id, summary, source, versions, spans in rows:
            report = Report(
                id=id,
                project=project,
                summary=summary,
                versions=tuple(json.loads(versions)),
                spans=tuple(Span(**span) for span in json.loads(spans)),
            )
            if report.covers(version):
                listed_by = f"the list of {label(self.status.sources[int(source)])}"
                yield Advisory(
                    id=id,
                    summary=summary,
                    source=listed_by,
                    is_of_release=version is not None or report.covers_all,
                )

    def _damaged(self, error: Exception) -> FeedError:
        return FeedError(f"{self._path} cannot be read: {error}.", hint=_HINT)


def open_advisories(path: Path) -> StoredAdvisories | None:
    """The stored list, or None if none was ever imported. Raises FeedError for a damaged one."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):  # A home may be /dev/null.
        return None
    except OSError as error:
        raise FeedError(f"{path} cannot be read: {error.strerror}.", hint=_HINT) from error
    return StoredAdvisories(path)


def write_advisories(exports: Iterable[Export], path: Path, *, imported_at: datetime) -> ListStatus:
    """Replace the stored list, whole or not at all.

    Raises FeedError, also for exports that together hold no report: a list of nothing would
    look like a list.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix="advisories-") as folder:
            temporary = Path(folder) / path.name
            _write(temporary, exports, imported_at)
            status = StoredAdvisories(temporary).status
            if not status.report_count:
                raise FeedError(
                    "there is no report of malware about a Python project in "
                    f"{' or '.join(status.sources) or 'nothing'}.",
                    hint="The list you have stays as it is.",
                )
            temporary.replace(path)
    except (OSError, sqlite3.Error) as error:
        raise FeedError(f"{path} cannot be written: {error}.") from error
    return status


def _write(path: Path, exports: Iterable[Export], imported_at: datetime) -> None:
    sources: list[str] = []
    newest = ""
    database = sqlite3.connect(path)
    try:
        # A file that is renamed into place when it is whole needs no journal.
        database.execute("PRAGMA journal_mode = OFF")
        database.executescript(_TABLES)
        for export in exports:
            sources.append(export.source)
            for report in export.reports:
                newest = max(newest, report.modified)
                database.execute(
                    "INSERT INTO report VALUES (?, ?, ?, ?, ?, ?)",
                    (
                        report.project,
                        report.id,
                        report.summary,
                        len(sources) - 1,
                        json.dumps(report.versions),
                        json.dumps([_said(span) for span in report.spans]),
                    ),
                )
        database.execute("CREATE INDEX by_project ON report (project)")
        database.execute(
            "INSERT INTO about SELECT ?, ?, ?, ?, count(*), count(DISTINCT project) FROM report",
            (_FORMAT, imported_at.isoformat(), newest, json.dumps(sources)),
        )
        database.commit()
    finally:
        database.close()


def _said(span: Span) -> dict[str, str]:
    return {name: value for name, value in asdict(span).items() if value is not None}
