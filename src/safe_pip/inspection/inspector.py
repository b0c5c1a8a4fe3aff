"""Inspector: verdicts about artifacts, from memory or from a worker, without waiting."""

from __future__ import annotations

import hashlib
import itertools
import math
import stat
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from queue import PriorityQueue
from typing import NamedTuple, Protocol

from packaging.utils import NormalizedName

from safe_pip.artifact import Artifact, OriginKind
from safe_pip.cache.store import VerdictStore
from safe_pip.errors import UnscannableError
from safe_pip.file_names import is_version, releases_in
from safe_pip.inspection.unscannable import claimed_names, unscannable_verdict
from safe_pip.inspection.workers import Workers
from safe_pip.threats.feed import ThreatFeed
from safe_pip.verdict import Advisory, Verdict

_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspected:
    """A verdict and whether it was remembered rather than found just now."""

    verdict: Verdict
    is_from_memory: bool


class Inspecting(Protocol):
    """Starts inspections, and looks up what is known of their outcome."""

    def begin(self, artifact: Artifact) -> Future[Inspected]: ...

    def advised(self, verdict: Verdict, wanted: NormalizedName | None) -> Verdict:
        """With the advisories of the project that was asked for, whatever the artifact says."""


class _Waiting(NamedTuple):
    """Ordered by what comes first: never by the last two, as numbers differ."""

    minus_bytes: float
    number: int
    artifact: Artifact
    future: Future[Inspected]


class Inspector:
    """Inspects artifacts in workers; looks first whether a verdict is remembered."""

    def __init__(
        self, *, scanner_id: str, workers: Workers, store: VerdictStore, feed: ThreatFeed
    ) -> None:
        self._scanner_id = scanner_id
        self._workers = workers
        self._store = store
        self._feed = feed
        # Digests and memories must not queue behind inspections that take long.
        self._recalling = ThreadPoolExecutor(2, thread_name_prefix="recall")
        self._inspecting = ThreadPoolExecutor(workers.count, thread_name_prefix="inspect")
        # Where many wait, the longest first: else it is the last that everything waits for.
        self._numbers = itertools.count()
        self._waiting: PriorityQueue[_Waiting] = PriorityQueue()

    def begin(self, artifact: Artifact) -> Future[Inspected]:
        """Start inspecting. May be called from several threads.

        A digest that the artifact brings must have been taken from its bytes by this process:
        verdicts are remembered by it. The future raises ModelError if there can be no worker;
        all else that goes wrong is the verdict "could not look".
        """
        future: Future[Inspected] = Future()
        self._recalling.submit(self._settle, future, artifact, self._recall)
        return future

    def advised(self, verdict: Verdict, wanted: NormalizedName | None) -> Verdict:
        """With the advisories of the project that was asked for (``demo @ git+https://…``) as well.
        Raises FeedError if the list turns out to be damaged."""
        if wanted in (None, verdict.project):
            return verdict  # which has them since it was inspected
        return with_advisories(verdict, self._feed, wanted=wanted)

    def end(self) -> None:
        """Give up whatever is under way. The workers are killed, and die while others go on."""
        self._recalling.shutdown(wait=False, cancel_futures=True)
        self._inspecting.shutdown(wait=False, cancel_futures=True)
        self._workers.kill()

    def _settle(
        self,
        future: Future[Inspected],
        artifact: Artifact,
        step: Callable[[Artifact, Future[Inspected]], Inspected | None],
    ) -> None:
        """Give the future what a step comes to; None means that another step will."""
        try:
            inspected = step(artifact, future)
        except UnscannableError as error:
            future.set_result(self._could_not_look(artifact, error))
        except BaseException as error:
            future.set_exception(error)
        else:
            if inspected is not None:
                future.set_result(inspected)

    def _recall(self, artifact: Artifact, future: Future[Inspected]) -> Inspected | None:
        known = _digested(artifact)
        # A change is about two releases, and what is remembered is about one.
        if known.sha256 is not None and known.previous is None:
            verdict = self._store.recall(
                sha256=known.sha256, filename=known.path.name, scanner_id=self._scanner_id
            )
            if verdict is not None:
                return self._inspected(verdict, is_from_memory=True)
        self._waiting.put(_Waiting(-_size(known.path), next(self._numbers), known, future))
        self._inspecting.submit(self._inspect_largest)
        return None

    def _inspect_largest(self) -> None:
        waiting = self._waiting.get()
        self._settle(waiting.future, waiting.artifact, self._inspect)

    def _inspect(self, artifact: Artifact, _: Future[Inspected]) -> Inspected:
        verdict = self._workers.inspect(artifact)
        if artifact.sha256 is not None:
            verdict = _about(artifact, verdict)
            self._store.remember(replace(verdict, change=None))
        return self._inspected(verdict, is_from_memory=False)

    def _could_not_look(self, artifact: Artifact, error: UnscannableError) -> Inspected:
        verdict = unscannable_verdict(
            artifact,
            scanner_id=self._scanner_id,
            reason=error.reason,
            detail=str(error),
        )
        return self._inspected(verdict, is_from_memory=False)

    def _inspected(self, verdict: Verdict, *, is_from_memory: bool) -> Inspected:
        return Inspected(
            verdict=with_advisories(verdict, self._feed), is_from_memory=is_from_memory
        )


def with_advisories(
    verdict: Verdict, feed: ThreatFeed, *, wanted: NormalizedName | None = None
) -> Verdict:
    """With today's advisories: they are about names, and change while bytes do not.

    Whatever the metadata says, and whatever the file name can be read as, counts, and so does the
    project that was ``wanted``.
    """
    claimed = claimed_names(verdict.filename)
    releases = {(verdict.project, verdict.version), (claimed.project, claimed.version)}
    if wanted not in (verdict.project, claimed.project):
        releases.add((wanted, verdict.version or claimed.version))
    releases |= {
        (project, version)
        for project, version in releases_in(verdict.filename)
        # Of a version that is none, an advisory cannot say whether it is meant.
        if project == verdict.project or is_version(version)
    }
    advisories: dict[str, Advisory] = {}
    for project, version in sorted(releases, key=str):
        if project is not None:
            for advisory in feed.advisories(project, version):
                if advisory.is_of_release or advisory.id not in advisories:
                    advisories[advisory.id] = advisory
    return replace(verdict, advisories=tuple(advisories.values()))


def _digested(artifact: Artifact) -> Artifact:
    """The artifact with its digest; a folder has none before it is read."""
    try:
        mode = artifact.path.stat().st_mode
        # An old .egg-info is a file, and stands for others.
        if stat.S_ISDIR(mode) or artifact.origin is OriginKind.INSTALLED:
            return replace(artifact, sha256=None)
        if not stat.S_ISREG(mode):
            raise UnscannableError("it is neither a file nor a folder", reason="not-a-file")
        if artifact.sha256 is not None:
            return artifact
        return replace(artifact, sha256=_file_digest(artifact.path))
    except FileNotFoundError as error:
        raise UnscannableError("there is no such file or folder", reason="not-found") from error
    except (OSError, ValueError) as error:  # ValueError: a name with a NUL in it.
        raise UnscannableError(f"it cannot be read ({error})", reason="unreadable") from error


def _size(path: Path) -> float:
    """Bytes on disk; a folder counts for more than any file, as pip waits for it at once."""
    try:
        return math.inf if path.is_dir() else path.stat().st_size
    except OSError:
        return math.inf  # Why, shows when it is opened.


def _file_digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _about(artifact: Artifact, verdict: Verdict) -> Verdict:
    """The verdict, if it is about the bytes that were digested here."""
    if verdict.unscannable is None and verdict.sha256 != artifact.sha256:
        raise UnscannableError("it changed while it was read", reason="digest-mismatch")
    return replace(verdict, sha256=artifact.sha256 or "", filename=artifact.path.name)
