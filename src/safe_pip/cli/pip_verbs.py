"""Pip's verbs: guarded where they could fetch something, else passed on."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from safe_pip.cli.arguments import Options
from safe_pip.cli.head_start import HeadStart, is_remembered, remembers_anything
from safe_pip.cli.notices import REPORT_ONLY_NOTICE, policy_notices, target_notices
from safe_pip.cli.parts import (
    GATE_PATIENCE_SECONDS,
    GATE_WORKERS,
    make_parts,
    shipped_scanner,
    thresholds_of,
)
from safe_pip.cli.surroundings import Surroundings
from safe_pip.gates.pip_gate import Gate, run_unguarded
from safe_pip.gates.reviewer import Reviewer
from safe_pip.gates.target import choose_target

if TYPE_CHECKING:
    from safe_pip.cli.guarded_run import GuardedRun


def run_passed_on(arguments: Sequence[str], surroundings: Surroundings) -> int:
    """A verb that fetches nothing: pip's exit status."""
    environ = surroundings.environ
    return run_unguarded(choose_target(environ=environ), arguments, environ=environ)


def run_guarded(
    options: Options, arguments: Sequence[str], surroundings: Surroundings, gate: Gate
) -> int:
    """Pip's exit status, or ours (errors.py) if something was not let through. pip goes on when
    everything that could be wrong before it was found right."""

    def expect(filename: str, sha256: str) -> None:
        if not is_remembered(filename, sha256=sha256):
            head_start.begin()

    with HeadStart(has_copies=True, shows_stderr=options.is_verbose) as head_start:
        if options.report is not None or options.record is not None:
            from safe_pip.cli.report_files import check_places

            check_places(options)
        loaded = surroundings.load_policy(options.policy)
        scanner = shipped_scanner()
        target = gate.target()
        if options.is_report_only:
            # Said even with --quiet: who reads the log must not take this run for a guarded one.
            print(REPORT_ONLY_NOTICE, file=sys.stderr, flush=True)
        if not options.is_quiet:
            notices = policy_notices(loaded, thresholds_of(scanner))
            for line in (*notices, *target_notices(target, options)):
                print(line, file=sys.stderr, flush=True)
        runs: list[GuardedRun] = []

        def make_reviewer() -> Reviewer:
            # While pip is starting in the child. Where verdicts are remembered, perhaps no worker
            # is needed; the first file that is new will tell.
            if not remembers_anything():
                head_start.begin()
            from safe_pip.cli.guarded_run import GuardedRun

            run = GuardedRun(
                options=options,
                arguments=arguments,
                surroundings=surroundings,
                policy=loaded.policy,
                parts=make_parts(
                    head_start,
                    scanner,
                    worker_count=GATE_WORKERS,
                    patience_seconds=GATE_PATIENCE_SECONDS,
                ),
                site_folders=gate.site_folders,
            )
            runs.append(run)
            return run.review

        try:
            return gate.run(make_reviewer, expect=expect)
        finally:
            for run in runs:
                run.finish()
