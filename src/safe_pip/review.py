"""Review: inspects what arrives, decides by policy, asks where policy says so."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from safe_pip.artifact import Artifact, OriginKind
from safe_pip.errors import (
    EXIT_BLOCKED,
    EXIT_DECLINED,
    EXIT_UNSCANNABLE,
    SafePipError,
)
from safe_pip.gates.reviewer import Arrival, Hold, Ruling
from safe_pip.inspection.inspector import Inspected, Inspecting
from safe_pip.policy.index_signals import INDEX_RULES
from safe_pip.policy.rules import (
    UNVOUCHED_ORIGINS,
    Action,
    Context,
    Decision,
    Policy,
    Thresholds,
    decide,
    without_a_person,
)
from safe_pip.policy.wording import outcome, release_name
from safe_pip.reports.entry import Entry
from safe_pip.scoring.hard_rules import BLOCKING
from safe_pip.terminal.desk import Reply
from safe_pip.terminal.tally import Tally
from safe_pip.verdict import Verdict

if TYPE_CHECKING:
    from packaging.utils import NormalizedName

    # Its module can use the network, which hardly any run needs.
    from safe_pip.threats.attestations import Attester

# Shorter waits are not worth a line on the terminal.
SLOW_SECONDS = 4.0

# What an allowed archive settles for its tree and for the wheel that is built from it: the score of
# what was found in it already, and what its index says.
_SETTLED_BY_THE_ARCHIVE = (
    frozenset({"ask-above", "block-above", "changes", "telling-behaviour"})
    | frozenset(rule.name for rule in BLOCKING)
) | INDEX_RULES


class Desk(Protocol):
    """Where a person sits, if one does; see terminal."""

    @property
    def is_attended(self) -> bool: ...

    def show_slow(self, filenames: Sequence[str]) -> None:
        """Say what pip is waiting for."""

    def show_blocked(self, decisions: Sequence[Decision]) -> None: ...

    def show_reported(self, decisions: Sequence[Decision]) -> None:
        """Say what would not pass, if anything were blocked."""

    def ask(self, decisions: Sequence[Decision], *, is_moot: Callable[[], bool]) -> Reply:
        """Show all the findings, ask once; anything but a clear yes is no. Once ``is_moot``,
        the question is withdrawn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """The first no of a session, which is the answer to everything after it."""

    reason: str
    exit_code: int


class Review:
    """The Reviewer of a session (gates.reviewer). Safe for several threads.

    With ``is_report_only``, what the policy has against an artifact that was inspected is told
    and does not count. What could not be inspected is refused as ever.
    """

    def __init__(
        self,
        *,
        inspector: Inspecting,
        policy: Policy,
        thresholds: Thresholds,
        desk: Desk,
        gaps: Sequence[str] = (),
        attester: Attester | None = None,
        is_report_only: bool = False,
        now: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
    ) -> None:
        self._inspector = inspector
        self._policy = policy
        self._thresholds = thresholds
        self._desk = desk
        self._gaps = gaps
        self._attester = attester
        self._is_report_only = is_report_only
        self._reported: set[str] = set()
        self._now = now
        self._begun: dict[tuple[Path, str | None], Future[Inspected]] = {}
        # One ruling at a time: two questions at once cannot be answered. It is held while a person
        # thinks, so the counts have another lock: Ctrl-C at a question must not wait for it.
        self._ruling_lock = threading.Lock()
        self._lock = threading.Lock()
        # What a person, and what an entry of the policy, let pass; by digest.
        self._accepted: dict[str, Verdict] = {}
        self._allowed: dict[str, Verdict] = {}
        # The digests of sources of which nobody vouches for the name.
        self._unvouched: set[str] = set()
        self._refusal: Refusal | None = None
        self._ruled: dict[tuple[str, str], tuple[Entry, Inspected]] = {}
        self._waited_seconds = 0.0
        self._asked_and_accepted = 0

    def begin(self, artifact: Artifact) -> None:
        with self._lock:
            key = (artifact.path, artifact.sha256)
            if key not in self._begun:
                self._begun[key] = self._inspector.begin(artifact)

    def rule(self, arrivals: Sequence[Arrival], *, hold: Hold) -> Sequence[Ruling]:
        if self._refusal is not None:
            return _all_refused(arrivals, self._refusal)
        try:
            found = self._inspected([arrival.artifact for arrival in arrivals])
            inspected = [
                self._advised(item, arrival.context.project)
                for arrival, item in zip(arrivals, found, strict=True)
            ]
        except SafePipError as error:
            return _all_refused(arrivals, Refusal(reason=str(error), exit_code=error.exit_code))
        with self._ruling_lock:
            if self._refusal is not None:
                return _all_refused(arrivals, self._refusal)
            return self._rule(arrivals, inspected, hold=hold)

    def tally(self) -> Tally:
        with self._lock:
            ruled = list(self._ruled.values())
            passed_by_policy = ("allow", "unattended")
            return Tally(
                inspected=len(ruled),
                from_memory=sum(inspected.is_from_memory for _, inspected in ruled),
                accepted=self._asked_and_accepted,
                allowed_by_policy=sum(
                    entry.has_passed and entry.decision.rule in passed_by_policy
                    for entry, _ in ruled
                ),
                below_limits=sum(
                    entry.has_passed
                    and entry.decision.rule == "model"
                    and bool(entry.decision.verdict.findings)
                    for entry, _ in ruled
                ),
                on_several_indexes=len(
                    {
                        entry.decision.context.project
                        for entry, _ in ruled
                        if entry.has_passed and entry.decision.context.other_indexes
                    }
                ),
                lost_attestations=len(
                    {
                        entry.decision.context.project
                        for entry, _ in ruled
                        if entry.has_passed and entry.decision.context.attested_before
                    }
                ),
                refused=sum(not entry.has_passed and entry.is_enforced for entry, _ in ruled),
                only_reported=sum(not entry.is_enforced for entry, _ in ruled),
                waited_seconds=self._waited_seconds,
            )

    def entries(self) -> Sequence[Entry]:
        """The decisions so far, each artifact once, in the order in which pip needed them."""
        with self._lock:
            return [entry for entry, _ in self._ruled.values()]

    def _rule(
        self, arrivals: Sequence[Arrival], inspected: Sequence[Inspected], *, hold: Hold
    ) -> Sequence[Ruling]:
        decisions = [
            self._decide(arrival, item.verdict)
            for arrival, item in zip(arrivals, inspected, strict=True)
        ]
        enforced = [decision for decision in decisions if self._is_enforced(decision)]
        blocked = _each_once(enforced, Action.BLOCK)
        asked = _each_once(enforced, Action.ASK)
        reported = self._unreported(
            decision for decision in decisions if not self._is_enforced(decision)
        )
        if reported:
            with hold():
                self._desk.show_reported(reported)
        if blocked:
            with hold():
                self._desk.show_blocked(blocked)
            self._refuse(blocked[0], exit_code=_blocked_exit_code(blocked))
        elif asked:
            # Noted as unanswered, which is what it stays if pip is interrupted meanwhile.
            self._note(arrivals, decisions, inspected)
            with hold() as question:
                is_moot = question.is_moot if question is not None else _never
                reply = self._desk.ask(asked, is_moot=is_moot)
            match reply:
                case Reply.YES:
                    self._asked_and_accepted += len(asked)
                    decisions = [
                        _accepted(decision) if self._is_enforced(decision) else decision
                        for decision in decisions
                    ]
                    for item in asked:
                        self._accepted |= _by_digest(item.verdict)
                case Reply.NO:
                    self._refuse(asked[0], exit_code=EXIT_DECLINED)
                case Reply.WITHDRAWN:
                    self._refuse(asked[0], exit_code=EXIT_UNSCANNABLE)
        self._note(arrivals, decisions, inspected)
        return [self._ruling(decision) for decision in decisions]

    def _decide(self, arrival: Arrival, verdict: Verdict) -> Decision:
        if arrival.context.origin in UNVOUCHED_ORIGINS:
            self._unvouched.add(verdict.sha256)
        decision = decide(
            verdict,
            self._policy,
            self._context(arrival),
            thresholds=self._thresholds,
            now=self._now(),
            gaps=self._gaps,
        )
        if decision.action is Action.ALLOW:
            if decision.rule == "allow":
                self._allowed |= _by_digest(verdict)
            return decision
        if decision.action is Action.ASK and self._is_answered(verdict, arrival.parent_sha256):
            return _accepted(decision)
        if decision.rule in _SETTLED_BY_THE_ARCHIVE and _shows_nothing_new(
            verdict, self._allowed.get(arrival.parent_sha256 or "")
        ):
            reason = "the policy allows the archive that it came out of"
            return replace(decision, action=Action.ALLOW, rule="allow", reason=reason)
        if self._is_enforced(decision) and not self._desk.is_attended:
            return without_a_person(decision, self._policy)
        return decision

    def _context(self, arrival: Arrival) -> Context:
        """With what is known of the source that it was built from, and the file's attestations, if
        the policy wants them and the index has some."""
        context, sha256 = arrival.context, arrival.artifact.sha256
        if context.origin is OriginKind.BUILT and arrival.parent_sha256 in self._unvouched:
            context = replace(context, is_of_unvouched_source=True)
        if self._attester is None or context.provenance_url is None or sha256 is None:
            return context
        attested = self._attester.check(
            arrival.artifact.path.name, sha256=sha256, provenance_url=context.provenance_url
        )
        return replace(context, attested=attested)

    def _is_enforced(self, decision: Decision) -> bool:
        """A security decision: only what was inspected in full can pass unenforced, and nothing
        that the organisation's policy speaks about."""
        if decision.action is Action.ALLOW or not self._is_report_only:
            return True
        if decision.rule in self._policy.held:
            return True
        return decision.verdict.unscannable is not None

    def _unreported(self, decisions: Iterable[Decision]) -> Sequence[Decision]:
        """Each release once, and not again for the tree or wheel that came out of it."""
        new = {
            name: decision
            for decision in decisions
            if (name := f"{release_name(decision.verdict)} {decision.rule}") not in self._reported
        }
        self._reported.update(new)
        return list(new.values())

    def _is_answered(self, verdict: Verdict, parent_sha256: str | None) -> bool:
        """Whether a person said yes to these bytes, or to the archive they came out of and
        everything that was found in them."""
        if verdict.sha256 and verdict.sha256 in self._accepted:
            return True
        return _shows_nothing_new(verdict, self._accepted.get(parent_sha256 or ""))

    def _inspected(self, artifacts: Sequence[Artifact]) -> Sequence[Inspected]:
        """Waits. Raises ModelError if nothing can be inspected."""
        started = time.monotonic()
        futures = [self._future(artifact) for artifact in artifacts]
        _, late = wait(futures, timeout=SLOW_SECONDS)
        if late:
            self._desk.show_slow(
                [
                    artifact.path.name
                    for artifact, future in zip(artifacts, futures, strict=True)
                    if future in late
                ]
            )
        inspected = [future.result() for future in futures]
        with self._lock:
            self._waited_seconds += time.monotonic() - started
        return inspected

    def _advised(self, inspected: Inspected, wanted: NormalizedName | None) -> Inspected:
        return replace(inspected, verdict=self._inspector.advised(inspected.verdict, wanted))

    def _future(self, artifact: Artifact) -> Future[Inspected]:
        self.begin(artifact)
        key = (artifact.path, artifact.sha256)
        with self._lock:
            if artifact.sha256 is not None:
                return self._begun[key]
            # A folder may be changed, or be another one under the same name, the next time.
            return self._begun.pop(key, None) or self._inspector.begin(artifact)

    def _refuse(self, decision: Decision, *, exit_code: int) -> None:
        self._refusal = Refusal(reason=_sentence(decision, exit_code), exit_code=exit_code)

    def _ruling(self, decision: Decision) -> Ruling:
        sha256 = decision.verdict.sha256
        if decision.action is Action.ALLOW or not self._is_enforced(decision):
            return Ruling(is_allowed=True, sha256=sha256, reason="")
        assert self._refusal is not None
        exit_code = self._refusal.exit_code
        if decision.action is Action.BLOCK:
            exit_code = _blocked_exit_code([decision])
        return Ruling(
            is_allowed=False,
            sha256=sha256,
            reason=_sentence(decision, exit_code),
            exit_code=exit_code,
        )

    def _note(
        self,
        arrivals: Sequence[Arrival],
        decisions: Sequence[Decision],
        inspected: Sequence[Inspected],
    ) -> None:
        with self._lock:
            for arrival, decision, item in zip(arrivals, decisions, inspected, strict=True):
                verdict = decision.verdict
                entry = Entry(
                    path=verdict.filename,
                    decision=decision,
                    is_enforced=self._is_enforced(decision),
                    came_out_of=arrival.parent_sha256,
                )
                self._ruled[verdict.filename, verdict.sha256] = (entry, item)


def _never() -> bool:
    return False


def _by_digest(verdict: Verdict) -> Mapping[str, Verdict]:
    """Nothing for what could not be read and has no digest: it is the archive of nothing else."""
    return {verdict.sha256: verdict} if verdict.sha256 else {}


def _shows_nothing_new(verdict: Verdict, parent: Verdict | None) -> bool:
    """Whether everything found in a tree or built wheel was found in its archive already: a hard
    rule as well, which looks at when code runs and not only at what it does."""
    if parent is None or verdict.unscannable is not None:
        return False
    seen = {finding.evidence.feature for finding in parent.telling}
    rules = {hit.name for hit in parent.rules}
    return all(finding.evidence.feature in seen for finding in verdict.telling) and all(
        hit.name in rules for hit in verdict.rules
    )


def _each_once(decisions: Iterable[Decision], action: Action) -> list[Decision]:
    chosen = {
        (decision.verdict.filename, decision.verdict.sha256): decision
        for decision in decisions
        if decision.action is action
    }
    return list(chosen.values())


def _accepted(decision: Decision) -> Decision:
    if decision.action is not Action.ASK:
        return decision
    return replace(
        decision, action=Action.ALLOW, reason=f"{decision.reason}; accepted at the terminal"
    )


def _blocked_exit_code(blocked: Sequence[Decision]) -> int:
    """Found before could-not-look: the first is the worse news."""
    is_unscannable = all(decision.rule == "unscannable" for decision in blocked)
    return EXIT_UNSCANNABLE if is_unscannable else EXIT_BLOCKED


def _sentence(decision: Decision, exit_code: int) -> str:
    verb = "declined" if exit_code == EXIT_DECLINED else "blocked"
    return f"safe-pip: {outcome(decision, verb=verb)}"


def _all_refused(arrivals: Sequence[Arrival], refusal: Refusal) -> Sequence[Ruling]:
    return [
        Ruling(
            is_allowed=False,
            sha256=arrival.artifact.sha256 or "",
            reason=refusal.reason,
            exit_code=refusal.exit_code,
        )
        for arrival in arrivals
    ]
