"""Plain: a decision as lines without frames, marks, colours or columns, to be read aloud."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from safe_pip.escaping import escaped
from safe_pip.policy.rules import Decision
from safe_pip.policy.wording import outcome
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
    telling_words,
    verb,
    what_now,
)
from safe_pip.verdict import Finding, by_place


def code_lines(findings: Sequence[Finding]) -> Iterator[str]:
    line = code_at(findings)
    if line.text:
        yield f"The code: {line.text}"
    if words := telling_words(line):
        yield f"In it: {words}"


def plain_lines(decision: Decision, *, says: Says, is_full: bool = False) -> Iterator[str]:
    """What a panel says. Lines are not wrapped: a screen reader would stop at each end."""
    verdict = decision.verdict
    yield f"{heading(decision).capitalize()}. {outcome(decision, verb=verb(decision))}"
    yield f"It is: {', '.join(identity(decision))}."
    places = by_place(verdict.telling)
    if places:
        count = f"{len(places)} {'place' if len(places) == 1 else 'places'}"
        yield found_heading(decision, f"What was found, in {count}") + ":"
    max_places = MANY_PLACES if is_full else FEW_PLACES
    for number, findings in enumerate(places[:max_places], 1):
        place = place_name(findings, line_sign=", line ")
        yield f"{number}. {place}: {found_words(findings, says)}."
        yield from code_lines(findings)
        if decoded := decoded_literal(findings[0].evidence.excerpt):
            yield f"Decoded: {escaped(decoded)}"
    if (hidden := len(places) - max_places) > 0:
        yield f"And {hidden} more."
    yield f"Asked for by {chain(decision, arrow=', which needs ')}."
    for sentence in decision.not_checked:
        yield f"Not checked: {escaped(sentence)}."
    yield what_now(decision)
    if command := accepting_command(decision):
        yield f"If you have read its code and accept it, run: {command}"
