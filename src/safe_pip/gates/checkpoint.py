"""The checkpoint: turns what the child needs into rulings, and remembers the first no."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

from safe_pip.artifact import Artifact
from safe_pip.errors import EXIT_BLOCKED, EXIT_UNSCANNABLE, GateError, UnscannableError
from safe_pip.gates.fingerprint import Fingerprint, holds_still, take_fingerprint
from safe_pip.gates.protocol import Answer, Item, Need, Plan
from safe_pip.gates.reviewer import Arrival, Hold, Reviewer, Ruling
from safe_pip.gates.self_protection import find_breakage
from safe_pip.policy.rules import Context

_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A no. ``reason`` is one printable line; ``exit_code`` is the one safe-pip ends with."""

    reason: str
    exit_code: int


# Not a judgement about anything: pip's own exit status says what became of it.
INTERRUPTED = Refusal(reason="It was interrupted.", exit_code=130)


class Checkpoint:
    """One for a session, called by the threads of all its connections.

    The first refusal is final: whatever is needed after it is refused as well, so that pip
    cannot go on with something else. The reviewer may still be loading when the first artifact
    arrives.
    """

    def __init__(
        self, reviewer: Future[Reviewer], *, expect: Callable[[str, str], None] | None = None
    ) -> None:
        self._reviewer = reviewer
        self._expect = expect
        self._lock = threading.Lock()
        self._refusal: Refusal | None = None
        self._fingerprints: dict[Path, Fingerprint] = {}
        self._begun: set[Artifact] = set()

    @property
    def refusal(self) -> Refusal | None:
        return self._refusal

    def refuse(self, reason: str, *, exit_code: int = EXIT_UNSCANNABLE) -> Refusal:
        """Ends the session's luck; gives the refusal that stands, which is the first."""
        with self._lock:
            if self._refusal is None:
                self._refusal = Refusal(reason=_printable(reason), exit_code=exit_code)
            return self._refusal

    def interrupt(self) -> None:
        """Ctrl-C: whatever comes after it is refused, unless something was before."""
        with self._lock:
            self._refusal = self._refusal or INTERRUPTED

    def expect(self, filename: str, sha256: str) -> None:
        """Lets whoever inspects get ready for a file of this name and digest."""
        if self._expect is not None and self._refusal is None:
            try:
                self._expect(filename, sha256)
            except Exception:
                # Nothing counts on it; what arrives is inspected all the same, or refused.
                _LOGGER.debug("could not get ready for %r", filename, exc_info=True)

    def begin(self, items: Iterable[Item]) -> None:
        """Starts inspections of files. What goes wrong here counts only if the item is needed.

        A folder has no digest that binds it to what was inspected, so it is looked at when it
        is needed and never before.
        """
        for item in items:
            if self._refusal is not None:
                return
            if item.kind == "folder":
                continue
            try:
                artifact = self._artifact(item)
                if self._is_first(artifact):
                    self._reviewer.result().begin(artifact)
            except Exception:
                # The same will happen again, and count, when pip needs the item.
                _LOGGER.debug("could not begin with %s", item.path, exc_info=True)

    def plan(self, plan: Plan) -> None:
        """Refuses a set that would break the environment that safe-pip itself runs in."""
        if plan.prefix is None:
            return
        breakage = find_breakage(plan.wheels, plan.prefix, own_prefix=Path(sys.prefix))
        if breakage is not None:
            self.refuse(breakage, exit_code=EXIT_BLOCKED)

    def rule(self, need: Need, *, hold: Hold) -> Sequence[Answer] | Refusal:
        """One answer an item, or the refusal that stands. Anything unforeseen is a no."""
        if self._refusal is not None:
            return self._refusal
        try:
            return self._rule(need.items, hold)
        except UnscannableError as error:
            return self.refuse(f"{error}, so it was not inspected.")
        except Exception as error:
            # The gate's edge: whatever the reviewer could not handle means no.
            _LOGGER.debug("the review failed", exc_info=True)
            return self.refuse(f"The inspection failed: {type(error).__name__}: {error}")

    def _rule(self, items: Sequence[Item], hold: Hold) -> Sequence[Answer] | Refusal:
        arrivals = [self._arrival(item) for item in items]
        rulings = self._reviewer.result().rule(arrivals, hold=hold) if arrivals else []
        if len(rulings) != len(arrivals):
            raise GateError(f"{len(rulings)} rulings for {len(arrivals)} artifacts")
        denied = [ruling for ruling in rulings if ruling.is_allowed is not True]
        if denied:
            return self.refuse(_reasons(denied), exit_code=_exit_code(denied))
        answers = []
        for item, arrival, ruling in zip(items, arrivals, rulings, strict=True):
            answers.append(self._answer(item, arrival.artifact, ruling))
        # Another connection may have been refused while this one waited.
        return self._refusal or answers

    def _answer(self, item: Item, artifact: Artifact, ruling: Ruling) -> Answer:
        """The bytes that were judged must be those that were fingerprinted, and still be there."""
        if item.kind == "folder":
            return Answer(sha256=ruling.sha256, identity=None)
        fingerprint = self._fingerprints[item.path]
        is_same = ruling.sha256 == artifact.sha256 == fingerprint.sha256
        if not is_same or not holds_still(item.path, fingerprint):
            raise UnscannableError(
                f"{item.path.name} changed while it was inspected", reason="changing"
            )
        return Answer(sha256=fingerprint.sha256, identity=fingerprint.identity)

    def _arrival(self, item: Item) -> Arrival:
        return Arrival(
            artifact=self._artifact(item),
            context=Context(
                origin=item.origin,
                required_by=item.required_by,
                requested_in=item.requested_in,
                is_build_requirement=item.is_build_requirement,
                uploaded_at=item.uploaded_at,
                project=item.project,
                index_url=item.index_url,
                yanked=item.yanked,
                project_status=item.project_status,
                page_format=item.page_format,
                releases=item.releases,
                provenance_url=item.provenance_url,
                attested_before=item.attested_before,
                other_indexes=item.other_indexes,
            ),
            parent_sha256=item.parent_sha256,
        )

    def _is_first(self, artifact: Artifact) -> bool:
        with self._lock:
            is_first = artifact not in self._begun
            self._begun.add(artifact)
        return is_first

    def _artifact(self, item: Item) -> Artifact:
        sha256 = None
        if item.kind == "file":
            known = self._fingerprints.get(item.path)
            if known is None or not holds_still(item.path, known):
                known = take_fingerprint(item.path)
                self._fingerprints[item.path] = known
            sha256 = known.sha256
        elif not item.path.is_dir():
            raise UnscannableError(f"{item.path.name} is not a folder", reason="not-a-folder")
        return Artifact(path=item.path, origin=item.origin, sha256=sha256, url=item.url)


def _reasons(denied: Sequence[Ruling]) -> str:
    return " ".join(dict.fromkeys(ruling.reason for ruling in denied)) or "It was not allowed."


def _exit_code(denied: Sequence[Ruling]) -> int:
    """Blocked before declined before not inspected, as the numbers are ordered."""
    return min((ruling.exit_code for ruling in denied if ruling.exit_code), default=EXIT_BLOCKED)


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)
