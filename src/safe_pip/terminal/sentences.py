"""Sentences: a decision in words, the same in a panel and in plain lines."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from packaging.utils import InvalidName, canonicalize_name
from packaging.version import InvalidVersion, Version

from safe_pip.escaping import escaped
from safe_pip.evidence import Surface
from safe_pip.policy.rules import Action, Decision
from safe_pip.policy.telling import MarkedLine, marked_line, telling_spans
from safe_pip.verdict import Finding

# Enough to see why; the question offers the rest.
FEW_PLACES = 4
# Nobody scrolls through more; ``safe-pip explain`` and the reports have no limit.
MANY_PLACES = 200
MAX_SENTENCES = 3
MAX_PLACE_CHARS = 120
MAX_CHAIN_CHARS = 300

# What the links of a chain are called when they stand alone, by their part of the chain's name.
_LINKS: Mapping[str, Sequence[str]] = {
    "decode": ("decode", "decode_depth"),
    "exec": ("dyn_exec",),
    "file": ("code_load",),
    "host": ("host_info",),
    "net": ("net_out",),
    "secret": ("secret_read",),
    "spawn": ("proc_spawn",),
    "write": ("file_write",),
}

# The sentence about a feature, by its name.
Says = Callable[[str], str]


def accepting_command(decision: Decision) -> str | None:
    """``policy allow`` for exactly these bytes, where such an entry would count."""
    verdict = decision.verdict
    if not decision.can_be_allowed or not verdict.sha256:
        return None
    try:
        # What goes into a shell is a name and a version, and nothing that looks like them.
        project = canonicalize_name(verdict.project or "", validate=True)
        release = f"{project}=={Version(verdict.version or '')}"
    except (InvalidName, InvalidVersion):
        return None
    return f"safe-pip policy allow {release} --sha256 {verdict.sha256} --reason 'why'"


def heading(decision: Decision) -> str:
    if decision.action is Action.ASK:
        return "your decision"
    return "not inspected" if decision.rule == "unscannable" else "blocked"


def verb(decision: Decision) -> str:
    """What became of the artifact, for wording.outcome."""
    return "held back" if decision.action is Action.ASK else "blocked"


def identity(decision: Decision) -> Sequence[str]:
    """Kind, file name, the beginning of the digest, and who signed it if that was proved."""
    verdict, attested = decision.verdict, decision.context.attested
    parts = [verdict.kind, escaped(verdict.filename, max_chars=100)]
    if verdict.sha256:
        parts.append(f"sha256 {verdict.sha256[:16]}…")
    if attested is not None and attested.publisher is not None:
        parts.append(f"published by {escaped(attested.publisher, max_chars=100)}")
    return parts


def found_heading(decision: Decision, words: str = "What was found") -> str:
    """The line above the places, which stand in the order of Verdict.telling."""
    change = decision.verdict.change
    if change is None or not change.is_suspicious:
        return words
    return f"{words}, first what is new since {escaped(change.previous, max_chars=60)}"


def place_name(findings: Sequence[Finding], *, line_sign: str = ":") -> str:
    location = findings[0].evidence.location
    place = escaped(location.path, max_chars=MAX_PLACE_CHARS) or "the whole artifact"
    return f"{place}{line_sign}{location.line}" if location.line else place


def code_at(findings: Sequence[Finding]) -> MarkedLine:
    """The line of code at one place, with what the finds are about.

    The line of the source, if what they are about is seen in it; else what was noted of the find,
    which may be a piece of the line, or of what its literals come to.
    """
    evidence = [finding.evidence for finding in findings]
    number, around = evidence[0].location.line, findings[0].around
    if around is not None and 0 <= number - around.first_line < len(around.lines):
        line = around.lines[number - around.first_line].strip()
        if telling_spans(line, evidence):
            return marked_line(line, evidence)
    return marked_line(evidence[0].excerpt, evidence)


def telling_words(line: MarkedLine) -> str:
    """The telling parts for ears, each once; empty if there are none."""
    return ", ".join(dict.fromkeys(part.strip() for part, is_telling in line.parts if is_telling))


def found_words(findings: Sequence[Finding], says: Says) -> str:
    """What was found at one place: when it runs, then what it does, whole chains first."""
    surface = findings[0].evidence.surface
    # Details of chains say it too, once for each of them.
    runs = f"; it {surface.value}"
    sentences = dict.fromkeys(
        escaped(finding.evidence.detail).removesuffix(runs) or says(finding.evidence.feature)
        for finding in _chains_first(findings)
    )
    # "decodes and executes" says nothing beside "decodes and executes a string".
    telling = [
        one for one in sentences if not any(one in other for other in sentences.keys() - {one})
    ]
    words = "; ".join(telling[:MAX_SENTENCES])
    # "runs when called" says little about code and nothing about a licence.
    is_news = surface is not Surface.OTHER and surface.value not in words
    return f"{surface.value}: {words}" if is_news else words


def _chains_first(findings: Sequence[Finding]) -> list[Finding]:
    """Without what a chain at the same place has among its links: "talks to the network" says
    nothing beside "fetches code from the network and executes it"."""
    names = [finding.evidence.feature.removesuffix("_unasked") for finding in findings]
    links = {link for name in names if name.startswith("chain_") for link in name.split("_")}
    told = {feature for link in links for feature in _LINKS.get(link, ())}
    kept = [
        (not name.startswith("chain_"), position)
        for position, name in enumerate(names)
        if name not in told
    ]
    return [findings[position] for _, position in sorted(kept)]


def chain(decision: Decision, *, arrow: str = " → ") -> str:
    """Who asked for it, from the command line on."""
    context = decision.context
    names = arrow.join(escaped(name, max_chars=60) for name in context.required_by)
    if len(names) > MAX_CHAIN_CHARS:
        names = f"{names[:MAX_CHAIN_CHARS]}…"
    if not names:
        return "the command line"
    return f"{names} (to build it)" if context.is_build_requirement else names


def what_now(decision: Decision) -> str:
    if decision.action is Action.ASK:
        doubt = "Is that the name you meant? " if decision.rule == "name-squats" else ""
        return f"{doubt}Nothing of it has run. 'No' ends pip, and nothing of the set is installed."
    nothing_happened = "Nothing of it has run, nothing of the set was installed."
    if decision.is_held:
        return (
            f"{nothing_happened} Your organisation's policy says so ('safe-pip policy show' tells "
            "which file): only an entry in it makes an exception."
        )
    hard_rules = {hit.name for hit in decision.verdict.rules if hit.is_block}
    match decision.rule:
        case "deny" | "private-names":
            advice = "'safe-pip policy show' tells which file says so."
        case "minimum-release-age" | "unknown-age":
            advice = (
                "Wait, or ask pip for an older release (--uploaded-prior-to, from pip 26.0 on)."
            )
        case "changes":
            advice = "Stay with the release that you have until somebody has read what is new."
        case "yanked":
            advice = "Ask pip for another version of it."
        case "quarantined":
            advice = "Wait for the index's administrators, or do without it."
        case "attestations":
            advice = "The policy wants a proof of who published it; see docs/policy.md."
        case "attestation-loss":
            advice = (
                "Did its maintainers mean to publish this release, and in another way? Ask them, "
                "or ask pip for the earlier one."
            )
        case "several-indexes":
            advice = "If you know where it belongs, say so under private-names (docs/policy.md)."
        case "name-squats":
            advice = (
                "Check the spelling of the name. If it is right, name it under name-squats-exempt "
                "(docs/policy.md)."
            )
        case "unscannable":
            advice = "What cannot be read in full is not let through; is the file damaged?"
        case rule if rule in ("block-above", "advisories") or rule in hard_rules:
            advice = (
                "If you did not expect this, check the spelling of the name, and tell the "
                "index's administrators."
            )
        case _:
            advice = "Run it at a terminal to be asked, or see docs/policy.md."
    return f"{nothing_happened} {advice}"
