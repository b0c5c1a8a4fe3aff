"""What the child reads from the pages of indexes: nothing that is odd breaks it."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

import pytest

from safe_pip.gates.pip_signals import (
    Signals,
    html_status,
    json_status,
    split_page,
    utc_time,
    version_of,
)

ONE, TWO = "https://one.example/simple/Al_pha/", "https://two.example/root/al-pha/index.html"


def link(page: str | None, digest: str | None = None, **more: Any) -> SimpleNamespace:
    name = "sha256" if digest else None
    url = f"{page}alpha.whl"
    return SimpleNamespace(comes_from=page, url=url, hash_name=name, hash=digest, **more)


def signals(*pages: tuple[str, list[SimpleNamespace]], content: bytes = b"{}") -> Signals:
    found = Signals()
    for url, links in pages:
        page = SimpleNamespace(url=url, content_type="application/x+json", content=content)
        found.page_was_read(page, links)
    return found


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b'{"project-status": {"status": "quarantined", "reason": "x"}}', "quarantined"),
        (b'{"files": [], "project-status":{"status":"active"}}', "active"),
        (rb'{"files": [{"filename": "\"project-status\": {\"status\": \"x\"}"}]}', None),
        (b'{"project-status": {"status": 1}}', None),
        (b'{"project-status": {"status": }}', None),
        (b'{"project-status": "active"}', None),
        (b"[" * 100_000, None),
        (b"\xff", None),
    ],
)
def test_the_status_of_a_project_is_found_in_json(content: bytes, status: str | None) -> None:
    assert json_status(content) == status


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b'<meta name="pypi:project-status" content="quarantined">', "quarantined"),
        (b'<meta  name="pypi:project-status"\n content="archived">', "archived"),
        (b'<meta name="pypi:project-status" content="Q U">', None),
        (b" " * (1 << 20) + b'<meta name="pypi:project-status" content="active">', None),
    ],
)
def test_the_status_of_a_project_is_found_in_html(content: bytes, status: str | None) -> None:
    assert html_status(content) == status


@pytest.mark.parametrize(
    ("told", "understood"),
    [
        ("2026-01-02T03:04:05.678901Z", "2026-01-02T03:04:05.678901+00:00"),
        ("2026-01-02T03:04:05.6Z", "2026-01-02T03:04:05.600000+00:00"),
        ("2026-01-02T03:04:05.123456789Z", "2026-01-02T03:04:05.123456+00:00"),
        ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05+00:00"),
        *((odd, None) for odd in ("2026-13-02T03:04:05Z", "2026-01-02", "yesterday", "", None, 7)),
        ("2026-01-02T03:04:05+02:00", None),
        ("٢٠٢٦-01-02T03:04:05Z", None),
    ],
)
def test_only_a_time_in_utc_is_a_time(told: object, understood: str | None) -> None:
    assert utc_time(told) == understood


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        (ONE, ("https://one.example/simple/", "al-pha")),
        (TWO, ("https://two.example/root/", "al-pha")),
        ("https://one.example/simple/a.b?x=1#y", ("https://one.example/simple/", "a-b")),
        ("odd", ("/", "odd")),
    ],
)
def test_a_page_belongs_to_an_index_and_a_project(url: str, parts: tuple[str, str]) -> None:
    assert split_page(url) == parts


def test_other_indexes_are_those_with_other_files() -> None:
    chosen, same, different = link(ONE, "a"), link(TWO, "a"), link(TWO, "b")
    assert signals((ONE, [chosen]), (TWO, [different])).about(chosen)["other_indexes"] == [
        "https://two.example/root/"
    ]
    for links in ([], [same], [different, same]):
        assert signals((ONE, [chosen]), (TWO, links)).about(chosen)["other_indexes"] == []


def test_without_a_digest_nothing_is_the_same_file() -> None:
    chosen = link(ONE)
    assert signals((ONE, [chosen]), (TWO, [link(TWO)])).about(chosen)["other_indexes"]


@pytest.mark.parametrize("origin", [None, link(None), link(ONE), SimpleNamespace(url="x")])
def test_what_no_page_told_is_not_known(origin: object) -> None:
    told = Signals().about(origin)
    assert told["page_format"] is told["uploaded_at"] is told["yanked"] is None
    assert told["other_indexes"] == []


@pytest.mark.parametrize(
    ("filename", "version"),
    [
        ("alpha-1.0-py3-none-any.whl", "1.0"),
        ("alpha-1.0.post1-1-py3-none-any.whl", "1.0.post1"),
        ("al-pha-1.0.tar.gz", "1.0"),
        ("alpha-1.0.zip", "1.0"),
        ("odd.whl", ""),
        ("", ""),
    ],
)
def test_a_version_is_read_from_a_file_name(filename: str, version: str) -> None:
    assert version_of(filename) == version


def test_the_latest_releases_are_listed_for_a_young_one() -> None:
    found = Signals()
    now = datetime.now(timezone.utc)
    links = []
    for days in (1, 2, 30, 400):
        for kind in ("py3-none-any.whl", "cp311-none-any.whl"):
            file = link(ONE, filename=f"alpha-{days}.0-{kind}", yanked_reason=None)
            file.url = f"{ONE}{file.filename}"
            time = now - timedelta(days=days)
            found.file_was_named(file, {"upload-time": time.strftime("%Y-%m-%dT%H:%M:%SZ")})
            links.append(file)
    links[2].yanked_reason = links[3].yanked_reason = "bad"
    page = SimpleNamespace(url=ONE, content_type="application/json", content=b"")
    found.page_was_read(page, links)
    assert [version for version, _ in found.about(links[0])["releases"]] == ["1.0", "30.0", "400.0"]
    assert found.about(links[-1])["releases"] == []


def test_the_provenance_of_a_file_is_kept() -> None:
    found = Signals()
    one, other = link(ONE), link(TWO)
    found.file_was_named(one, {"provenance": "https://one.example/provenance"})
    found.file_was_named(other, {"provenance": None})
    assert found.about(one)["provenance_url"] == "https://one.example/provenance"
    assert found.about(other)["provenance_url"] is None


def attested_before(*files: tuple[str, str | None, bool]) -> str | None:
    """What is told about the last of the files: name, upload time, and whether it has some."""
    found, links = Signals(), []
    for filename, time, has_provenance in files:
        file = link(ONE, filename=filename)
        file.url = f"{ONE}{filename}"
        provenance = "https://one.example/p" if has_provenance else None
        found.file_was_named(file, {"upload-time": time, "provenance": provenance})
        links.append(file)
    found.page_was_read(SimpleNamespace(url=ONE, content_type="x+json", content=b""), links)
    before = found.about(links[-1])["attested_before"]
    assert before is None or isinstance(before, str)
    return before


JANUARY, MAY, JUNE = (f"2026-0{month}-01T00:00:00Z" for month in (1, 5, 6))


def test_a_file_without_the_attestation_of_an_earlier_release_is_told() -> None:
    last = ("a-3.0.tar.gz", JUNE, False)
    earlier = [("a-2.0.tar.gz", MAY, True), ("a-1.0.tar.gz", JANUARY, True)]
    assert attested_before(*earlier, last) == "2.0"


@pytest.mark.parametrize(
    "files",
    [
        [("a-2.0.tar.gz", MAY, True), ("a-3.0.tar.gz", JUNE, True)],
        [("a-2.0.tar.gz", MAY, False), ("a-3.0.tar.gz", JUNE, False)],
        [("a-3.0.tar.gz", JUNE, True), ("a-2.0.tar.gz", MAY, False)],
        [("a-3.0-py3-none-any.whl", MAY, True), ("a-3.0.tar.gz", JUNE, False)],
        [("a-2.0.tar.gz", None, True), ("a-3.0.tar.gz", JUNE, False)],
        [("a-2.0.tar.gz", MAY, True), ("a-3.0.tar.gz", None, False)],
    ],
    ids=["has-one", "nobody-had", "later-had", "same-release", "unknown-before", "unknown-now"],
)
def test_nothing_was_lost(files: list[tuple[str, str | None, bool]]) -> None:
    assert attested_before(*files) is None


def test_the_time_that_pip_knows_counts_before_ours() -> None:
    found = Signals()
    old = link(ONE)
    found.file_was_named(old, {"upload-time": "2026-01-02T03:04:05Z"})
    assert found.about(old)["uploaded_at"] == "2026-01-02T03:04:05+00:00"
    found.file_was_named(old, {"upload-time": "rubbish"})
    assert found.about(old)["uploaded_at"] == "2026-01-02T03:04:05+00:00"


def test_a_time_without_a_zone_is_one_in_utc() -> None:
    """pip takes it as it stands, and a comparison with it must not end the run."""
    time = datetime.now(timezone.utc).replace(tzinfo=None)
    about = signals((ONE, [])).about(link(ONE, upload_time=time))
    assert about["uploaded_at"] == time.isoformat()
