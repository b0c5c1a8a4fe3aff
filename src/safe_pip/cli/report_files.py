"""Report files: the decisions of a run in the format that was asked for."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from safe_pip.cli.arguments import Options
from safe_pip.errors import SafePipError
from safe_pip.escaping import escaped
from safe_pip.reports.entry import Entry, Scanner

_FORMAT_OF_SUFFIX = {
    ".html": "html",
    ".htm": "html",
    ".sarif": "sarif",
    ".xml": "junit",
    ".txt": "text",
}

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
    if format_name == "html":
        from safe_pip.cli.parts import sentence_about
        from safe_pip.reports.html_page import html_page

        sentence_about("")  # Loads the extractors now.
        return lambda entries, scanner: html_page(entries, scanner, says=sentence_about)
    if format_name == "junit":
        from safe_pip.reports.junit import junit_document

        return junit_document
    from safe_pip.reports.text import text_document

    return text_document


def report_format(options: Options) -> str:
    """Of ``--report FILE``: what ``--format`` says, else what the file's name does, else JSON."""
    if options.format is not None or options.report is None:
        return options.format or "json"
    return _FORMAT_OF_SUFFIX.get(options.report.suffix.lower(), "json")


def check_places(options: Options) -> None:
    """Raises SafePipError, before anything is started, for a file that can never be written: an
    installation takes minutes, and its report cannot be had again."""
    for what, path in (("report", options.report), ("record", options.record)):
        if path is not None and (path.is_dir() or not path.absolute().parent.is_dir()):
            reason = "it is a folder" if path.is_dir() else "its folder does not exist"
            raise SafePipError(
                f"the {what} {path} cannot be written: {reason}.",
                hint=f"Nothing was started; give --{what} another FILE.",
            )


def write_record(path: Path, entries: Sequence[Entry], scanner: Scanner) -> None:
    """The verdict record. With no decision there is nothing to say, and what an earlier run
    recorded stays. Raises SafePipError if the file cannot be written."""
    if entries:
        from safe_pip.reports.record import record_document

        write_report(path, record_document(entries, scanner), what="record")
    else:
        print(
            f"safe-pip: nothing was inspected, so {escaped(str(path))} was left as it is",
            file=sys.stderr,
            flush=True,
        )


def write_report(path: Path, document: str, *, what: str = "report") -> None:
    """Raises SafePipError if the file cannot be written."""
    try:
        path.write_text(document, encoding="utf-8")
    except OSError as error:
        raise SafePipError(
            f"the {what} {path} cannot be written: {error.strerror}.",
            hint=f"The decisions stand; run again with another --{what} FILE to have them listed.",
        ) from error
