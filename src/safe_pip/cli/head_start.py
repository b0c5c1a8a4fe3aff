"""Head start: the first worker begins to load before the rest of safe-pip does.

It is what takes longest, and little has to be known for it, so that little is imported here.
"""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from safe_pip.cache.places import LAYOUT, entry_path, scanner_folder
from safe_pip.cli.folders import cache_folder, verdicts_folder
from safe_pip.errors import SafePipError
from safe_pip.inspection import processes

# So much is read again later, to be sure, and takes a tenth of a worker's start.
_MAX_GLANCED_BYTES = 32 << 20

if TYPE_CHECKING:
    from types import TracebackType

    from safe_pip.inspection.nursery import Nursery
    from safe_pip.inspection.processes import Process
    from safe_pip.inspection.workers import Worker


class HeadStart:
    """Starts workers; what it has started ends with the block. Safe for several threads.

    ``has_copies`` is for runs that may need several: they are then copies of one process, where
    the system lets them.
    """

    def __init__(self, *, has_copies: bool, shows_stderr: bool = False) -> None:
        self._shows_stderr = shows_stderr
        self._nursery: Nursery | None = None
        self._first: Process | None = None
        self._has_begun = self._has_ended = False
        self._lock = threading.Lock()
        self._given: list[Process] = []
        if has_copies:
            self._nursery = self._make_nursery()

    def __enter__(self) -> HeadStart:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.end()

    @property
    def has_cheap_workers(self) -> bool:
        """Whether another worker costs next to nothing."""
        return self._nursery is not None

    @property
    def has_begun(self) -> bool:
        return self._has_begun

    def begin(self) -> None:
        """Start the first worker, if none was started yet. One that cannot be started will say
        so to whoever needs it."""
        with self._lock:
            if not self._has_begun and not self._has_ended:
                self._has_begun = True
                with contextlib.suppress(OSError):
                    self._first = self._process()

    def worker(self) -> Worker:
        """The one that has begun, or another one. Raises OSError."""
        from safe_pip.inspection.workers import Worker

        with self._lock:
            if self._has_ended:  # By a thread that is late.
                raise OSError("safe-pip is ending")
            self._has_begun = True
            process, self._first = self._first or self._process(), None
            self._given.append(process)
        return Worker(process, stand_in=self._spawn)

    def end(self) -> None:
        with self._lock:
            self._has_ended = True
        for process in (*self._given, *([self._first] if self._first is not None else [])):
            process.end()
        self._first = None
        if self._nursery is not None:
            self._nursery.end()

    def _process(self) -> Process:
        return self._spawn() if self._nursery is None else self._nursery.copy()

    def _spawn(self) -> Process:
        return processes.SpawnedProcess(processes.worker_command(), shows_stderr=self._shows_stderr)

    def _make_nursery(self) -> Nursery | None:
        from safe_pip.inspection import nursery

        if not nursery.has_copies():
            return None
        return nursery.Nursery(
            lambda channel: processes.SpawnedProcess(
                processes.worker_command(),
                shows_stderr=self._shows_stderr,
                stdin=channel.fileno(),
            )
        )


def has_something_new(paths: Iterable[str]) -> bool:
    """Whether there is a file or folder of whose verdict there is no entry. A glance: whether an
    entry can be used shows later, and where it cannot, a worker is started then."""
    n_bytes = 0
    try:
        if not (verdicts_folder(cache_folder()) / LAYOUT).is_dir():
            return any(Path(path).exists() for path in paths)  # There are no entries at all.
        for path in map(Path, paths):
            if not path.exists():
                continue
            n_bytes += path.stat().st_size
            if n_bytes > _MAX_GLANCED_BYTES or not path.is_file():
                return True
            sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
            # Absolute as for the inspector: a relative name may have none.
            if not is_remembered(path.absolute().name, sha256=sha256):
                return True
    except (OSError, ValueError, SafePipError):  # ValueError: a name with a NUL in it.
        return False  # What is wrong is found and told where it belongs.
    return False


def is_remembered(filename: str, *, sha256: str) -> bool:
    """Whether there is an entry for these bytes under this name."""
    entry = entry_path(
        verdicts_folder(cache_folder()),
        sha256=sha256,
        filename=filename,
        scanner_id=_shipped_scanner_id(),
    )
    return entry.is_file()


def remembers_anything() -> bool:
    """Whether this scanner has left verdicts here."""
    try:
        return scanner_folder(verdicts_folder(cache_folder()), _shipped_scanner_id()).is_dir()
    except (OSError, SafePipError):
        return False


def _shipped_scanner_id() -> str:
    # Not before it is needed: it reads all of our code.
    from safe_pip.inspection.scanner import scanner_id
    from safe_pip.scoring import shipped

    model = shipped.shipped_manifest()
    return scanner_id(model_id=model.model_id, schema_digest=model.schema_digest)
