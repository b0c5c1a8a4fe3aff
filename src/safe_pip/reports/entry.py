"""Entries: what every writer of reports gets, a decision for each path in order."""

from __future__ import annotations

import os
from dataclasses import dataclass

from safe_pip.policy.rules import Action, Decision


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A decision and the path or file name by which its reader knows the artifact."""

    path: str
    decision: Decision

    @property
    def shown_path(self) -> str:
        """The path as valid Unicode: file names of Linux may hold any bytes."""
        return os.fsencode(self.path).decode("utf-8", errors="replace")

    @property
    def has_passed(self) -> bool:
        return self.decision.action is Action.ALLOW


@dataclass(frozen=True, slots=True, kw_only=True)
class Scanner:
    """Who judged: ``id`` names model, features and version; the thresholds are the model's."""

    id: str
    version: str
    ask_above: float
    block_above: float
