"""Explanation: all that was found in one artifact, with what each find did to the score."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from safe_pip.escaping import escaped
from safe_pip.policy.rules import Decision
from safe_pip.policy.wording import release_name
from safe_pip.terminal.panel import finding_rows
from safe_pip.terminal.plain import code_lines
from safe_pip.terminal.sentences import Says, found_heading, found_words, place_name


def print_explanation(
    console: Console, decision: Decision, *, says: Says, is_plain: bool = False
) -> None:
    verdict = decision.verdict
    console.print(Text(release_name(verdict), style="bold"))
    console.print(Text(f"{verdict.kind} · {escaped(verdict.filename, max_chars=200)}"))
    if verdict.sha256:
        console.print(Text(f"sha256 {verdict.sha256}"), soft_wrap=True)
    console.print(Text(f"scanner {verdict.scanner_id}"), soft_wrap=True)
    score = "none" if verdict.score is None else f"{verdict.score:.4f}"
    console.print(Text(f"score {score}"))
    console.print(Text(f"{decision.action.value}: {escaped(decision.reason)} [{decision.rule}]"))
    if (change := verdict.change) is not None and change.score is not None:
        since = escaped(change.previous, max_chars=100)
        console.print(Text(f"change since {since} {change.score:.4f}"))
    for hit in verdict.rules:
        place = escaped(f"{hit.path}:{hit.line}", max_chars=200)
        console.print(Text(f"rule {hit.name}: {place} {escaped(hit.says)}"))
    for advisory in verdict.advisories:
        console.print(Text(escaped(f"{advisory.id}: {advisory.summary} ({advisory.source})")))
    for sentence in decision.not_checked:
        console.print(Text(f"not checked: {escaped(sentence)}"))
    if not verdict.telling:
        return
    words = "What raised the score, strongest first"
    console.print(Text(f"\n{found_heading(decision, words)}", style="bold"))
    for finding in verdict.telling:
        share = f"+{finding.contribution:.3f}  {finding.group.value:8}  {finding.evidence.feature}"
        console.print(Text(share, style="dim"))
        if not is_plain:
            console.print(finding_rows([[finding]], says, is_full=True))
            continue
        place = place_name([finding], line_sign=", line ")
        console.print(Text(f"{place}: {found_words([finding], says)}"))
        for line in code_lines([finding]):
            console.print(Text(line), soft_wrap=True)
