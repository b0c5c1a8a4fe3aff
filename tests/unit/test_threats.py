"""Lists of known malware in the OSV format."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
import zipfile
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from packaging.utils import canonicalize_name

from safe_pip.threats.advisories import (
    Export,
    StoredAdvisories,
    open_advisories,
    write_advisories,
)
from safe_pip.threats.feed import NoFeed
from safe_pip.threats.osv import FeedError, Report, Span, read_reports
from safe_pip.threats.urls import why_not

DEMO = canonicalize_name("demo")
NOW = datetime(2026, 6, 1, tzinfo=timezone.utc)


def osv(**changed: object) -> dict[str, Any]:
    """A report with the fields of a real one."""
    report: dict[str, Any] = {
        "schema_version": "1.7.4",
        "id": "MAL-2026-0001",
        "modified": "2026-01-02T00:00:00Z",
        "summary": "Malicious code in\ndemo (PyPI)",
        "details": "…",
        "affected": [
            {
                "package": {"ecosystem": "PyPI", "name": "Demo", "purl": "pkg:pypi/demo"},
                "versions": ["1.0", "1.1"],
                "database_specific": {"cwes": []},
            }
        ],
        "credits": [],
    }
    return report | changed


def affected(**changed: object) -> list[dict[str, Any]]:
    return [{"package": {"ecosystem": "PyPI", "name": "demo"}, **changed}]


def spans(*events: dict[str, str]) -> list[dict[str, Any]]:
    return affected(ranges=[{"type": "ECOSYSTEM", "events": list(events)}])


def write(folder: Path, *documents: object) -> Path:
    folder.mkdir(exist_ok=True)
    for number, document in enumerate(documents):
        (folder / f"{number}.json").write_text(json.dumps(document), encoding="utf-8")
    return folder


OTHER = osv(affected=[{"package": {"ecosystem": "PyPI", "name": "other"}, "versions": ["1.0"]}])


def stored(folder: Path, *documents: object) -> StoredAdvisories:
    path = folder / "data" / "advisories.sqlite3"
    export = Export(source="osv.zip", reports=read_reports(write(folder / "osv", *documents)))
    write_advisories([export], path, imported_at=NOW)
    found = open_advisories(path)
    assert found is not None
    return found


def listed(folder: Path, *documents: object) -> list[str]:
    """The versions, of a few, that the reports cover."""
    advisories = stored(folder, *documents)
    versions = ("0.9", "1.0", "1.0.0", "1.1", "2.0", "rubbish")
    return [version for version in versions if advisories.advisories(DEMO, version)]


def test_listed_versions_are_known(tmp_path: Path) -> None:
    assert listed(tmp_path, osv()) == ["1.0", "1.0.0", "1.1"]


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([{"introduced": "0"}], ["0.9", "1.0", "1.0.0", "1.1", "2.0", "rubbish"]),
        ([{"introduced": "1.0"}, {"fixed": "1.1"}], ["1.0", "1.0.0", "rubbish"]),
        ([{"introduced": "1.0"}, {"last_affected": "1.1"}], ["1.0", "1.0.0", "1.1", "rubbish"]),
        (
            [{"introduced": "0"}, {"fixed": "1.0"}, {"introduced": "2.0"}],
            ["0.9", "2.0", "rubbish"],
        ),
    ],
)
def test_ranges_are_understood(
    tmp_path: Path, events: list[dict[str, str]], expected: list[str]
) -> None:
    assert listed(tmp_path, osv(affected=spans(*events))) == expected


@pytest.mark.parametrize(
    "document",
    [
        osv(id="GHSA-xxxx"),
        osv(id="PYSEC-2026-1"),
        osv(withdrawn="2026-02-01T00:00:00Z"),
        osv(affected=[{"package": {"ecosystem": "npm", "name": "demo"}, "versions": ["1.0"]}]),
        osv(affected=[]),
        osv(affected=None),
    ],
)
def test_what_is_no_malware_of_ours_does_not_count(
    tmp_path: Path, document: dict[str, Any]
) -> None:
    assert listed(tmp_path, document, OTHER) == []


def test_an_unknown_version_of_a_listed_project_is_listed(tmp_path: Path) -> None:
    (advisory,) = stored(tmp_path, osv()).advisories(DEMO, None)
    assert advisory.summary == "Malicious code in demo (PyPI)"
    assert advisory.source == "the list of osv.zip"
    assert not advisory.is_of_release


@pytest.mark.parametrize(
    ("listing", "is_certain"),
    [
        (osv(affected=spans({"introduced": "0"})), True),
        (osv(affected=affected()), True),
        (osv(affected=spans({"introduced": "1.0"})), False),
        (osv(affected=spans({"introduced": "0"}, {"fixed": "2.0"})), False),
    ],
)
def test_a_project_that_is_listed_as_a_whole_needs_no_version(
    tmp_path: Path, listing: dict[str, Any], is_certain: bool
) -> None:
    (advisory,) = stored(tmp_path, listing).advisories(DEMO, None)
    assert advisory.is_of_release is is_certain


def test_a_zip_is_read_like_a_folder(tmp_path: Path) -> None:
    path = tmp_path / "all.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("pypi/MAL-2026-0001.json", json.dumps(osv()))
        archive.writestr("README.md", "not a report")
    (report,) = read_reports(path)
    assert (report.id, report.project) == ("MAL-2026-0001", "demo")


@pytest.mark.parametrize(
    "document",
    [
        [],
        {},
        {"id": 1},
        osv(affected=1),
        osv(affected=[1]),
        osv(affected=[{}]),
        osv(affected=[{"package": {"ecosystem": "PyPI", "name": "a/b"}}]),
        osv(affected=affected(ranges=1)),
        osv(summary="x" * (2 << 20)),
    ],
)
def test_a_broken_report_is_an_error_and_no_short_list(tmp_path: Path, document: object) -> None:
    with pytest.raises(FeedError, match=r"0\.json"):
        listed(tmp_path, document)


@pytest.mark.parametrize("content", [None, b"no zip"])
def test_an_export_that_cannot_be_read_is_an_error(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "export.zip"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(FeedError, match="cannot be read"):
        list(read_reports(path))


def test_the_stored_list_says_what_it_is(tmp_path: Path) -> None:
    status = stored(tmp_path, osv(), osv(id="MAL-2026-0002"), osv(id="GHSA-1")).status
    assert (status.report_count, status.project_count) == (2, 1)
    assert status.newest_report == "2026-01-02T00:00:00Z"
    assert status.sources == ("osv.zip",)
    assert status.imported_at == NOW


def test_an_old_list_says_that_it_is_old(tmp_path: Path) -> None:
    feed = stored(tmp_path, osv())
    assert not feed.status.is_stale(NOW + timedelta(days=13))
    assert feed.status.is_stale(NOW + timedelta(days=14))
    (gap,) = feed.gaps
    assert gap.startswith("advisories: the list was imported ")


def test_no_list_was_imported(tmp_path: Path) -> None:
    assert open_advisories(tmp_path / "advisories.sqlite3") is None
    (tmp_path / "home").touch()
    assert open_advisories(tmp_path / "home" / "advisories.sqlite3") is None
    assert NoFeed().advisories(DEMO, "1.0") == ()


def test_exports_without_malware_leave_the_list_alone(tmp_path: Path) -> None:
    stored(tmp_path, osv())
    with pytest.raises(FeedError, match="no report of malware"):
        stored(tmp_path, osv(id="GHSA-1"))
    path = tmp_path / "data" / "advisories.sqlite3"
    found = open_advisories(path)
    assert found is not None
    assert found.advisories(DEMO, "1.0")
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("damage", ["empty", "no database", "cut", "another format"])
def test_a_damaged_list_stops_rather_than_knows_nothing(tmp_path: Path, damage: str) -> None:
    stored(tmp_path, *(osv(id=f"MAL-2026-{number}") for number in range(200)))
    path = tmp_path / "data" / "advisories.sqlite3"
    match damage:
        case "empty":
            path.write_bytes(b"")
        case "no database":
            path.write_bytes(b"{}" * 5000)
        case "cut":
            path.write_bytes(path.read_bytes()[:8192])
        case _:
            with contextlib.closing(sqlite3.connect(path)) as database:
                database.execute("UPDATE about SET format = 9")
                database.commit()
    with pytest.raises(FeedError) as raised:
        found = open_advisories(path)
        assert found is not None
        found.advisories(DEMO, "1.0")
    assert raised.value.exit_code == 42
    assert raised.value.hint


def test_a_look_up_takes_less_than_a_millisecond(tmp_path: Path) -> None:
    """Over as many reports as the whole ecosystem has."""
    reports = (
        Report(
            id=f"MAL-2026-{number}",
            project=canonicalize_name(f"project-{number // 2}"),
            summary="Malicious code in a project (PyPI)",
            versions=("1.0", "1.1"),
            spans=(Span(introduced="0"),),
        )
        for number in range(30_000)
    )
    path = tmp_path / "advisories.sqlite3"
    write_advisories([Export(source="osv.zip", reports=reports)], path, imported_at=NOW)
    feed = open_advisories(path)
    assert feed is not None
    seconds = []
    for number in range(0, 2000, 10):
        started = time.perf_counter()
        found = feed.advisories(canonicalize_name(f"project-{number}"), "2.0")
        seconds.append(time.perf_counter() - started)
        assert len(found) == 2
    assert sorted(seconds)[len(seconds) // 2] < 0.001
    assert path.stat().st_size < 5_000_000


def test_a_report_about_no_version_is_about_all(tmp_path: Path) -> None:
    assert len(listed(tmp_path, osv(affected=affected()))) == 6


def test_a_version_that_cannot_be_read_hides_no_other(tmp_path: Path) -> None:
    assert listed(tmp_path, osv(affected=affected(versions=["x y", "1.0"]))) == ["1.0", "1.0.0"]


def test_an_ecosystem_may_have_a_suffix(tmp_path: Path) -> None:
    package = {"ecosystem": "PyPI:https://index.example", "name": "demo"}
    assert listed(tmp_path, osv(affected=[{"package": package, "versions": ["2.0"]}])) == ["2.0"]


def test_a_large_vulnerability_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "all.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("GHSA-1.json", json.dumps(osv(id="GHSA-1", details="x" * (2 << 20))))
        archive.writestr("MAL-2026-0001.json", json.dumps(osv()))
    assert len(list(read_reports(path))) == 1


@pytest.mark.parametrize("limit", ["MAX_REPORTS", "MAX_TOTAL_BYTES"])
def test_an_export_beyond_the_limits_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(f"safe_pip.threats.osv.{limit}", 1)
    path = tmp_path / "all.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(2):
            archive.writestr(f"MAL-{number}.json", json.dumps(osv()))
    with pytest.raises(FeedError, match="more than 1 "):
        list(read_reports(path))


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("https://a.example/all.zip", None),
        ("http://127.0.0.1:8000/all.zip", None),
        ("http://[::1]/all.zip", None),
        ("http://localhost/all.zip", None),
        ("http://a.example/all.zip", "only https"),
        ("http://127.0.0.1.a.example/all.zip", "only https"),
        ("ftp://a.example/all.zip", "only https"),
        ("file:///etc/passwd", "no host"),
        ("https://user:word@a.example/", "password"),
        ("https://a.example:x/", "no URL"),
        ("https://[/", "no URL"),
    ],
)
def test_a_list_comes_encrypted_or_from_this_machine(url: str, reason: str | None) -> None:
    assert reason in (why_not(url) or "") if reason else why_not(url) is None
