"""Hard rules: what settles a decision by itself, whatever the score, and is named where it does.

A rule may block only if what it names has no honest use, and no benign row of training and
validation shows it; ``python -m model.hard_rules`` counts them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from safe_pip.evidence import Evidence, Surface
from safe_pip.verdict import RuleHit


@dataclass(frozen=True, slots=True, kw_only=True)
class HardRule:
    """Any of the features on any of the surfaces, in evidence of at least the value ``least``: 1 is
    a flow that was followed, less is steps that stand together. ``in_data`` asks for a place in a
    file that Python takes for no module. ``says`` follows the place."""

    name: str
    surfaces: frozenset[Surface]
    features: frozenset[str]
    says: str
    least: float = 0.0
    in_data: bool = False

    def holds_for(self, item: Evidence) -> bool:
        # ``is_about`` asks the same again, after a call that most evidence is spared.
        return (
            item.feature in self.features
            and item.value >= self.least
            and self.is_about(item.feature, item.surface, item.location.path)
        )

    def is_about(self, feature: str, surface: Surface, path: str) -> bool:
        # A rule names few features and asks about all evidence, so that comes first.
        is_named = feature in self.features and surface in self.surfaces
        return is_named and (not self.in_data or _is_data(path))


def _is_data(path: str) -> bool:
    _, dot, suffix = path.rpartition("/")[2].rpartition(".")
    return bool(dot) and suffix not in ("py", "pyw", "pth")


_STARTUP = frozenset({Surface.STARTUP})
_INSTALLING = frozenset({Surface.SETUP, Surface.COMMAND_CLASS, Surface.BUILD_BACKEND})
_UNASKED = frozenset(surface for surface in Surface if surface.runs_unasked)

BLOCKING = (
    HardRule(
        name="startup-decodes",
        surfaces=_STARTUP,
        features=frozenset({"chain_decode_exec_unasked", "chain_decode_spawn_unasked"}),
        says="decodes hidden code and runs it at every interpreter start",
    ),
    HardRule(
        name="startup-fetches",
        surfaces=_STARTUP,
        features=frozenset({"chain_net_exec_unasked", "chain_net_write_exec_unasked"}),
        says="fetches code from the network and runs it at every interpreter start",
    ),
    HardRule(
        name="install-fetches",
        surfaces=_INSTALLING,
        features=frozenset({"chain_net_exec_unasked"}),
        says="fetches code from the network and executes it while installing",
        least=1.0,
    ),
    HardRule(
        name="install-decodes",
        surfaces=_INSTALLING,
        features=frozenset({"chain_decode_spawn_unasked"}),
        says="decodes a hidden command and starts it while installing",
        least=1.0,
    ),
    HardRule(
        name="install-reports",
        surfaces=_INSTALLING,
        features=frozenset({"chain_host_net_unasked"}),
        says="sends away what it learns of this machine while installing",
        least=1.0,
    ),
    HardRule(
        name="sends-secrets",
        surfaces=_UNASKED,
        features=frozenset({"chain_secret_net_unasked"}),
        says="reads stored secrets and sends them away without being called",
        least=1.0,
    ),
    HardRule(
        name="sends-environment",
        surfaces=_UNASKED,
        features=frozenset({"chain_env_net_unasked"}),
        says="sends the environment's variables away without being called",
        least=1.0,
    ),
    HardRule(
        name="remote-shell",
        surfaces=_UNASKED,
        features=frozenset({"chain_socket_shell_unasked"}),
        says="gives whoever it connects to a shell, without being called",
        least=1.0,
    ),
    HardRule(
        name="data-acts",
        surfaces=_UNASKED,
        features=frozenset({"net_out_unasked", "secret_read_unasked"}),
        says="is code in a data file, run without being called, that uses network or secrets",
        in_data=True,
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
        if rule.holds_for(item):
            yield RuleHit(
                name=rule.name, says=rule.says, path=place.path, line=place.line, is_block=True
            )
    if item.feature in telling:
        says = item.detail or item.feature
        yield RuleHit(name=TELLING, says=says, path=place.path, line=place.line)
