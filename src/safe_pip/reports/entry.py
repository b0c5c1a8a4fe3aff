"""Entries: what every writer of reports gets, a decision for each path in order."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Literal

from safe_pip.policy.rules import Action, Decision


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A decision and the path or file name by which its reader knows the artifact.

    ``came_out_of`` is the digest of what pip unpacked or built this one from, None for what
    arrived by itself. ``is_enforced`` is False where a run that only reports let pass what the
    decision would not.
    """

    path: str
    decision: Decision
    is_enforced: bool = True
    came_out_of: str | None = None

    @property
    def shown_path(self) -> str:
        """The path as valid Unicode: file names of Linux may hold any bytes."""
        return os.fsencode(self.path).decode("utf-8", errors="replace")

    @property
    def digest_of(self) -> Literal["archive", "files"] | None:
        """What the verdict's digest is of: only the bytes of an archive are the same everywhere;
        a folder and an installed copy have one of their files' names and contents."""
        if not self.decision.verdict.sha256:
            return None
        return "files" if self.decision.verdict.kind in ("directory", "installed") else "archive"

    @property
    def has_passed(self) -> bool:
        """Whether the policy has nothing against it, enforced or not."""
        return self.decision.action is Action.ALLOW


@dataclass(frozen=True, slots=True, kw_only=True)
class Scanner:
    """Who judged: ``id`` names model, features and version; the thresholds are the model's."""

    id: str
    version: str
    ask_above: float
    block_above: float
