"""The lists that ship with the package: one entry a line, with their date and source."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from pathlib import Path

COMMENT = "#"


@dataclass(frozen=True, slots=True, kw_only=True)
class DatedList:
    """``origin`` is the first comment line: what the entries are, their date and their source."""

    origin: str
    entries: tuple[str, ...]


def load_list(filename: str) -> DatedList:
    """Read a list that lies beside this module; a name that ends in ``.gz`` is compressed.

    Raises FileNotFoundError or OSError if the installation is damaged.
    """
    data = Path(__file__).with_name(filename).read_bytes()
    text = (gzip.decompress(data) if filename.endswith(".gz") else data).decode()
    return parse_list(text)


def parse_list(text: str) -> DatedList:
    """Entries in order, without comments and blank lines."""
    lines = [line for line in map(str.strip, text.splitlines()) if line]
    comments = [line.lstrip(f"{COMMENT} ") for line in lines if line[0] == COMMENT]
    entries = tuple(line for line in lines if line[0] != COMMENT)
    return DatedList(origin=comments[0] if comments else "", entries=entries)
