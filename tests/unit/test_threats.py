"""Lists of known malware in the OSV format."""

from __future__ import annotations

import json
import zipfile
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from packaging.utils import canonicalize_name

from safe_pip.threats.advisories import advisory_list, read_advisories, write_advisories
from safe_pip.threats.feed import NoFeed
from safe_pip.threats.osv import FeedError, read_reports

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


def listed(folder: Path, *documents: object) -> list[str]:
    """The versions, of a few, that the reports cover."""
    advisories = advisory_list(read_reports(write(folder / "osv", *documents)), imported_at=NOW)
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
    assert listed(tmp_path, document) == []


def test_an_unknown_version_of_a_listed_project_is_listed(tmp_path: Path) -> None:
    advisories = advisory_list(read_reports(write(tmp_path / "osv", osv())), imported_at=NOW)
    (advisory,) = advisories.advisories(DEMO, None)
    assert advisory.summary == "Malicious code in demo (PyPI)"
    assert advisory.source


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


def test_the_stored_list_is_the_imported_one(tmp_path: Path) -> None:
    documents = (osv(), osv(id="MAL-2026-0002", affected=spans({"introduced": "2.0"})))
    imported = advisory_list(read_reports(write(tmp_path / "osv", *documents)), imported_at=NOW)
    path = tmp_path / "data" / "advisories.json"
    write_advisories(imported, path)
    stored = read_advisories(path)
    assert stored == imported
    assert stored.report_count == 2


def test_no_list_was_imported(tmp_path: Path) -> None:
    assert read_advisories(tmp_path / "advisories.json") is None
    assert NoFeed().advisories(DEMO, "1.0") == ()


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"format": 9}',
        '{"format": 1, "imported_at": "x", "reports": []}',
        '{"format": 1, "imported_at": "2026-01-01T00:00:00+00:00", "reports": [{}]}',
    ],
)
def test_a_damaged_list_stops_rather_than_knows_nothing(tmp_path: Path, content: str) -> None:
    path = tmp_path / "advisories.json"
    path.write_text(content)
    with pytest.raises(FeedError) as raised:
        read_advisories(path)
    assert raised.value.exit_code == 42
    assert raised.value.hint
