"""Tally: what a session came to, as the one line at its end."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Counts of artifacts (``on_several_indexes``, ``lost_attestations``: of projects that passed).
    ``below_limits``: let pass with finds that no limit was reached by.
    ``waited_seconds`` is how long pip waited for verdicts; the time in
    which a person thought about a question does not count."""

    inspected: int = 0
    from_memory: int = 0
    accepted: int = 0
    allowed_by_policy: int = 0
    below_limits: int = 0
    on_several_indexes: int = 0
    lost_attestations: int = 0
    refused: int = 0
    only_reported: int = 0
    waited_seconds: float = 0.0


def summary_line(tally: Tally) -> str:
    """Says what was found, never that something is safe."""
    if not tally.inspected:
        return "safe-pip: nothing to inspect: pip fetched nothing"
    found = [
        f"{count} {words}"
        for count, words in (
            (tally.refused, "not let through"),
            (tally.only_reported, "would not have been let through (report only)"),
            (tally.accepted, "accepted at the terminal"),
            (tally.allowed_by_policy, "allowed by the policy"),
            (tally.below_limits, "with finds below every limit"),
        )
        if count
    ]
    parts = [f"{tally.inspected} inspected"]
    if tally.from_memory:
        parts.append(f"{tally.from_memory} from memory")
    parts += found or ["no finding"]
    if tally.on_several_indexes:
        # Not a finding, but what an attack by confusion looks like.
        noun = "project" if tally.on_several_indexes == 1 else "projects"
        parts.append(f"{tally.on_several_indexes} {noun} on several indexes")
    if tally.lost_attestations:
        # Nor is this, but what an upload with a stolen password looks like.
        noun = "project" if tally.lost_attestations == 1 else "projects"
        parts.append(
            f"{tally.lost_attestations} {noun} without the attestation that earlier releases have"
        )
    return f"safe-pip: {', '.join(parts)}; pip waited {tally.waited_seconds:.1f} s"
