"""Panel: one decision as a person reads it: what happened, why, what now."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from packaging.utils import InvalidName, canonicalize_name
from packaging.version import InvalidVersion, Version
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from safe_pip.escaping import escaped
from safe_pip.evidence import Location, Surface
from safe_pip.policy.rules import Action, Decision
from safe_pip.policy.wording import outcome
from safe_pip.verdict import Finding

# Enough to see why; the question offers the rest.
FEW_PLACES = 5
MAX_SENTENCES = 3
MAX_PLACE_CHARS = 120
MAX_CHAIN_CHARS = 300

# The sentence about a feature, by its name.
Says = Callable[[str], str]


def print_panel(console: Console, decision: Decision, *, says: Says, max_places: int) -> None:
    """The panel, and below it, to be copied, the command that accepts the artifact for good."""
    is_question = decision.action is Action.ASK
    style = "yellow" if is_question else "red"
    console.print(
        Panel(
            Group(*_paragraphs(decision, says, max_places)),
            title=Text("your decision" if is_question else _verb(decision), style="bold"),
            title_align="left",
            border_style=style,
            width=min(console.width, 110),
            padding=(0, 1),
        )
    )
    if command := accepting_command(decision):
        console.print(Text("If you have read its code and accept it:", style="dim"))
        # No wrapping: a command that is cut into lines cannot be copied.
        console.print(Text(f"  {command}"), soft_wrap=True)


def accepting_command(decision: Decision) -> str | None:
    """``policy allow`` for exactly these bytes, where such an entry would count."""
    verdict = decision.verdict
    if decision.rule in ("deny", "private-names") or not verdict.sha256:
        return None
    try:
        # What goes into a shell is a name and a version, and nothing that looks like them.
        project = canonicalize_name(verdict.project or "", validate=True)
        release = f"{project}=={Version(verdict.version or '')}"
    except (InvalidName, InvalidVersion):
        return None
    return f"safe-pip policy allow {release} --sha256 {verdict.sha256} --reason 'why'"


def _verb(decision: Decision) -> str:
    return "not inspected" if decision.rule == "unscannable" else "blocked"


def _paragraphs(decision: Decision, says: Says, max_places: int) -> Iterator[RenderableType]:
    verdict = decision.verdict
    verb = "held back" if decision.action is Action.ASK else "blocked"
    yield Text(outcome(decision, verb=verb), style="bold")
    yield Text(_identity(decision), style="dim")
    if verdict.findings:
        yield Text("\nWhat was found", style="bold")
        places = by_place(verdict.findings)
        yield finding_rows(places[:max_places], says)
        if (hidden := len(places) - max_places) > 0:
            yield Text(f"  and {hidden} more", style="dim")
    yield Text(f"\nAsked for by {_chain(decision)}.")
    for sentence in decision.not_checked:
        yield Text(f"Not checked: {escaped(sentence)}.")
    yield Text(_what_now(decision))


def _identity(decision: Decision) -> str:
    verdict = decision.verdict
    parts = [verdict.kind, escaped(verdict.filename, max_chars=100)]
    if verdict.sha256:
        parts.append(f"sha256 {verdict.sha256[:16]}…")
    return " · ".join(parts)


def finding_rows(places: Sequence[Sequence[Finding]], says: Says) -> RenderableType:
    """Each place with what is there, and below it the line itself."""
    # A grid, because wrapped lines must stay clear of the marks.
    rows = Table.grid(padding=(0, 1))
    rows.add_column(width=1)
    rows.add_column(overflow="fold")
    for findings in places:
        rows.add_row("•", _found(findings, says))
        if excerpt := escaped(findings[0].evidence.excerpt):
            rows.add_row("", Text(f"  {excerpt}", no_wrap=True, overflow="ellipsis"))
    return rows


def by_place(findings: Sequence[Finding]) -> Sequence[Sequence[Finding]]:
    """Finds at one line together; the places in the order of their strongest find."""
    places: dict[Location, list[Finding]] = {}
    for finding in findings:
        places.setdefault(finding.evidence.location, []).append(finding)
    return list(places.values())


def _found(findings: Sequence[Finding], says: Says) -> Text:
    location = findings[0].evidence.location
    place = escaped(location.path, max_chars=MAX_PLACE_CHARS) or "the whole artifact"
    if location.line:
        place = f"{place}:{location.line}"
    sentences = dict.fromkeys(
        escaped(finding.evidence.detail) or says(finding.evidence.feature) for finding in findings
    )
    # "decodes and executes" says nothing beside "decodes and executes; it runs at import".
    telling = [
        one for one in sentences if not any(one in other for other in sentences.keys() - {one})
    ]
    words = "; ".join(telling[:MAX_SENTENCES])
    surface = findings[0].evidence.surface
    # "runs when called" says little about code and nothing about a licence.
    is_news = surface is not Surface.OTHER and surface.value not in words
    return Text.assemble((place, "cyan"), f"  {words}", f" ({surface.value})" if is_news else "")


def _chain(decision: Decision) -> str:
    context = decision.context
    chain = " → ".join(escaped(name, max_chars=60) for name in context.required_by)
    if len(chain) > MAX_CHAIN_CHARS:
        chain = f"{chain[:MAX_CHAIN_CHARS]}…"
    if not chain:
        return "the command line"
    return f"{chain} (to build it)" if context.is_build_requirement else chain


def _what_now(decision: Decision) -> str:
    if decision.action is Action.ASK:
        return "Nothing of it has run. 'No' ends pip, and nothing of the set is installed."
    nothing_happened = "Nothing of it has run, nothing of the set was installed."
    match decision.rule:
        case "deny" | "private-names":
            advice = "'safe-pip policy show' tells which file says so."
        case "minimum-release-age" | "unknown-age":
            advice = "Wait, or ask pip for an older release."
        case "unscannable":
            advice = "What cannot be read in full is not let through; is the file damaged?"
        case "block-above" | "advisories":
            advice = (
                "If you did not expect this, check the spelling of the name, and tell the "
                "index's administrators."
            )
        case _:
            advice = "Run it at a terminal to be asked, or see docs/policy.md."
    return f"{nothing_happened} {advice}"
