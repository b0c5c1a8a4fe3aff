"""Reviewers for the gate's tests: they decide by name, look at nothing, and remember."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from safe_pip.artifact import Artifact
from safe_pip.errors import EXIT_BLOCKED
from safe_pip.gates.reviewer import Arrival, Hold, Ruling


class RecordingReviewer:
    """Denies an artifact if one of ``denied`` is in the last part of its path, or if it is of
    one of the ``denied_origins``. ``on_rule`` is called with the arrivals first."""

    def __init__(
        self,
        *denied: str,
        denies: Callable[[Arrival], bool] = lambda _: False,
        on_rule: Callable[[Sequence[Arrival]], None] = lambda _: None,
    ) -> None:
        self._denied = denied
        self._denies = denies
        self._on_rule = on_rule
        self._lock = threading.Lock()
        self.begun: list[Artifact] = []
        self.needs: list[tuple[Arrival, ...]] = []

    @property
    def arrivals(self) -> list[Arrival]:
        return [arrival for need in self.needs for arrival in need]

    def arrival(self, name: str) -> Arrival:
        """The only arrival whose file or folder has that name."""
        found = [arrival for arrival in self.arrivals if arrival.artifact.path.name == name]
        assert len(found) == 1, (name, self.arrivals)
        return found[0]

    def begin(self, artifact: Artifact) -> None:
        with self._lock:
            self.begun.append(artifact)

    def rule(self, arrivals: Sequence[Arrival], *, hold: Hold) -> Sequence[Ruling]:  # noqa: ARG002
        with self._lock:
            self.needs.append(tuple(arrivals))
        self._on_rule(arrivals)
        return [self._ruling(arrival) for arrival in arrivals]

    def _ruling(self, arrival: Arrival) -> Ruling:
        name = arrival.artifact.path.name
        is_denied = self._denies(arrival) or any(word in name for word in self._denied)
        return Ruling(
            is_allowed=not is_denied,
            sha256=arrival.artifact.sha256 or "a folder",
            reason=f"{name} is denied by the test." if is_denied else "",
            exit_code=EXIT_BLOCKED if is_denied else 0,
        )
