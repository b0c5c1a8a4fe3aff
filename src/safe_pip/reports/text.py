"""Text: a few plain lines for each artifact, for logs and pipes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from safe_pip.escaping import escaped
from safe_pip.policy.wording import release_name
from safe_pip.reports.entry import Entry, Scanner

# The rule of entries that only their folder's entry tells about.
_NO_RECORD = "no-record"
INSTALLED_NOTE = (
    "note: installed copies are judged by their files as they are now. No digest tells which "
    "archive they came from, so no allow entry for an archive covers them."
)


def text_document(entries: Sequence[Entry], scanner: Scanner) -> str:
    """What was not checked of any entry, and the entries that cannot be told apart, take one line
    each at the end."""
    of_all = _of_all(entries)
    without_record = [entry for entry in entries if entry.decision.rule == _NO_RECORD]
    lines = [
        line
        for entry in entries
        if entry.decision.rule != _NO_RECORD
        for line in _lines(entry, already_told=of_all)
    ]
    lines += [f"not checked: {escaped(sentence)}" for sentence in of_all]
    if without_record:
        names = ", ".join(sorted(release_name(entry.decision.verdict) for entry in without_record))
        lines.append(
            f"not checkable one by one, because they have no RECORD: {names}. Their files are "
            "judged together, as one entry for their folder."
        )
    if any(entry.decision.verdict.kind == "installed" for entry in entries):
        lines.append(INSTALLED_NOTE)
    inspected = [entry for entry in entries if entry.decision.verdict.unscannable is None]
    found = sum(not entry.has_passed for entry in inspected)
    parts = [f"{len(inspected)} inspected, {found} asked about or blocked"]
    if without_record:
        parts.append(f"{len(without_record)} not checkable one by one")
    if missed := len(entries) - len(inspected) - len(without_record):
        parts.append(f"{missed} could not be inspected")
    lines.append(f"{', '.join(parts)} ({scanner.id})")
    return "\n".join(lines) + "\n"


def _of_all(entries: Sequence[Entry]) -> Sequence[str]:
    """The sentences about what was not checked that stand at every one of several entries."""
    if len(entries) < 2:
        return ()
    return [
        sentence
        for sentence in entries[0].decision.not_checked
        if all(sentence in entry.decision.not_checked for entry in entries)
    ]


def _lines(entry: Entry, *, already_told: Sequence[str]) -> Iterator[str]:
    decision, verdict = entry.decision, entry.decision.verdict
    score = "not scored" if verdict.score is None else f"score {verdict.score:.4f}"
    yield (
        f"{escaped(entry.shown_path)}: {decision.action.value}, {score}: "
        + escaped(f"{decision.reason} [{decision.rule}]")
        + ("" if entry.is_enforced else " (report only)")
    )
    for sentence in decision.not_checked:
        if sentence not in already_told:
            yield f"  not checked: {escaped(sentence)}"
    if entry.has_passed:
        return
    for finding in verdict.telling:
        evidence = finding.evidence
        place = f"{evidence.location.path}:{evidence.location.line}"
        yield "  " + escaped(
            f"{place}  {evidence.detail or evidence.feature} ({evidence.surface.value})  "
            f"{evidence.excerpt}"
        )
