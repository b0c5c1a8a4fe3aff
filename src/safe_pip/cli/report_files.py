"""Report files: the decisions of a run in the format that was asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from safe_pip.errors import SafePipError
from safe_pip.reports.entry import Entry, Scanner

Writer = Callable[[Sequence[Entry], Scanner], str]


def writer_of(format_name: str) -> Writer:
    """A function that gives the whole document. What it needs is imported here, not later:
    after an installation, our own files may have been replaced."""
    if format_name == "json":
        from safe_pip.reports.json_document import json_document

        return json_document
    if format_name == "sarif":
        from safe_pip.extractors import SCHEMA
        from safe_pip.reports.sarif import sarif_document

        return lambda entries, scanner: sarif_document(entries, scanner, SCHEMA)
    from safe_pip.reports.text import text_document

    return text_document


def write_report(path: Path, document: str) -> None:
    """Raises SafePipError if the file cannot be written."""
    try:
        path.write_text(document, encoding="utf-8")
    except OSError as error:
        raise SafePipError(
            f"the report {path} cannot be written: {error.strerror}.",
            hint="The decisions stand; run again with another --report FILE to have them listed.",
        ) from error
