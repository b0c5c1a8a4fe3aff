"""Check: a verdict record against today's policy, scanner and list of malware, offline."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path

from safe_pip.cli.arguments import Options
from safe_pip.cli.parts import make_feed, shipped_scanner
from safe_pip.cli.report_files import check_places, report_format, write_report, writer_of
from safe_pip.cli.scanning import worst_exit_code
from safe_pip.cli.surroundings import Surroundings
from safe_pip.errors import UsageError
from safe_pip.escaping import escaped
from safe_pip.inspection.inspector import with_advisories
from safe_pip.policy.rules import Action, Decision, Policy, decide, without_a_person
from safe_pip.policy.settings import Thresholds
from safe_pip.policy.wording import release_name
from safe_pip.reports.entry import Entry, Scanner
from safe_pip.reports.record import read_record
from safe_pip.threats.feed import ThreatFeed
from safe_pip.verdict import Unscannable, Verdict

OTHER_SCANNER = "other-scanner"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What was decided then, and what is decided about the same bytes today."""

    recorded: Decision
    today: Decision


def run_check(options: Options, arguments: Sequence[str], surroundings: Surroundings) -> int:
    """Print what is no longer allowed; the exit code is that of a scan of the same artifacts."""
    if len(arguments) != 1:
        raise UsageError(
            "check takes one record.", hint="safe-pip check FILE; without FILE, it is pip's check."
        )
    check_places(options)
    policy = surroundings.load_policy(options.policy).policy
    scanner = shipped_scanner()
    record = read_record(Path(arguments[0]))
    feed = make_feed(policy, surroundings)
    checked = [
        Checked(recorded=decision, today=decide_again(decision, policy, scanner, feed))
        for decision in record.decisions
    ]
    entries = [Entry(path=one.today.verdict.filename, decision=one.today) for one in checked]
    if options.format is not None and options.report is None:
        sys.stdout.write(writer_of(options.format)(entries, scanner))
    else:
        if policy.advisories is not Action.ALLOW:
            for gap in feed.gaps:
                print(f"not checked: {gap}")
        for line in sentences(checked, recorded_by=record.scanner_id, scanner_id=scanner.id):
            print(line)
    if options.report is not None:
        write_report(options.report, writer_of(report_format(options))(entries, scanner))
    return worst_exit_code([entry.decision for entry in entries])


def decide_again(
    recorded: Decision, policy: Policy, scanner: Scanner, feed: ThreatFeed
) -> Decision:
    """Today's decision. Another scanner's score says nothing about what this one would find, so
    what it judged counts as not inspected."""
    verdict = recorded.verdict
    if verdict.scanner_id != scanner.id:
        verdict = _not_inspected(verdict, scanner)
    decision = decide(
        with_advisories(verdict, feed, wanted=recorded.context.project),
        policy,
        recorded.context,
        thresholds=Thresholds(ask=scanner.ask_above, block=scanner.block_above),
        now=datetime.now(timezone.utc),
        gaps=feed.gaps,
    )
    unattended = without_a_person(decision, policy)
    return unattended if unattended.action is Action.ALLOW else decision


def sentences(checked: Sequence[Checked], *, recorded_by: str, scanner_id: str) -> Iterator[str]:
    is_other = recorded_by != scanner_id
    if is_other:
        yield (
            f"the record rests on the scanner {escaped(recorded_by)}, and this is {scanner_id}: "
            "what it did not inspect itself it cannot confirm; install or scan again with --record"
        )
    for one in checked:
        if one.today.action is not Action.ALLOW and not _is_told_by_scanner(one.today, is_other):
            yield _sentence(one)
    words = Counter(_word(one.today) for one in checked)
    counts = [f"{count} {word}" for word, count in sorted(words.items())] or ["nothing"]
    changed = sum(one.today.action is not one.recorded.action for one in checked)
    yield f"{len(checked)} recorded; today {', '.join(counts)}; {changed} decided otherwise then"


def _word(decision: Decision) -> str:
    match decision.action:
        case Action.ALLOW:
            return "allowed"
        case _ if decision.rule == "unscannable":
            return "not inspected"
        case Action.ASK:
            return "to be asked about"
        case Action.BLOCK:
            return "blocked"


def _sentence(one: Checked) -> str:
    today, recorded = one.today, one.recorded
    verb = "asked about" if today.action is Action.ASK else "blocked"
    name = release_name(today.verdict)
    filename = escaped(today.verdict.filename, max_chars=100)
    then = f"it was recorded as {recorded.action.value} [{escaped(recorded.rule)}]"
    line = f"{name} ({filename}) would be {verb}: {escaped(today.reason)} [{today.rule}]; {then}"
    if recorded.action is Action.ALLOW and recorded.rule == today.rule:
        line += ", because a person said yes, which counts once; `safe-pip policy allow` lasts"
    return line


def _is_told_by_scanner(decision: Decision, is_other: bool) -> bool:
    return is_other and decision.rule == "unscannable"


def _not_inspected(verdict: Verdict, scanner: Scanner) -> Verdict:
    detail = f"another scanner, {verdict.scanner_id}, judged it"
    return replace(
        verdict,
        scanner_id=scanner.id,
        score=None,
        unscannable=Unscannable(reason=OTHER_SCANNER, detail=detail),
    )
