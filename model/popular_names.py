"""Derive the lists of names that ship with the package from their published sources.

    python -m model.popular_names popular-projects.txt
    python -m model.popular_names --disposable-domains blocklist.conf --origin "…, as of …"

A source has one entry a line; its first comment line (or ``--origin``) states date and origin.
The output is the same for the same input, byte for byte.
"""

from __future__ import annotations

import argparse
import gzip
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from packaging.utils import canonicalize_name

from safe_pip.extractors import contacts, popular
from safe_pip.extractors.dated_list import DatedList, parse_list

PACKAGE_FOLDER = Path(popular.__file__).parent


def compact(origin: str, entries: Iterable[str]) -> bytes:
    """The shipped form: compressed, the origin as its first line, each entry once, in order."""
    if not origin:
        raise ValueError("a list that ships needs its date and source")
    lines = [f"# {origin}", *dict.fromkeys(entries)]
    return gzip.compress(("\n".join(lines) + "\n").encode(), mtime=0)


def compact_popular_names(source: DatedList) -> bytes:
    return compact(source.origin, (canonicalize_name(entry) for entry in source.entries))


def compact_domains(source: DatedList, origin: str) -> bytes:
    return compact(origin or source.origin, (entry.lower() for entry in source.entries))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m model.popular_names")
    parser.add_argument("source", type=Path, help="the published list")
    parser.add_argument("--disposable-domains", action="store_true", help="a list of mail domains")
    parser.add_argument("--origin", default="", help="date and source, if the list has none")
    chosen = parser.parse_args(arguments)
    source = parse_list(chosen.source.read_text(encoding="utf-8"))
    if chosen.disposable_domains:
        target, data = contacts.DISPOSABLE_DOMAINS, compact_domains(source, chosen.origin)
    else:
        target, data = popular.POPULAR_NAMES, compact_popular_names(source)
    (PACKAGE_FOLDER / target).write_bytes(data)
    sys.stderr.write(f"{target}: {len(source.entries)} entries, {len(data)} bytes\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
