"""URLs of lists: encrypted, or no further than this machine."""

from __future__ import annotations

from urllib.parse import urlsplit


def why_not(url: str) -> str | None:
    """Why a list must not be fetched from there, or None if it may.

    Whoever could change it on the way could take names off it, or put names on it.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError:
        return "it is no URL"
    if not host:
        return "it names no host"
    if parts.username is not None or parts.password is not None:
        return "it holds a user name or password, which would be stored and shown"
    if parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host)):
        return None
    return "only https is trusted, and http from this machine itself"


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    import ipaddress  # Most URLs are https, and need no look at the host.

    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_url(text: str) -> bool:
    return "://" in text


def label(source: str) -> str:
    """What a list is called in a sentence: its host, or the name of its file."""
    if is_url(source):
        return urlsplit(source).hostname or source
    return source.replace("\\", "/").rstrip("/").rpartition("/")[2] or source
