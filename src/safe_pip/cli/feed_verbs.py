"""``feed``: the list of known malware, renewed and described."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path

from safe_pip import __version__
from safe_pip.cli.arguments import Options
from safe_pip.cli.surroundings import Surroundings
from safe_pip.errors import PolicyError, UsageError
from safe_pip.escaping import escaped
from safe_pip.policy.settings import Policy
from safe_pip.threats.advisories import Export, ListStatus, open_advisories, write_advisories
from safe_pip.threats.fetching import fetch_export
from safe_pip.threats.osv import read_reports
from safe_pip.threats.urls import is_url


def run_feed(options: Options, arguments: Sequence[str], surroundings: Surroundings) -> int:
    asked = _parser().parse_args(arguments)
    if asked.verb == "update":
        return _update(asked.sources, options, surroundings)
    return _print_status(surroundings)


def _update(named: Sequence[str], options: Options, surroundings: Surroundings) -> int:
    # The list is the user's, for every project: no project chooses where it comes from.
    policy = surroundings.load_policy(options.policy, with_project=False).policy
    sources = named or sorted(policy.advisory_feeds)
    if not sources:
        raise UsageError(
            "there is no list to import.",
            hint="Give the URL or path of an OSV export, or set advisory-feeds in your policy "
            "(docs/policy.md).",
        )
    if not options.is_quiet:
        for source in filter(is_url, sources):
            print(f"safe-pip: fetching {escaped(source)} …", file=sys.stderr, flush=True)
    with _exports(sources, policy) as exports:
        status = write_advisories(
            exports, surroundings.advisories_file, imported_at=datetime.now(timezone.utc)
        )
    print(f"{_content(status)} imported")
    return 0


@contextmanager
def _exports(sources: Sequence[str], policy: Policy) -> Iterator[Sequence[Export]]:
    with tempfile.TemporaryDirectory(prefix="safe-pip-feed-") as folder:
        exports = []
        for number, source in enumerate(sources):
            path = Path(source)
            if is_url(source):
                if policy.offline:
                    raise PolicyError(
                        f"{source} is not fetched: the policy says offline = true.",
                        hint="Give the path of an export that is there already.",
                    )
                path = Path(folder) / f"{number}.zip"
                fetch_export(source, path, user_agent=f"safe-pip/{__version__}")
            exports.append(Export(source=source, reports=read_reports(path, called=source)))
        yield exports


def _print_status(surroundings: Surroundings) -> int:
    feed = open_advisories(surroundings.advisories_file)
    if feed is None:
        print("no list of known malware; `safe-pip feed update URL-or-PATH` imports an OSV export")
        return 0
    status, now = feed.status, datetime.now(timezone.utc)
    print(f"{_content(status)}, imported {status.age_in_words(now)}")
    for source in status.sources:
        print(f"  from {escaped(source)}")
    if status.newest_report:
        print(f"  the newest report is of {escaped(status.newest_report[:10])}")
    if status.is_stale(now):
        print("  that is old: `safe-pip feed update` renews it")
    return 0


def _content(status: ListStatus) -> str:
    reports = "report" if status.report_count == 1 else "reports"
    projects = "project" if status.project_count == 1 else "projects"
    return f"{status.report_count:,} {reports} of malware about {status.project_count:,} {projects}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="safe-pip feed",
        description="The list of known malware: releases on it are blocked (see advisories in "
        "the policy). It is empty until one is imported.",
        allow_abbrev=False,
    )
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="update|status")
    update = verbs.add_parser(
        "update",
        help="replace the list by exports of OSV reports (ids MAL-…)",
        description="Replaces the list by the reports of malware in OSV exports; vulnerabilities "
        "in them do not count. An export that is damaged, cut off or empty changes nothing.",
    )
    update.add_argument(
        "sources",
        nargs="*",
        metavar="URL|PATH",
        help="a zip (or, as a path, a folder) of OSV files; default: the policy's advisory-feeds",
    )
    verbs.add_parser("status", help="how many reports there are, from where, and how old they are")
    return parser
