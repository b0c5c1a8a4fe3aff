"""Member names as an archive spells them, and the paths they mean."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from safe_pip.archive.limits import Limits
from safe_pip.distribution import Anomaly, AnomalyKind
from safe_pip.errors import UnscannableError

_DRIVE = re.compile(r"[A-Za-z]:")
# Windows drops dots and blanks at the end of a name, and takes what follows a colon for the name
# of a stream of the same file.
_LOST_ON_WINDOWS = re.compile(r"(?::[^/]*|[. ]+)(?=/|\Z)")


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberName:
    """``path`` is POSIX, relative and free of ``.`` and ``..``; empty for the root itself. If it is
    not what the archive says (``is_respelled``), another tool may write the member elsewhere."""

    path: str
    anomalies: tuple[Anomaly, ...] = ()
    is_respelled: bool = False


def parse_member_name(raw: str, limits: Limits) -> MemberName:
    """The path that a member's name means, and what two tools could read differently in it.

    ``raw`` may hold surrogates for bytes that are no UTF-8. Raises UnscannableError for a path
    too long or too deep.
    """
    if len(raw) > limits.max_path_chars:
        raise UnscannableError(f"the name {raw[:80]!a}… is too long", reason="path-too-long")
    kinds: tuple[AnomalyKind, ...] = ()
    if _is_plain(raw):
        path = raw.rstrip("/")
    else:
        path, kinds = _resolved(raw)
    if path.count("/") >= limits.max_path_depth:
        raise UnscannableError(f"the path {path[:80]!a}… is too deep", reason="path-too-deep")
    anomalies = tuple(Anomaly(kind=kind, path=path, detail=f"named {raw!a}") for kind in kinds)
    return MemberName(path=path, anomalies=anomalies, is_respelled=path != raw.removesuffix("/"))


def collision_key(path: str) -> str:
    """Equal for paths that are one file on a file system that ignores case, Unicode form, or
    what Windows does not keep of a name."""
    path = name_on_windows(path)
    if path.isascii():
        return path.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


def name_on_windows(path: str) -> str:
    """The file that Windows writes for a path."""
    return _LOST_ON_WINDOWS.sub("", path)


def resolve_link(path: str, target: str) -> str | None:
    """The path inside the root that a symbolic link at ``path`` means; None outside of it."""
    if "\0" in target or "\\" in target or target.startswith("/") or _DRIVE.match(target):
        return None
    parts = path.split("/")[:-1]
    for part in target.split("/"):
        if part == "..":
            if not parts:
                return None
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


def folders_of(path: str) -> Iterator[str]:
    """The folders that a path lies in, outermost first: ``a`` and ``a/b`` of ``a/b/c``."""
    return (path[:end] for end, character in enumerate(path) if character == "/")


def _is_plain(raw: str) -> bool:
    """Whether a name needs no second look: nearly all do not."""
    return (
        raw.isascii()
        and "\0" not in raw
        and "\\" not in raw
        and ":" not in raw[:2]
        and "//" not in raw
        and "/." not in raw
        and not raw.startswith(("/", "."))
    )


def _resolved(raw: str) -> tuple[str, tuple[AnomalyKind, ...]]:
    kinds = tuple(_kinds(raw))
    # What follows a NUL is lost to tools written in C; Python's zipfile cuts there too.
    text = raw.split("\0", 1)[0].replace("\\", "/")
    text = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    if _DRIVE.match(text):
        text = text[2:]
    parts: list[str] = []
    for part in text.split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts), kinds


def _kinds(raw: str) -> Iterator[AnomalyKind]:
    if "\0" in raw:
        yield "nul-in-name"
    if "\\" in raw:
        yield "backslash-in-name"
    if _DRIVE.match(raw):
        yield "drive-path"
    if raw.startswith(("/", "\\")):
        yield "absolute-path"
    if ".." in re.split(r"[/\\]", raw):
        yield "parent-path"
    try:
        raw.encode("utf-8")
    except UnicodeEncodeError:
        yield "undecodable-name"
