"""Scanning: ``scan`` and ``explain``, which inspect what lies on disk and install nothing."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, wait
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

from safe_pip.artifact import Artifact, OriginKind
from safe_pip.cache.store import VerdictStore
from safe_pip.cli.arguments import FORMATS, Options
from safe_pip.cli.head_start import HeadStart
from safe_pip.cli.notices import REPORT_ONLY_NOTICE
from safe_pip.cli.parts import Parts, default_jobs, make_feed, prepared, sentence_about
from safe_pip.cli.previous import origin_of_path, previous_releases
from safe_pip.cli.report_files import (
    Writer,
    check_places,
    report_format,
    write_record,
    write_report,
    writer_of,
)
from safe_pip.cli.surroundings import Surroundings
from safe_pip.errors import EXIT_BLOCKED, EXIT_DECLINED, EXIT_UNSCANNABLE, UsageError
from safe_pip.escaping import escaped
from safe_pip.inspection.inspector import Inspected, Inspector
from safe_pip.inspection.unscannable import INSTALLED
from safe_pip.policy.rules import Action, Context, Decision, Policy, decide
from safe_pip.reports.entry import Entry, Scanner

# A scan that is over sooner says nothing but what it found.
PROGRESS_SECONDS = 10.0

# How many are done, and how many there are.
ShowProgress = Callable[[int, int], None]

# From bad to worse: a question that nobody was asked, a look that failed, a find.
_EXIT_CODES_BY_BADNESS = (0, EXIT_DECLINED, EXIT_UNSCANNABLE, EXIT_BLOCKED)


def run_scan(
    options: Options,
    arguments: Sequence[str],
    surroundings: Surroundings,
    head_start: HeadStart,
) -> int:
    """Print one document with an entry for each path; the exit code is the worst of them."""
    asked = _scan_arguments(arguments)
    check_places(options)
    policy = surroundings.load_policy(options.policy).policy
    writer = writer_of(asked.format or options.format or "text")
    report_writer = writer_of(report_format(options))
    paths = asked.paths
    if asked.installed:
        paths = _installed(asked.python, options, surroundings)
    previous = previous_releases(paths, asked.previous)
    # An environment may be empty; a crew of no workers would wait for one for ever.
    jobs = max(1, min(asked.jobs, len(paths)))
    with prepared(head_start, worker_count=jobs) as parts:
        entries = inspect_paths(
            paths,
            origin_of=_installed_origin if asked.installed else origin_of_path,
            policy=policy,
            parts=parts,
            surroundings=surroundings,
            previous=previous,
            show_progress=None if options.is_quiet else _print_progress,
        )
        return _report(
            entries, options, asked, parts.scanner, writer=writer, report_writer=report_writer
        )


def _report(
    entries: list[Entry],
    options: Options,
    asked: argparse.Namespace,
    scanner: Scanner,
    *,
    writer: Writer,
    report_writer: Writer,
) -> int:
    """Write it all; the exit code of a scan."""
    if any(entry.decision.verdict.kind == INSTALLED for entry in entries):
        from safe_pip.cli.installed_copies import with_what_was_not_read

        entries = [with_what_was_not_read(entry) for entry in entries]
    if asked.installed:
        from safe_pip.cli.installed_copies import with_what_the_folder_tells

        entries = with_what_the_folder_tells(entries)
    if options.is_report_only:
        print(REPORT_ONLY_NOTICE, file=sys.stderr, flush=True)
        entries = [
            replace(
                entry,
                is_enforced=entry.has_passed or entry.decision.verdict.unscannable is not None,
            )
            for entry in entries
        ]
    sys.stdout.write(writer(entries, scanner))
    if options.report is not None:
        write_report(options.report, report_writer(entries, scanner))
    if options.record is not None:
        write_record(options.record, entries, scanner)
    return worst_exit_code([entry.decision for entry in entries if entry.is_enforced])


def run_explain(
    options: Options,
    arguments: Sequence[str],
    surroundings: Surroundings,
    head_start: HeadStart,
) -> int:
    """Print everything that was found in one artifact; the exit code is that of a scan."""
    parser = argparse.ArgumentParser(
        prog="safe-pip explain",
        description="Shows everything that was found in one artifact, and its score.",
        allow_abbrev=False,
    )
    parser.add_argument("artifact", metavar="ARTIFACT", help="an archive or a folder")
    artifact = parser.parse_args(arguments).artifact
    policy = surroundings.load_policy(options.policy).policy
    with prepared(head_start, worker_count=1) as parts:
        (entry,) = inspect_paths([artifact], policy=policy, parts=parts, surroundings=surroundings)
    from rich.console import Console

    from safe_pip.terminal.explanation import print_explanation

    console = Console(
        file=sys.stdout,
        highlight=False,
        markup=False,
        emoji=False,
        color_system=None if options.is_plain else "auto",
    )
    print_explanation(console, entry.decision, says=sentence_about, is_plain=options.is_plain)
    return worst_exit_code([entry.decision])


def _installed_origin(_: str) -> OriginKind:
    return OriginKind.INSTALLED


def inspect_paths(
    paths: Sequence[str],
    *,
    policy: Policy,
    parts: Parts,
    surroundings: Surroundings,
    origin_of: Callable[[str], OriginKind] = origin_of_path,
    previous: Mapping[str, Artifact] | None = None,
    show_progress: ShowProgress | None = None,
) -> list[Entry]:
    """An entry for each path, in order, whatever becomes of the others. ``previous`` names, for
    some of the paths, the release that each is compared with."""
    feed = make_feed(policy, surroundings)
    inspector = Inspector(
        scanner_id=parts.scanner.id,
        workers=parts.workers,
        store=VerdictStore(folder=surroundings.verdicts_folder),
        feed=feed,
    )
    try:
        futures = [
            # Absolute, so that "." has a name.
            inspector.begin(
                Artifact(
                    path=Path(path).absolute(),
                    origin=origin_of(path),
                    previous=(previous or {}).get(path),
                )
            )
            for path in paths
        ]
        if show_progress is not None:
            _wait(futures, show_progress)
        return [
            Entry(
                path=path,
                decision=decide(
                    future.result().verdict,
                    policy,
                    Context(origin=origin_of(path)),
                    thresholds=parts.thresholds,
                    now=datetime.now(timezone.utc),
                    gaps=feed.gaps,
                ),
            )
            for path, future in zip(paths, futures, strict=True)
        ]
    finally:
        inspector.end()


def _wait(futures: Sequence[Future[Inspected]], show_progress: ShowProgress) -> None:
    while wait(futures, timeout=PROGRESS_SECONDS).not_done:
        show_progress(sum(future.done() for future in futures), len(futures))


def _print_progress(done: int, total: int) -> None:
    print(f"safe-pip: {done} of {total} inspected …", file=sys.stderr, flush=True)


def worst_exit_code(decisions: Sequence[Decision]) -> int:
    codes = [exit_code(decision) for decision in decisions]
    return max(codes, key=_EXIT_CODES_BY_BADNESS.index, default=0)


def exit_code(decision: Decision) -> int:
    """Of one entry. A question is not asked while scanning, and unanswered it is no yes."""
    match decision.action:
        case Action.ALLOW:
            return 0
        case _ if decision.rule == "unscannable":
            return EXIT_UNSCANNABLE
        case Action.ASK:
            return EXIT_DECLINED
        case Action.BLOCK:
            return EXIT_BLOCKED


def _installed(python: Path | None, options: Options, surroundings: Surroundings) -> Sequence[str]:
    from safe_pip.cli.installed_copies import installed_copies
    from safe_pip.gates.site_folders import find_site_folders

    found = find_site_folders(environ=surroundings.environ, python=python)
    if not options.is_quiet:
        version = ".".join(map(str, found.python_version))
        print(
            f"safe-pip: what is installed for Python {version} in {escaped(str(found.prefix))} "
            f"({escaped(found.chosen_by)})",
            file=sys.stderr,
            flush=True,
        )
    return [str(path) for path in installed_copies(found.folders)]


def _scan_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="safe-pip scan",
        usage="%(prog)s [--format FORMAT] [--jobs N] [--previous OLD] "
        "(PATH... | --installed [--python PATH])",
        description="Inspects archives, folders or an environment without installing anything.",
        allow_abbrev=False,
    )
    parser.add_argument("paths", metavar="PATH", nargs="*", help="an archive or a folder")
    parser.add_argument(
        "--installed",
        action="store_true",
        help="what is installed where pip would install to; nothing of it is started",
    )
    parser.add_argument(
        "--python",
        type=Path,
        metavar="PATH",
        help="with --installed: another interpreter, or the folder of a virtual environment",
    )
    parser.add_argument(
        "--previous",
        type=Path,
        metavar="OLD",
        action="append",
        default=[],
        help="a release of the same project to compare with; it can only add to what is found",
    )
    parser.add_argument("--format", choices=FORMATS, help="of what is printed (default: text)")
    parser.add_argument(
        "--jobs",
        type=int,
        default=default_jobs(),
        metavar="N",
        help="inspections at the same time (default: one a core)",
    )
    asked = parser.parse_args(arguments)
    if bool(asked.paths) == asked.installed:
        parser.error(
            "name paths, or --installed, and not both"
            if asked.paths
            else "name a path, or --installed for an environment"
        )
    if asked.python is not None and not asked.installed:
        parser.error("--python goes with --installed")
    if asked.previous and asked.installed:
        parser.error("--previous goes with paths")
    if asked.jobs < 1:
        raise UsageError("--jobs must be at least 1.", hint="Leave it out for one job a core.")
    return asked
