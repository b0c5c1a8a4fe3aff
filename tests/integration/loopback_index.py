"""A package index on loopback: a folder of archives served as PEP 503, 658 and 691 say."""

from __future__ import annotations

import contextlib
import hashlib
import html
import json
import re
import sys
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from packaging.utils import canonicalize_name


class LoopbackIndex:
    """``requests`` are the paths that were asked for, in order.

    Metadata files (PEP 658) are of wheels, with ``has_sdist_metadata`` of sdists too, which the
    public index does not offer; ``has_ranges`` serves parts of files, which pip's fast-deps asks
    for.

    With ``is_json``, pages are JSON, with ``upload_times`` (PEP 700), ``yanked`` reasons (PEP 592)
    and ``provenances`` (PEP 740) by file name, and ``status`` of every project (PEP 792).
    """

    def __init__(self, folder: Path, *, has_metadata_files: bool = True) -> None:
        self.folder = folder
        self.has_metadata_files = has_metadata_files
        self.has_sdist_metadata = False
        self.has_ranges = False
        self.url = ""
        self.requests: list[str] = []
        self.is_json = False
        self.upload_times: dict[str, str] = {}
        self.yanked: dict[str, str] = {}
        self.provenances: dict[str, bytes] = {}
        self.status: str | None = None

    @property
    def page_type(self) -> str:
        return "application/vnd.pypi.simple.v1+json" if self.is_json else "text/html"

    def files(self, project: str) -> list[Path]:
        return [
            path
            for path in sorted(self.folder.iterdir())
            if canonicalize_name(path.name.split("-")[0]) == project
        ]

    def json_page(self, project: str) -> bytes | None:
        files = [
            {
                "filename": path.name,
                "url": f"/files/{path.name}",
                "hashes": {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()},
                "upload-time": self.upload_times.get(path.name),
                "yanked": self.yanked.get(path.name, False),
                "provenance": (
                    f"{self.url.removesuffix('simple/')}provenance/{path.name}"
                    if path.name in self.provenances
                    else None
                ),
            }
            for path in self.files(project)
        ]
        if not files and self.status is None:
            return None
        document: dict[str, object] = {"meta": {"api-version": "1.4"}, "name": project}
        if self.status is not None:
            document["project-status"] = {"status": self.status, "reason": "looked into"}
        return json.dumps({**document, "files": files, "versions": []}).encode()

    def page(self, project: str) -> bytes | None:
        links = []
        for path in self.files(project):
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            attribute = ""
            if self.has_metadata_files and (metadata := self.metadata(path.name)) is not None:
                value = f"sha256={hashlib.sha256(metadata).hexdigest()}"
                attribute = f' data-core-metadata="{value}" data-dist-info-metadata="{value}"'
            if path.name in self.yanked:
                attribute += f' data-yanked="{html.escape(self.yanked[path.name])}"'
            links.append(f'<a href="/files/{path.name}#sha256={digest}"{attribute}>{path.name}</a>')
        if not links:
            return None
        title = html.escape(project)
        status = f'<meta name="pypi:project-status" content="{self.status}">' if self.status else ""
        return f"<!DOCTYPE html>{status}<title>{title}</title>{''.join(links)}".encode()

    def metadata(self, filename: str) -> bytes | None:
        path = self.folder / filename
        if self.has_sdist_metadata and filename.endswith(".tar.gz") and path.is_file():
            with tarfile.open(path) as sdist:
                root = filename.removesuffix(".tar.gz")
                member = sdist.extractfile(f"{root}/PKG-INFO")
                return member.read() if member is not None else None
        if not filename.endswith(".whl") or not path.is_file():
            return None
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
            return archive.read(names[0])

    def answer(self, path: str) -> bytes | None:
        self.requests.append(path)
        match path.strip("/").split("/"):
            case ["simple", project]:
                return self.json_page(project) if self.is_json else self.page(project)
            case ["files", name] if name.endswith(".metadata"):
                return self.metadata(name.removesuffix(".metadata"))
            case ["files", name] if (self.folder / name).is_file():
                return (self.folder / name).read_bytes()
            case ["provenance", name]:
                return self.provenances.get(name)
            case _:
                return None


@contextlib.contextmanager
def serve(index: LoopbackIndex) -> Iterator[LoopbackIndex]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            body = index.answer(self.path.partition("?")[0])
            status = 200 if body is not None else 404
            part = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
            if index.has_ranges and part is not None and body is not None:
                status, body = 206, body[int(part[1]) : int(part[2]) + 1]
            self.send_response(status)
            is_page = self.path.startswith("/simple")
            kind = index.page_type if is_page else "application/octet-stream"
            self.send_header("Content-Type", kind)
            self.send_header("Cache-Control", "max-age=600")
            if index.has_ranges:
                self.send_header("Accept-Ranges", "bytes")
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body or b"")

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            """Says nothing of a client that went away, as a pip does that is killed."""
            if not isinstance(sys.exc_info()[1], ConnectionError):
                super().handle_error(request, client_address)  # type: ignore[arg-type]

    server = Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    index.url = f"http://127.0.0.1:{server.server_address[1]}/simple/"
    try:
        yield index
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
