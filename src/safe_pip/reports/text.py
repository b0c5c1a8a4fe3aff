"""Text: a few plain lines for each artifact, for logs and pipes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from safe_pip.escaping import escaped
from safe_pip.reports.entry import Entry, Scanner

INSTALLED_NOTE = (
    "note: installed copies are judged by their files as they are now. No digest tells which "
    "archive they came from, so no allow entry for an archive covers them."
)


def text_document(entries: Sequence[Entry], scanner: Scanner) -> str:
    lines = [line for entry in entries for line in _lines(entry)]
    if any(entry.decision.verdict.kind == "installed" for entry in entries):
        lines.append(INSTALLED_NOTE)
    inspected = [entry for entry in entries if entry.decision.verdict.unscannable is None]
    found = sum(not entry.has_passed for entry in inspected)
    parts = [f"{len(inspected)} inspected, {found} asked about or blocked"]
    if len(inspected) < len(entries):
        parts.append(f"{len(entries) - len(inspected)} could not be inspected")
    lines.append(f"{', '.join(parts)} ({scanner.id})")
    return "\n".join(lines) + "\n"


def _lines(entry: Entry) -> Iterator[str]:
    decision, verdict = entry.decision, entry.decision.verdict
    score = "not scored" if verdict.score is None else f"score {verdict.score:.4f}"
    yield (
        f"{escaped(entry.shown_path)}: {decision.action.value}, {score}: "
        + escaped(f"{decision.reason} [{decision.rule}]")
        + ("" if entry.is_enforced else " (report only)")
    )
    for sentence in decision.not_checked:
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
