"""Panel: one decision as a person reads it: what happened, why, what now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from safe_pip.escaping import escaped
from safe_pip.policy.rules import Action, Decision
from safe_pip.policy.wording import outcome
from safe_pip.terminal.code_line import CodeLine
from safe_pip.terminal.decoded import decoded_literal
from safe_pip.terminal.sentences import (
    FEW_PLACES,
    MANY_PLACES,
    Says,
    accepting_command,
    chain,
    code_at,
    found_heading,
    found_words,
    heading,
    identity,
    place_name,
    verb,
    what_now,
)
from safe_pip.verdict import Finding, by_place

# Longer lines are hard to follow with the eye.
MAX_COLUMNS = 110


def print_panel(console: Console, decision: Decision, *, says: Says, is_full: bool = False) -> None:
    """The panel, and below it, to be copied, the command that accepts the artifact for good.

    ``is_full`` shows every place, and each line of code whole.
    """
    style = "yellow" if decision.action is Action.ASK else "red"
    console.print(
        Panel(
            Group(*_paragraphs(decision, says, is_full)),
            title=Text(heading(decision), style="bold"),
            title_align="left",
            border_style=style,
            width=min(console.width, MAX_COLUMNS),
            padding=(0, 1),
        )
    )
    if command := accepting_command(decision):
        console.print(Text("If you have read its code and accept it:", style="dim"))
        # No wrapping: a command that is cut into lines cannot be copied.
        console.print(Text(f"  {command}"), soft_wrap=True)


def _paragraphs(decision: Decision, says: Says, is_full: bool) -> Iterator[RenderableType]:
    verdict = decision.verdict
    yield Text(outcome(decision, verb=verb(decision)), style="bold")
    yield Text(" · ".join(identity(decision)), style="dim")
    if verdict.telling:
        yield Text(f"\n{found_heading(decision)}", style="bold")
        places = by_place(verdict.telling)
        max_places = MANY_PLACES if is_full else FEW_PLACES
        yield finding_rows(places[:max_places], says, is_full=is_full)
        if (hidden := len(places) - max_places) > 0:
            yield Text(f"  and {hidden} more", style="dim")
    yield Text(f"\nAsked for by {chain(decision)}.")
    for sentence in decision.not_checked:
        yield Text(f"Not checked: {escaped(sentence)}.")
    yield Text(what_now(decision))


def finding_rows(
    places: Sequence[Sequence[Finding]], says: Says, *, is_full: bool = False
) -> RenderableType:
    """Each place with what is there, and below it the line itself."""
    # A grid, because wrapped lines must stay clear of the marks.
    rows = Table.grid(padding=(0, 1))
    rows.add_column(width=1)
    rows.add_column(overflow="fold")
    for findings in places:
        rows.add_row("•", _found(findings, says))
        if findings[0].evidence.excerpt:
            rows.add_row("", CodeLine(code_at(findings), is_whole=is_full))
        if decoded := decoded_literal(findings[0].evidence.excerpt):
            words = f"  decoded: {escaped(decoded)}"
            rows.add_row("", Text(words, style="bold", no_wrap=True, overflow="ellipsis"))
    return rows


def _found(findings: Sequence[Finding], says: Says) -> Text:
    return Text.assemble((place_name(findings), "cyan"), f"  {found_words(findings, says)}")
