"""The seam between a gate, where artifacts arrive, and whoever decides about them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from safe_pip.artifact import Artifact
from safe_pip.policy.rules import Context


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """An artifact that pip needs now, and why.

    ``parent_sha256`` is the digest of what this one came out of, so that one question covers
    them all: of the archive for the tree that pip unpacked and for the wheel that was built, of
    the folder (as its ruling gave it) for a wheel built from one. None for what arrived by
    itself.
    """

    artifact: Artifact
    context: Context
    parent_sha256: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """The answer about one arrival. Asked questions are already answered: it is yes or no.

    ``sha256`` is the digest of the bytes that were judged; ``reason`` is one sentence, shown by
    pip when the answer is no; ``exit_code`` is meaningful only then.
    """

    is_allowed: bool
    sha256: str
    reason: str
    exit_code: int = 0


class OpenQuestion(Protocol):
    """What ``hold()`` gives while a person is asked."""

    def is_moot(self) -> bool:
        """Whether nobody waits for the answer any more: pip has ended, or something else was
        refused meanwhile. Whoever reads from a terminal looks here now and then, because no
        signal ends such a read."""


Hold = Callable[[], AbstractContextManager[OpenQuestion | None]]


class Reviewer(Protocol):
    """Decides about arrivals. Both methods may be called from several threads."""

    def begin(self, artifact: Artifact) -> None:
        """Start inspecting, without waiting; an artifact that is never needed fails nothing."""

    def rule(self, arrivals: Sequence[Arrival], *, hold: Hold) -> Sequence[Ruling]:
        """One ruling an arrival, in order; waits for the inspections; asks at most once.

        ``hold()`` keeps pip's own output off the terminal while a question is open. Never
        raises for a bad artifact; anything it does raise, the gate answers with "no".
        """
