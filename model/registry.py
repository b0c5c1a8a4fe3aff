"""The malicious corpus: a git repository that is read in memory, sample by sample.

The samples are real malware. Nothing here writes one anywhere.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import NormalizedName, canonicalize_name

ARCHIVE_SUFFIXES = (".tar.gz", ".tgz", ".zip", ".whl", ".tar.bz2", ".gz")
# Samples first added from this day on are kept for a later trial: they are not even listed.
RESERVED_FROM = "2026-06-01"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One malicious archive. ``blob`` is its git object; ``first_seen`` the ISO date on which
    its path was first added to the repository; ``size`` is in bytes."""

    path: str
    blob: str
    size: int
    project: NormalizedName
    first_seen: str

    @property
    def filename(self) -> str:
        return self.path.rpartition("/")[2]


def _git(repository: Path, *arguments: str) -> bytes:
    command = ["git", "-C", str(repository), *arguments]
    return subprocess.run(command, check=True, capture_output=True).stdout


def first_seen_dates(repository: Path) -> dict[str, str]:
    """The ISO date on which each path was first added, by path.

    Renames count as additions of the new path, and a path that comes back keeps its first date.
    """
    log = _git(
        repository, "log", "-z", "--reverse", "--diff-filter=A", "--no-renames", "--name-only",
        "--format=@%cI",
    )  # fmt: skip
    dates: dict[str, str] = {}
    date = ""
    for raw in log.split(b"\0"):
        entry = raw.decode("utf-8", errors="surrogateescape").strip("\n")
        if entry.startswith("@2"):
            date, _, entry = entry[1:].partition("\n")
            entry = entry.strip("\n")
        if entry:
            dates.setdefault(entry, date[:10])
    return dates


def list_samples(repository: Path) -> list[Sample]:
    """Every archive in the newest commit that is not reserved, by path."""
    dates = first_seen_dates(repository)
    samples = []
    for raw in _git(repository, "ls-tree", "-r", "-z", "-l", "HEAD").split(b"\0"):
        if not raw:
            continue
        header, _, name = raw.partition(b"\t")
        path = name.decode("utf-8", errors="surrogateescape")
        first_seen = dates.get(path, "")
        if not path.endswith(ARCHIVE_SUFFIXES) or not first_seen or first_seen >= RESERVED_FROM:
            continue
        _, _, blob, size = header.decode().split()
        if not size.isdigit():  # the mirror lists the object but does not hold it
            continue
        samples.append(
            Sample(
                path=path,
                blob=blob,
                size=int(size),
                project=canonicalize_name(path.partition("/")[0]),
                first_seen=first_seen,
            )
        )
    return sorted(samples, key=lambda sample: sample.path)


def read_samples(repository: Path, samples: Sequence[Sample]) -> Iterator[tuple[Sample, bytes]]:
    """The bytes of each sample, in memory, through one ``git cat-file --batch``."""
    command = ["git", "-C", str(repository), "cat-file", "--batch"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("git cat-file has no pipes")
        for sample in samples:
            process.stdin.write(f"{sample.blob}\n".encode())
            process.stdin.flush()
            header = process.stdout.readline().split()
            if len(header) != 3:
                raise RuntimeError(f"git has no object {sample.blob}")
            content = process.stdout.read(int(header[2]))
            process.stdout.read(1)
            yield sample, content
        process.stdin.close()
