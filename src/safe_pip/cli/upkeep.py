"""Upkeep: the list of known malware, and what is remembered of earlier inspections."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

from safe_pip.cache.store import VerdictStore
from safe_pip.cli.arguments import Options
from safe_pip.cli.surroundings import Surroundings
from safe_pip.errors import SafePipError
from safe_pip.escaping import escaped
from safe_pip.threats.advisories import advisory_list, read_advisories, write_advisories
from safe_pip.threats.osv import read_reports


def run_feed(_: Options, arguments: Sequence[str], surroundings: Surroundings) -> int:
    parser = argparse.ArgumentParser(
        prog="safe-pip feed",
        description="The list of known malware: releases on it are blocked (see advisories in "
        "the policy). It is empty until one is imported.",
        allow_abbrev=False,
    )
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="update|status")
    update = verbs.add_parser("update", help="import an export of OSV reports (ids MAL-…)")
    update.add_argument("export", type=Path, metavar="PATH", help="a zip or a folder of OSV files")
    verbs.add_parser("status", help="how many reports there are, and how old they are")
    asked = parser.parse_args(arguments)
    if asked.verb == "update":
        return _import_feed(asked.export, surroundings)
    return _print_feed(surroundings)


def run_verdicts(_: Options, arguments: Sequence[str], surroundings: Surroundings) -> int:
    parser = argparse.ArgumentParser(
        prog="safe-pip verdicts",
        description="What is remembered of earlier inspections, so that the same bytes are "
        "inspected once.",
        allow_abbrev=False,
    )
    parser.add_argument("verb", choices=("info", "clear"))
    asked = parser.parse_args(arguments)
    store = VerdictStore(folder=surroundings.verdicts_folder)
    if asked.verb == "clear":
        return _clear(store)
    size = store.size()
    print(f"{size.verdicts} verdicts, {size.total_bytes:,} bytes, in {escaped(str(store.folder))}")
    return 0


def _clear(store: VerdictStore) -> int:
    size = store.size()
    try:
        store.clear()
    except OSError as error:
        raise SafePipError(
            f"{store.folder} cannot be cleared: {error.strerror}.",
            hint="Remove the folder by hand.",
        ) from error
    print(f"{size.verdicts} verdicts forgotten")
    return 0


def _import_feed(export: Path, surroundings: Surroundings) -> int:
    advisories = advisory_list(read_reports(export), imported_at=datetime.now(timezone.utc))
    write_advisories(advisories, surroundings.advisories_file)
    projects = len(advisories.by_project)
    print(f"{advisories.report_count} reports of malware about {projects} projects imported")
    return 0


def _print_feed(surroundings: Surroundings) -> int:
    advisories = read_advisories(surroundings.advisories_file)
    if advisories is None:
        print("no list of known malware; `safe-pip feed update PATH` imports an OSV export")
        return 0
    age = datetime.now(timezone.utc) - advisories.imported_at
    print(
        f"{advisories.report_count} reports of malware about {len(advisories.by_project)} "
        f"projects, imported {age.days} days ago"
    )
    return 0
