"""Signals: what the pages of the indexes say about the files that pip takes from them.

Child side: standard library only, Python 3.8 and newer. Nothing here decides anything, and what
cannot be understood is not known: a page is read for pip, and pip's own errors are pip's.
"""

from __future__ import annotations

import json
import re
import sys
from datetime import datetime, timedelta, timezone
from typing import Any, NamedTuple

MAX_OTHER_INDEXES = 10
MAX_TEXT_CHARS = 4096
MAX_RELEASES = 30
# A release that somebody has to wait for is younger; of others no list is made.
YOUNG_DAYS = 60
# PEP 792. A quote inside a JSON string is escaped, so that no file name looks like this.
_JSON_STATUS = re.compile(rb'"project-status"\s*:\s*(\{[^{}]{0,4096}\})')
_HTML_STATUS = re.compile(rb'<meta\s+name="pypi:project-status"\s+content="([a-z-]{1,40})"')
_HTML_HEAD_BYTES = 64 * 1024
# PEP 700 wants UTC, with any number of digits after the second.
_TIME = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]+))?Z")


class Page(NamedTuple):
    format: str
    status: str | None
    links: list[Any]


class Signals:
    """What was read in this process, by the address of the page."""

    def __init__(self) -> None:
        self._pages: dict[str, Page] = {}
        self._times: dict[str, str] = {}
        self._provenances: dict[str, str] = {}

    def page_was_read(self, page: Any, links: list[Any]) -> None:
        is_json = "json" in page.content_type.lower()
        status = json_status(page.content) if is_json else html_status(page.content)
        is_news = status == "quarantined" and not links and page.url not in self._pages
        self._pages[page.url] = Page("json" if is_json else "html", status, links)
        if is_news:
            # pip will say that there is no such project, and nothing comes to a decision.
            _, project = split_page(page.url)
            name = "".join(sign if sign.isprintable() else "?" for sign in project)[:100]
            sys.stderr.write(f"safe-pip: the index has put {name} in quarantine: it has no files\n")

    def file_was_named(self, link: Any, file_data: Any) -> None:
        """pip keeps no provenance (PEP 740), and before 26.0 no upload time."""
        provenance = file_data.get("provenance")
        if isinstance(provenance, str):
            self._provenances[link.url] = provenance[:MAX_TEXT_CHARS]
        if getattr(link, "upload_time", None) is None:
            time = utc_time(file_data.get("upload-time"))
            if time is not None:
                self._times[link.url] = time

    def about(self, link: Any) -> dict[str, Any]:
        """The fields of an item that come from an index."""
        url = getattr(link, "comes_from", None)
        url = url if isinstance(url, str) else None
        page = self._pages.get(url) if url is not None else None
        yanked = getattr(link, "yanked_reason", None)
        time = self._upload_time(link)
        return {
            "index_url": url[:MAX_TEXT_CHARS] if url is not None else None,
            "uploaded_at": time,
            "releases": self._releases(page.links) if page is not None and is_young(time) else [],
            "yanked": str(yanked)[:MAX_TEXT_CHARS] if yanked is not None else None,
            "project_status": page.status if page is not None else None,
            "page_format": page.format if page is not None else None,
            "provenance_url": self._provenances.get(link.url) if link is not None else None,
            "attested_before": self._attested_before(link, page) if page is not None else None,
            "other_indexes": self._other_indexes(link, url) if url is not None else [],
        }

    def _upload_time(self, link: Any) -> str | None:
        if link is None:
            return None
        time = getattr(link, "upload_time", None)
        return time.isoformat() if time is not None else self._times.get(link.url)

    def _attested_before(self, link: Any, page: Page) -> str | None:
        """The latest earlier version with a provenance, if this file has none and both tell when
        they were uploaded."""
        uploaded = self._upload_time(link)
        if uploaded is None or not self._provenances or link.url in self._provenances:
            return None
        version = version_of(link.filename)
        earlier = [
            (time, version_of(other.filename))
            for other in page.links
            if other.url in self._provenances
            and (time := self._upload_time(other)) is not None
            and time < uploaded
            and version_of(other.filename) != version
        ]
        return max(earlier)[1][:100] if earlier else None

    def _releases(self, links: list[Any]) -> list[list[str]]:
        """The latest releases of a page that are not yanked, each with its first upload."""
        times: dict[str, str] = {}
        for link in links:
            time = self._upload_time(link)
            if time is not None and getattr(link, "yanked_reason", None) is None:
                version = version_of(link.filename)
                times[version] = min(time, times.get(version, time))
        latest = sorted(times.items(), key=lambda item: item[1], reverse=True)
        return [[version[:100], time] for version, time in latest[:MAX_RELEASES]]

    def _other_indexes(self, link: Any, url: str) -> list[str]:
        """The other indexes that offer files of the same project, but not this very file."""
        own_root, project = split_page(url)
        digest = sha256(link)
        others: dict[str, None] = {}
        for other_url, page in self._pages.items():
            root, name = split_page(other_url)
            if name != project or root == own_root or not page.links:
                continue
            if digest is None or all(sha256(other) != digest for other in page.links):
                others[root[:MAX_TEXT_CHARS]] = None
        return list(others)[:MAX_OTHER_INDEXES]


def split_page(url: str) -> tuple[str, str]:
    """The index and the normalised project of a page's address (PEP 503)."""
    path = url.partition("#")[0].partition("?")[0]
    if path.endswith("/index.html"):
        path = path[: -len("index.html")]
    root, _, name = path.rstrip("/").rpartition("/")
    return root + "/", re.sub(r"[-_.]+", "-", name).lower()


def version_of(filename: str) -> str:
    """What a file name has for a version; the parent sees whether it is one."""
    if filename.endswith(".whl"):
        return filename.split("-")[1] if filename.count("-") > 1 else ""
    stem = re.sub(r"\.(tar\.[a-z0-9]+|tgz|zip)$", "", filename)
    return stem.rpartition("-")[2]


def is_young(time: str | None) -> bool:
    if time is None:
        return False
    uploaded = datetime.fromisoformat(time)
    if uploaded.tzinfo is None:
        # Of an index that forgets the zone, which PEP 700 fixes to UTC.
        uploaded = uploaded.replace(tzinfo=timezone.utc)
    age = datetime.now(timezone.utc) - uploaded
    return age < timedelta(days=YOUNG_DAYS)


def sha256(link: Any) -> str | None:
    return link.hash if getattr(link, "hash_name", None) == "sha256" else None


def json_status(content: bytes) -> str | None:
    found = _JSON_STATUS.search(content)
    if found is None:
        return None
    try:
        status = json.loads(found.group(1)).get("status")
    except ValueError:
        return None
    return status[:40] if isinstance(status, str) else None


def html_status(content: bytes) -> str | None:
    found = _HTML_STATUS.search(content[:_HTML_HEAD_BYTES])
    return found.group(1).decode("ascii") if found is not None else None


def utc_time(text: Any) -> str | None:
    """The time as Python 3.8's isoformat has it, or None."""
    found = _TIME.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        return None
    time = f"{found.group(1)}.{(found.group(2) or '')[:6]:0<6}+00:00"
    try:
        return datetime.fromisoformat(time).isoformat()
    except ValueError:
        return None
