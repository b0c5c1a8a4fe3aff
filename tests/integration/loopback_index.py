"""A package index on loopback: a folder of archives served as PEP 503 and PEP 658 say."""

from __future__ import annotations

import contextlib
import hashlib
import html
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from packaging.utils import canonicalize_name


class LoopbackIndex:
    """``requests`` are the paths that were asked for, in order."""

    def __init__(self, folder: Path, *, has_metadata_files: bool = True) -> None:
        self.folder = folder
        self.has_metadata_files = has_metadata_files
        self.url = ""
        self.requests: list[str] = []

    def page(self, project: str) -> bytes | None:
        links = []
        for path in sorted(self.folder.iterdir()):
            if canonicalize_name(path.name.split("-")[0]) != project:
                continue
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            attribute = ""
            if self.has_metadata_files and (metadata := self.metadata(path.name)) is not None:
                value = f"sha256={hashlib.sha256(metadata).hexdigest()}"
                attribute = f' data-core-metadata="{value}" data-dist-info-metadata="{value}"'
            links.append(f'<a href="/files/{path.name}#sha256={digest}"{attribute}>{path.name}</a>')
        if not links:
            return None
        title = html.escape(project)
        return f"<!DOCTYPE html><title>{title}</title>{''.join(links)}".encode()

    def metadata(self, filename: str) -> bytes | None:
        path = self.folder / filename
        if not filename.endswith(".whl") or not path.is_file():
            return None
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
            return archive.read(names[0])

    def answer(self, path: str) -> bytes | None:
        self.requests.append(path)
        match path.strip("/").split("/"):
            case ["simple", project]:
                return self.page(project)
            case ["files", name] if name.endswith(".metadata"):
                return self.metadata(name.removesuffix(".metadata"))
            case ["files", name] if (self.folder / name).is_file():
                return (self.folder / name).read_bytes()
            case _:
                return None


@contextlib.contextmanager
def serve(index: LoopbackIndex) -> Iterator[LoopbackIndex]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = index.answer(self.path.partition("?")[0])
            self.send_response(200 if body is not None else 404)
            is_page = self.path.startswith("/simple")
            kind = "text/html" if is_page else "application/octet-stream"
            self.send_header("Content-Type", kind)
            self.send_header("Cache-Control", "max-age=600")
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
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
