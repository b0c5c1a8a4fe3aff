"""Opinion: what one rule says about an artifact, and what kind of allow entry sets it aside."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from safe_pip.policy.settings import Action


class Lift(enum.Enum):
    """What kind of allow entry sets a rule aside."""

    NEVER = "never"
    DIGEST = "an entry with the artifact's digest"
    ANY = "any entry that covers it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    action: Action
    rule: str
    reason: str
    lift: Lift
