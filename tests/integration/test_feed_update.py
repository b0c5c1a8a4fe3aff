"""``feed update`` from a URL: an export as the real ones are, served on loopback."""

from __future__ import annotations

import contextlib
import io
import json
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from safe_pip.cli import main
from safe_pip.cli.surroundings import Surroundings
from safe_pip.threats.advisories import open_advisories
from safe_pip.threats.fetching import fetch_export
from safe_pip.threats.osv import FeedError
from tests.homes import empty_home, use_home
from tests.unit.test_threats import osv, spans


def real_export() -> bytes:
    """The zip of an ecosystem: a flat folder of reports by id, vulnerabilities among them."""
    vulnerability = osv(
        id="GHSA-aaaa-bbbb-cccc", summary="A vulnerability", affected=spans({"introduced": "0"})
    )
    everywhere = osv(id="MAL-2026-0002", affected=spans({"introduced": "0"}))
    everywhere["affected"][0]["package"]["name"] = "Evil_Name"
    withdrawn = osv(id="MAL-2026-0003", withdrawn="2026-02-01T00:00:00Z")
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for report in (vulnerability, osv(), everywhere, withdrawn):
            archive.writestr(f"{report['id']}.json", json.dumps(report))
    return content.getvalue()


@contextlib.contextmanager
def serve(content: bytes) -> Iterator[str]:
    """The URL of a server on loopback. Its paths misbehave as they are called."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            match self.path:
                case "/moved.zip" | "/away.zip":
                    target = "/all.zip" if self.path == "/moved.zip" else "http://a.example/"
                    self.send_response(302)
                    self.send_header("Location", target)
                    self.end_headers()
                case "/cut.zip" | "/all.zip":
                    self.send_response(200)
                    self.send_header("Content-Length", str(len(content)))
                    self.end_headers()
                    self.wfile.write(content[:100] if self.path == "/cut.zip" else content)
                case "/page.zip":
                    self.send_response(200)
                    self.end_headers()
                    self.wfile.write(b"<title>Log in</title>")
                case _:
                    self.send_error(404)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with serve(real_export()) as url:
        yield url


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Surroundings:
    surroundings = empty_home(tmp_path)
    surroundings.config_folder.mkdir()
    use_home(monkeypatch, surroundings)
    return surroundings


def ids(home: Surroundings, project: str, version: str) -> list[str]:
    feed = open_advisories(home.advisories_file)
    assert feed is not None
    return [entry.id for entry in feed.advisories(canonicalize_name(project), version)]


@pytest.mark.parametrize("name", ["all.zip", "moved.zip"])
def test_an_export_is_fetched_stored_and_described(
    home: Surroundings, server: str, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert main(["feed", "update", f"{server}/{name}"]) == 0
    assert main(["feed", "status"]) == 0
    assert capsys.readouterr().out == (
        "2 reports of malware about 2 projects imported\n"
        "2 reports of malware about 2 projects, imported today\n"
        f"  from {server}/{name}\n"
        "  the newest report is of 2026-01-02\n"
    )
    assert ids(home, "evil.NAME", "7") == ["MAL-2026-0002"]
    assert ids(home, "demo", "1.1") == ["MAL-2026-0001"]
    assert ids(home, "demo", "3") == []


def test_the_url_can_stand_in_the_policy(home: Surroundings, server: str) -> None:
    home.user_policy.write_text(f'advisory-feeds = ["{server}/all.zip"]')
    assert main(["feed", "update"]) == 0
    assert ids(home, "demo", "1.0")


def test_a_project_does_not_choose_the_list(home: Surroundings, server: str) -> None:
    own = home.working_folder / "safe-pip.toml"
    own.write_text(f'advisory-feeds = ["{server}/all.zip"]')
    assert main(["feed", "update"]) == 2
    assert not home.advisories_file.exists()


def test_offline_fetches_nothing(
    home: Surroundings, server: str, capsys: pytest.CaptureFixture[str]
) -> None:
    home.user_policy.write_text("offline = true")
    assert main(["feed", "update", f"{server}/all.zip"]) == 43
    assert "offline = true" in capsys.readouterr().err
    assert not home.advisories_file.exists()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("cut.zip", "broke off after 100 of"),
        ("page.zip", "cannot be read as an OSV export"),
        ("missing.zip", "Not Found"),
        ("away.zip", "leads to http://a.example/: only https"),
    ],
)
def test_a_fetch_that_fails_keeps_the_list(
    home: Surroundings, server: str, capsys: pytest.CaptureFixture[str], name: str, words: str
) -> None:
    assert main(["feed", "update", f"{server}/all.zip"]) == 0
    before = home.advisories_file.read_bytes()
    assert main(["feed", "update", f"{server}/{name}"]) == 42
    assert words in capsys.readouterr().err
    assert home.advisories_file.read_bytes() == before


def test_a_server_that_is_not_there_is_an_error(home: Surroundings, tmp_path: Path) -> None:
    with serve(b"") as gone:
        pass
    assert main(["feed", "update", f"{gone}/all.zip"]) == 42
    assert not home.advisories_file.exists()
    assert not (tmp_path / "data").exists()


def test_more_than_the_limit_is_not_fetched(server: str, tmp_path: Path) -> None:
    with pytest.raises(FeedError, match="more than 10 bytes"):
        fetch_export(f"{server}/all.zip", tmp_path / "all.zip", user_agent="a test", max_bytes=10)
