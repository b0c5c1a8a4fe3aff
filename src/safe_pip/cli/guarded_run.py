"""A guarded run: the review beside one pip, and what is told and written after it.

Everything it will need is imported with this module, because pip may be replacing our own files
by the time the run is finished.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from safe_pip.cache.store import VerdictStore
from safe_pip.cli.arguments import Options
from safe_pip.cli.notices import feed_notices
from safe_pip.cli.parts import Parts, make_attester, make_feed, sentence_about
from safe_pip.cli.previous import WithInstalledCopies
from safe_pip.cli.report_files import report_format, write_record, write_report, writer_of
from safe_pip.cli.surroundings import Surroundings
from safe_pip.inspection.inspector import Inspector
from safe_pip.policy.settings import Policy
from safe_pip.review import Review
from safe_pip.terminal.desk import TerminalDesk
from safe_pip.terminal.tally import summary_line


class GuardedRun:
    """``review`` is what the gate asks; ``site_folders`` tells the target's.

    Raises FeedError for a damaged list of malware.
    """

    def __init__(
        self,
        *,
        options: Options,
        arguments: Sequence[str],
        surroundings: Surroundings,
        policy: Policy,
        parts: Parts,
        site_folders: Callable[[], Sequence[Path]],
    ) -> None:
        self._options = options
        self._scanner = parts.scanner
        self._writer = writer_of(report_format(options)) if options.report else None
        if options.record is not None:
            import safe_pip.reports.record  # noqa: F401 (now, not after the installation)
        self._feed = make_feed(policy, surroundings)
        self._inspector = Inspector(
            scanner_id=parts.scanner.id,
            workers=parts.workers,
            store=VerdictStore(folder=surroundings.verdicts_folder),
            feed=self._feed,
        )

        self.review = Review(
            inspector=WithInstalledCopies(self._inspector, find_folders=site_folders),
            policy=policy,
            thresholds=parts.thresholds,
            gaps=self._feed.gaps,
            attester=make_attester(policy),
            is_report_only=options.is_report_only,
            desk=TerminalDesk(
                stderr=sys.stderr,
                keyboard=surroundings.keyboard(arguments, is_unattended=options.is_unattended),
                says=sentence_about,
                is_quiet=options.is_quiet,
                is_plain=options.is_plain,
            ),
        )

    def finish(self) -> None:
        """The last line, the report and the record. Raises SafePipError if one of the files
        cannot be written."""
        self._inspector.end()
        if not self._options.is_quiet:
            print(summary_line(self.review.tally()), file=sys.stderr, flush=True)
            for line in feed_notices(self._feed):
                print(line, file=sys.stderr, flush=True)
        if self._options.report is not None and self._writer is not None:
            document = self._writer(self.review.entries(), self._scanner)
            write_report(self._options.report, document)
        if self._options.record is not None:
            write_record(self._options.record, self.review.entries(), self._scanner)
