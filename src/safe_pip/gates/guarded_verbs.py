"""Guarded verbs: which of pip's need the gate."""

from __future__ import annotations

from collections.abc import Sequence

# These fetch nothing that could run. What is not known here, such as a verb of a later pip or an
# option in front of the verb, goes through the gate, where it behaves as it does without.
UNGUARDED_VERBS = frozenset(
    {
        *("cache", "check", "completion", "config", "debug", "freeze", "hash", "help"),
        *("index", "inspect", "list", "search", "show", "uninstall"),
    }
)


def needs_gate(arguments: Sequence[str]) -> bool:
    """Whether pip could fetch something with these arguments."""
    return bool(arguments) and arguments[0] not in UNGUARDED_VERBS
