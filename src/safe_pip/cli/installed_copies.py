"""Installed copies: what ``scan --installed`` looks at, an entry a distribution."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from safe_pip.archive import DEFAULT_LIMITS
from safe_pip.errors import UnscannableError
from safe_pip.inspection.installed import unlisted_names
from safe_pip.inspection.unscannable import METADATA_SUFFIXES
from safe_pip.reports.entry import Entry

_MAX_DIRECT_URL_BYTES = 1 << 16


def installed_copies(folders: Iterable[Path]) -> Iterator[Path]:
    """The metadata of each distribution, by name, and after those of a site folder the folder
    itself, if files lie in it that belong to none."""
    for folder in folders:
        found = (path for path in folder.iterdir() if path.name.endswith(METADATA_SUFFIXES))
        yield from sorted(found, key=lambda path: (path.name.lower(), path.name))
        if _holds_unlisted_files(folder):
            yield folder


def with_what_was_not_read(entry: Entry) -> Entry:
    """An editable installation has its code elsewhere, which the entry then says."""
    source = _editable_source(Path(entry.path))
    if source is None:
        return entry
    sentence = f"its code: it is installed as editable from {source}; scan that folder too"
    decision = replace(entry.decision, not_checked=(*entry.decision.not_checked, sentence))
    return replace(entry, decision=decision)


def _holds_unlisted_files(folder: Path) -> bool:
    try:
        return any(unlisted_names(folder, DEFAULT_LIMITS))
    except (OSError, UnscannableError):
        return True  # The inspection of it will say what is wrong.


def _editable_source(metadata_folder: Path) -> str | None:
    """PEP 610, direct_url.json; None for what cannot be read as one."""
    try:
        path = metadata_folder / "direct_url.json"
        if not path.is_file():
            return None
        with path.open("rb") as file:
            document = json.loads(file.read(_MAX_DIRECT_URL_BYTES))
        is_editable = document["dir_info"]["editable"] is True
        return str(document["url"]) if is_editable else None
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None
