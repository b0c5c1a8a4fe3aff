"""Installed copies: what ``scan --installed`` looks at, an entry a distribution."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from safe_pip.archive import DEFAULT_LIMITS
from safe_pip.errors import UnscannableError
from safe_pip.inspection.installed import unlisted_names
from safe_pip.inspection.unscannable import METADATA_SUFFIXES, NO_RECORD
from safe_pip.policy.settings import Action
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


def with_what_the_folder_tells(entries: Sequence[Entry]) -> list[Entry]:
    """Distributions without a RECORD pass where every file of their folder was read.

    Nothing tells which files are theirs, so that by themselves they cannot be looked at; but what
    belongs to no RECORD is judged as one, and that is where a find in them shows.
    """
    read_folders = {
        Path(entry.path) for entry in entries if entry.decision.verdict.unscannable is None
    }
    return [
        _told_by_folder(entry) if Path(entry.path).parent in read_folders else entry
        for entry in entries
    ]


def _told_by_folder(entry: Entry) -> Entry:
    decision, unscannable = entry.decision, entry.decision.verdict.unscannable
    is_without_record = unscannable is not None and unscannable.reason == NO_RECORD
    if not is_without_record or decision.rule != "unscannable":
        return entry
    reason = (
        "it has no RECORD, so that nothing tells which files are its own; they were judged with "
        f"all that no RECORD lists in {Path(entry.path).parent}"
    )
    return replace(
        entry, decision=replace(decision, action=Action.ALLOW, rule=NO_RECORD, reason=reason)
    )


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
