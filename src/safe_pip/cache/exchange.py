"""Exchange: verdicts in one file, to carry them to another machine.

Whoever can write such a file decides what is not inspected again, as with the store itself: it
belongs into the same hands. What it says is checked for form only.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from safe_pip.cache.encoding import EncodingError, decode_verdict, encode_verdict, parse_json
from safe_pip.cache.store import MAX_ENTRY_BYTES
from safe_pip.errors import SafePipError
from safe_pip.replacing import replacing
from safe_pip.verdict import Verdict

FORMAT = 1
_HEADER = "safe_pip_verdicts"


def write_verdicts(path: Path, verdicts: Iterable[Verdict]) -> int:
    """Writes a header line and a JSON line for each verdict; the file appears whole or not.

    Gives the number of verdicts. Raises SafePipError if the file cannot be written.
    """
    count = 0
    try:
        with replacing(path) as file:
            file.write(_line({_HEADER: FORMAT}))
            for count, verdict in enumerate(verdicts, start=1):  # noqa: B007
                file.write(_line(encode_verdict(verdict)))
    except OSError as error:
        raise SafePipError(
            f"{path} cannot be written: {error.strerror}.",
            hint="Give the path of a file in a folder that exists and that you can write.",
        ) from error
    return count


def _line(document: object) -> bytes:
    return json.dumps(document).encode() + b"\n"


def read_verdicts(path: Path) -> tuple[Verdict, ...]:
    """All verdicts of a file. Raises SafePipError, with the line, if it is damaged anywhere."""
    try:
        with path.open("rb") as file:
            return tuple(_read(path, iter(lambda: file.readline(MAX_ENTRY_BYTES + 1), b"")))
    except OSError as error:
        raise SafePipError(f"{path} cannot be read: {error.strerror}.") from error


def _read(path: Path, lines: Iterator[bytes]) -> Iterator[Verdict]:
    number = 0
    for number, line in enumerate(lines, start=1):
        try:
            document = parse_json(line)
            if number == 1:
                _check_header(document)
                continue
            yield decode_verdict(document)
        except EncodingError as error:
            raise SafePipError(
                f"{path}, line {number}: {error}.",
                hint="Write the file anew with `safe-pip verdicts export FILE`; nothing was "
                "imported.",
            ) from error
    if number == 0:
        raise SafePipError(f"{path}, line 1: the file is empty.")


def _check_header(document: object) -> None:
    if not isinstance(document, dict) or document.get(_HEADER) != FORMAT:
        raise EncodingError("this is no export of verdicts that this version can read")
