"""Store: one small file a verdict, in a folder that only its user can write.

Whatever is wrong with the store (damaged, read-only, full, somebody else's) means that nothing is
remembered; it never means that something passes.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from safe_pip.cache.encoding import EncodingError, decode_verdict, encode_verdict, parse_json
from safe_pip.cache.places import LAYOUT, entry_path, scanner_folder
from safe_pip.replacing import replacing
from safe_pip.verdict import Verdict

MAX_ENTRY_BYTES = 4 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreSize:
    """How much is remembered, for all scanners together."""

    verdicts: int
    total_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictStore:
    """Verdicts under ``folder``. Safe for several processes: an entry appears whole or not."""

    folder: Path

    def recall(self, *, sha256: str, filename: str, scanner_id: str) -> Verdict | None:
        """The verdict about exactly these bytes under this name, by exactly this scanner."""
        path = entry_path(self.folder, sha256=sha256, filename=filename, scanner_id=scanner_id)
        verdict = _read_verdict(path)
        if verdict is None:
            return None
        is_asked_for = (verdict.sha256, verdict.filename, verdict.scanner_id) == (
            sha256,
            filename,
            scanner_id,
        )
        return verdict if is_asked_for else None

    def remember(self, verdict: Verdict) -> None:
        """Keep a verdict about a file. What could not be inspected may be another time."""
        if verdict.unscannable is not None or not verdict.sha256:
            return
        path = entry_path(
            self.folder,
            sha256=verdict.sha256,
            filename=verdict.filename,
            scanner_id=verdict.scanner_id,
        )
        content = json.dumps(encode_verdict(verdict)).encode()
        if len(content) > MAX_ENTRY_BYTES:
            return
        with contextlib.suppress(OSError):
            self._write(path, content)

    def verdicts(self, *, scanner_id: str) -> Iterator[Verdict]:
        """All that is remembered of what this scanner saw, in order of digest."""
        entries = map(_read_verdict, scanner_folder(self.folder, scanner_id).glob("*/*.json"))
        found = [entry for entry in entries if entry is not None and entry.scanner_id == scanner_id]
        yield from sorted(found, key=lambda verdict: (verdict.sha256, verdict.filename))

    def size(self) -> StoreSize:
        sizes = [path.stat().st_size for path in self._entries()]
        return StoreSize(verdicts=len(sizes), total_bytes=sum(sizes))

    def clear(self) -> None:
        """Forget everything; raises OSError if the folder cannot be removed."""
        root = self._root
        if root.exists():
            shutil.rmtree(root)

    @property
    def _root(self) -> Path:
        return self.folder / LAYOUT

    def _entries(self) -> Iterator[Path]:
        return self._root.glob("*/*/*.json")

    def _write(self, path: Path, content: bytes) -> None:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not _is_ours(self.folder.stat()):
            return
        for folder in (self._root, path.parent.parent, path.parent):
            folder.mkdir(exist_ok=True, mode=0o700)
        with replacing(path) as file:
            file.write(content)


def _read_verdict(path: Path) -> Verdict | None:
    """The verdict of an entry; None if there is none, or it is damaged, or somebody else's."""
    try:
        content = _read_own_file(path)
        verdict = None if content is None else decode_verdict(parse_json(content))
    except (OSError, EncodingError):
        return None
    return verdict if verdict is not None and verdict.score is not None else None


def _read_own_file(path: Path) -> bytes | None:
    """The content of a regular file that nobody else could have written, else None."""
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    with os.fdopen(handle, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode) or not _is_ours(status):
            return None
        if status.st_size > MAX_ENTRY_BYTES:
            return None
        return file.read(MAX_ENTRY_BYTES)


def _is_ours(status: os.stat_result) -> bool:
    if os.name != "posix":
        # Elsewhere the rights of the user's own cache folder are the only protection.
        return True
    return status.st_uid == os.geteuid() and not status.st_mode & 0o022
