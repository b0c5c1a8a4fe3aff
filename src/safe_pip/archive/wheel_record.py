"""Does a wheel hold what its RECORD says? (PEP 376, PEP 427, binary distribution format)"""

from __future__ import annotations

import base64
import binascii
import csv
import hashlib
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from safe_pip.archive.contents import Contents
from safe_pip.archive.limits import Limits
from safe_pip.distribution import Anomaly, SourceFile
from safe_pip.errors import UnscannableError

# These cannot list their own digests.
_UNLISTED_NAMES = ("RECORD", "RECORD.jws", "RECORD.p7s")
_OTHER_ALGORITHMS = frozenset({"sha384", "sha512"})


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordRow:
    """A row of RECORD: ``path`` with slashes, ``digest`` and ``size`` as written, or empty."""

    path: str
    digest: str
    size: str


def compare_record(contents: Contents, dist_info: str, limits: Limits) -> None:
    """Notes each file that RECORD does not list, lists without being there, or lists wrongly.

    Raises UnscannableError for a RECORD too large to be one.
    """
    record_path = f"{dist_info}/RECORD"
    record = contents.files.get(record_path)
    if record is None:
        contents.note("record-mismatch", record_path, "is missing")
        return
    if record.size > limits.max_record_bytes:
        raise UnscannableError(f"a RECORD of {record.size:,} bytes", reason="file-too-large")
    unlisted = set(contents.files) - {f"{dist_info}/{name}" for name in _UNLISTED_NAMES}
    listed: dict[str, RecordRow] = {}
    for row in record_rows(record.read()):
        known = listed.setdefault(row.path, row)
        if known != row:
            contents.note("record-mismatch", row.path, "is listed twice, differently")
    for row in listed.values():
        unlisted.discard(row.path)
        contents.note_all(_differences(row, contents.files, contents.sha256_by_path, dist_info))
    for path in sorted(unlisted):
        contents.note("record-mismatch", path, "is not listed in RECORD")


def record_rows(record: bytes) -> Iterator[RecordRow]:
    """What a RECORD lists, row by row; what is no row is left out."""
    text = record.decode("utf-8", "replace")
    # The field limit of csv is 128 kB; a longer field is no path, and csv.Error is the answer.
    reader = csv.reader(io.StringIO(text, newline=""))
    while True:
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error:
            continue
        if fields and fields[0]:
            path, digest, size = (*fields, "", "")[:3]
            # Old wheels made on Windows write backslashes.
            yield RecordRow(path=path.replace("\\", "/"), digest=digest, size=size)


def _differences(
    row: RecordRow,
    files: Mapping[str, SourceFile],
    sha256_by_path: Mapping[str, bytes],
    dist_info: str,
) -> Iterator[Anomaly]:
    file = files.get(row.path)
    detail = ""
    if file is None:
        # Installed files that a build left in RECORD by mistake; nothing is hidden by them.
        if not row.path.endswith(".pyc"):
            detail = "is listed in RECORD and not there"
    elif row.path in {f"{dist_info}/{name}" for name in _UNLISTED_NAMES}:
        return
    elif row.size and row.size != str(file.size):
        detail = f"has {file.size:,} bytes where RECORD says {row.size[:20]!a}"
    elif not row.digest:
        detail = "is listed in RECORD without a digest"
    elif not _fits(row.digest, file, sha256_by_path[row.path]):
        detail = "is not the content that RECORD lists"
    if detail:
        yield Anomaly(kind="record-mismatch", path=row.path, detail=detail)


def _fits(listed: str, file: SourceFile, sha256: bytes) -> bool:
    algorithm, _, encoded = listed.partition("=")
    try:
        digest = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
    except (binascii.Error, ValueError):
        return False
    if algorithm == "sha256":
        return digest == sha256
    if algorithm not in _OTHER_ALGORITHMS:
        return False
    other = hashlib.new(algorithm)
    for piece in file.chunks():
        other.update(piece)
    return digest == other.digest()
