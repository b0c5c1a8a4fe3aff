"""Wording: how decisions are told, in the same words on the terminal and by pip."""

from __future__ import annotations

from typing import TYPE_CHECKING

from safe_pip.escaping import escaped

if TYPE_CHECKING:
    from safe_pip.policy.rules import Decision
    from safe_pip.verdict import Verdict

MAX_NAME_CHARS = 100


def release_name(verdict: Verdict) -> str:
    """Name and version if both are known, else the file; escaped."""
    if verdict.project is None or verdict.version is None:
        return escaped(verdict.filename, max_chars=MAX_NAME_CHARS)
    return escaped(f"{verdict.project} {verdict.version}", max_chars=MAX_NAME_CHARS)


def conditional_outcome(decision: Decision) -> str:
    """As ``outcome``, for a run that only reports."""
    verb = "asked about" if decision.action.value == "ask" else "blocked"
    would = f"{release_name(decision.verdict)} would be {verb}"
    return f"report only: {would}: {escaped(decision.reason)} [{decision.rule}]"


def outcome(decision: Decision, *, verb: str) -> str:
    """One sentence: which release, what became of it (``verb``, a participle), and why."""
    return f"{release_name(decision.verdict)} was {verb}: {escaped(decision.reason)}."
