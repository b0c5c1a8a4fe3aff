"""Hard rules: what settles a decision by itself, whatever the score, and is named where it does.

A rule may block only if no benign row of the tables shows it; ``python -m model.hard_rules``
counts them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from safe_pip.evidence import Evidence, Surface
from safe_pip.verdict import RuleHit


@dataclass(frozen=True, slots=True, kw_only=True)
class HardRule:
    """Any of the features on the surface. ``says`` follows the place of the evidence."""

    name: str
    surface: Surface
    features: frozenset[str]
    says: str


BLOCKING = (
    HardRule(
        name="startup-decodes",
        surface=Surface.STARTUP,
        features=frozenset({"chain_decode_exec_unasked", "chain_decode_spawn_unasked"}),
        says="decodes hidden code and runs it at every interpreter start",
    ),
    HardRule(
        name="startup-fetches",
        surface=Surface.STARTUP,
        features=frozenset({"chain_net_exec_unasked", "chain_net_write_exec_unasked"}),
        says="fetches code from the network and runs it at every interpreter start",
    ),
)
# Behaviour that many families of malware and no benign project of training shows: the model lifts
# the score of each such release to the question. Which it is, training says (model.train).
TELLING = "telling-behaviour"


def rule_hits(evidence: Iterable[Evidence], *, telling: Sequence[str] = ()) -> tuple[RuleHit, ...]:
    """One hit a rule, at its first place."""
    hits: dict[str, RuleHit] = {}
    for item in evidence:
        for hit in _hits(item, telling):
            hits.setdefault(hit.name, hit)
    return tuple(hits.values())


def _hits(item: Evidence, telling: Sequence[str]) -> Iterator[RuleHit]:
    place = item.location
    for rule in BLOCKING:
        if item.surface is rule.surface and item.feature in rule.features:
            yield RuleHit(
                name=rule.name, says=rule.says, path=place.path, line=place.line, is_block=True
            )
    if item.feature in telling:
        says = item.detail or item.feature
        yield RuleHit(name=TELLING, says=says, path=place.path, line=place.line)
