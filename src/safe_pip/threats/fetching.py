"""Fetching: what a URL serves, with a limit on everything."""

from __future__ import annotations

import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import IO, BinaryIO
from urllib.parse import urlsplit

from safe_pip.threats.osv import FeedError
from safe_pip.threats.urls import is_loopback, why_not

# The export of the whole ecosystem takes about 20 MB.
MAX_EXPORT_BYTES = 512 * 1024 * 1024
SILENCE_TIMEOUT_SECONDS = 30.0
MAX_SECONDS = 900.0
_CHUNK_BYTES = 256 * 1024
_HINT = "The list you have stays as it is. Fetch the export by other means and give its path."


class _CheckedRedirects(urllib.request.HTTPRedirectHandler):
    """Each step of a redirection is as trusted as the first, or is not taken."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        if reason := why_not(newurl):
            raise FeedError(f"{req.full_url} leads to {newurl}: {reason}.", hint=_HINT)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def fetch_export(
    url: str, path: Path, *, user_agent: str, max_bytes: int = MAX_EXPORT_BYTES
) -> None:
    """Write what ``url`` serves into ``path``, whole. Raises FeedError."""
    with path.open("wb") as file:
        fetch(url, file, user_agent=user_agent, max_bytes=max_bytes)


def fetch(url: str, file: BinaryIO, *, user_agent: str, max_bytes: int) -> None:
    """Write what ``url`` serves into ``file``, whole. Raises FeedError."""
    if reason := why_not(url):
        raise FeedError(f"{url}: {reason}.", hint="Give an https URL, or a path.")
    request = urllib.request.Request(url, headers={"User-Agent": user_agent})
    try:
        with _opener(url).open(request, timeout=SILENCE_TIMEOUT_SECONDS) as answer:
            _copy(answer, file, answer.headers, url, max_bytes)
    except (OSError, http.client.HTTPException, ValueError) as error:
        cause = getattr(error, "reason", None) or error
        raise FeedError(f"{url} cannot be fetched: {cause}.", hint=_HINT) from error


def _opener(url: str) -> urllib.request.OpenerDirector:
    handlers: list[urllib.request.BaseHandler] = [_CheckedRedirects()]
    if is_loopback(urlsplit(url).hostname or ""):
        # A proxy would carry what is not encrypted off this machine.
        handlers.append(urllib.request.ProxyHandler({}))
    return urllib.request.build_opener(*handlers)


def _copy(
    answer: IO[bytes], file: BinaryIO, headers: Mapping[str, str], url: str, max_bytes: int
) -> None:
    promised = headers.get("Content-Length")
    deadline = time.monotonic() + MAX_SECONDS
    received = 0
    while chunk := answer.read(_CHUNK_BYTES):
        received += len(chunk)
        if received > max_bytes:
            raise FeedError(f"{url} serves more than {max_bytes:,} bytes.", hint=_HINT)
        if time.monotonic() > deadline:
            raise FeedError(f"{url} took longer than {MAX_SECONDS:.0f} seconds.", hint=_HINT)
        file.write(chunk)
    # http.client does not complain about an answer that ends too early.
    if promised is not None and promised.isdigit() and received != int(promised):
        raise FeedError(f"{url} broke off after {received:,} of {promised} bytes.", hint=_HINT)
