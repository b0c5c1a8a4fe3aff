"""Policy and decision: the choice that a project or a person makes about a verdict."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime

from safe_pip.artifact import OriginKind
from safe_pip.verdict import Verdict


class Action(enum.Enum):
    """What to do with an artifact, from mild to strict."""

    ALLOW = "allow"
    ASK = "ask"
    BLOCK = "block"


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """How an artifact came to be wanted. ``required_by`` is the chain of requirements from the
    command line to this one, outermost first; empty if the user named it."""

    origin: OriginKind
    required_by: tuple[str, ...] = ()
    is_build_requirement: bool = False
    uploaded_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A choice about one verdict: never cached. ``rule`` names what decided (a policy key or
    ``model``); ``reason`` is one sentence for a person."""

    verdict: Verdict
    context: Context
    action: Action
    rule: str
    reason: str
