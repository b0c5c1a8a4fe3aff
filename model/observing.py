"""From a distribution in memory to a record of numbers."""

from __future__ import annotations

import io
import re
import signal
import tarfile
import time
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from model.paper8 import observe_paper8
from model.records import Place, Record, Unit
from safe_pip.archive import DEFAULT_LIMITS, read_archive
from safe_pip.distribution import Distribution
from safe_pip.errors import UnscannableError
from safe_pip.evidence import Evidence
from safe_pip.extractors import SCHEMA, observe

MAX_PLACES = 60
FIRST_YEAR, LAST_YEAR = 1995, 2026
_WORD = re.compile(r"(?u)\b\w\w+\b")


class OutOfTimeError(Exception):
    """An item took longer than it may."""


@contextmanager
def time_limit(seconds: int) -> Iterator[None]:
    """Raises OutOfTimeError in the block after so many seconds; for the main thread of a worker."""

    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise OutOfTimeError(f"over {seconds} s")

    previous = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, previous)


@contextmanager
def opened(data: bytes, filename: str) -> Iterator[Distribution]:
    """The distribution in the bytes of an archive; raises UnscannableError."""
    with read_archive(data, filename, DEFAULT_LIMITS) as distribution:
        yield distribution


def newest_year(data: bytes) -> int:
    """The year of the newest member of an archive, 0 if none is plausible."""
    years: list[int] = []
    try:
        if zipfile.is_zipfile(io.BytesIO(data)):
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                years = [member.date_time[0] for member in archive.infolist()]
        else:
            with tarfile.open(fileobj=io.BytesIO(data)) as tar:
                years = [time.gmtime(member.mtime).tm_year for member in tar]
    except (OSError, ValueError, OverflowError, EOFError, zlib.error, zipfile.BadZipFile,
            tarfile.TarError, NotImplementedError):  # fmt: skip
        return 0
    return max((year for year in years if FIRST_YEAR < year <= LAST_YEAR), default=0)


def record_of(
    item: str, distribution: Distribution, *, size: int, year: int, touched: Sequence[str] = ()
) -> Record:
    """All numbers of one distribution."""
    started = time.monotonic()
    evidence = observe(distribution)
    vector = SCHEMA.fold(evidence).values
    seconds = time.monotonic() - started
    columns = vector.nonzero()[0]
    return Record(
        item=item,
        kind=distribution.kind.value,
        n_files=len(distribution.files),
        size=size,
        year=year,
        seconds=round(seconds, 3),
        columns=tuple(int(column) for column in columns),
        values=tuple(float(value) for value in vector[columns]),
        units=tuple(_units(evidence)),
        places=tuple(_places(evidence)),
        touched=tuple(touched),
        paper8=_paper8(distribution),
    )


def failed(item: str, error: BaseException) -> Record:
    """A record of why there is no vector."""
    reason = error.reason if isinstance(error, UnscannableError) else type(error).__name__
    return Record(item=item, error=f"{reason}: {error}"[:200])


def _units(evidence: Sequence[Evidence]) -> Iterator[Unit]:
    surfaces: dict[str, set[str]] = defaultdict(set)
    for item in evidence:
        surfaces[item.location.path].add(item.surface.name)
    for path, vector in SCHEMA.fold_units(evidence).items():
        columns = vector.values.nonzero()[0]
        yield Unit(
            path=path,
            surfaces=tuple(sorted(surfaces[path])),
            columns=tuple(int(column) for column in columns),
            values=tuple(float(value) for value in vector.values[columns]),
        )


def _places(evidence: Sequence[Evidence]) -> Iterator[Place]:
    ordered = sorted(
        (item for item in evidence if SCHEMA[item.feature].is_monotone),
        key=lambda item: (not item.surface.runs_unasked, -item.value),
    )
    seen: dict[str, int] = defaultdict(int)
    count = 0
    for item in ordered:
        seen[item.feature] += 1
        if seen[item.feature] > 2 or not item.location.path:
            continue
        count += 1
        if count > MAX_PLACES:
            break
        yield Place(
            feature=item.feature,
            path=item.location.path,
            line=item.location.line,
            surface=item.surface.name,
        )


def _paper8(distribution: Distribution) -> dict[str, object]:
    """The control's inputs; its words as checksums, so that no text of a sample is kept."""
    found = observe_paper8(distribution)
    words = set(_WORD.findall(found.suspicious_lines))
    flags = {
        name: bool(getattr(found, name))
        for name in (
            "homepage", "email", "install_command", "suspicious_url", "long_string",
            "minimal_config", "licence_mismatch",
        )
    }  # fmt: skip
    return {**flags, "words": sorted({zlib.crc32(word.encode()) for word in words})}
