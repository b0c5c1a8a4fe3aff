"""What the cells of the matrix came to: lines of JSON in a file, so that a run can be stopped and go
on, and the table that is drawn from them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from packaging.version import Version


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One run of one cell. ``commit`` is what was tested; ``tests`` is empty for all of the gate's;
    ``failures`` are pytest's lines about them. ``day`` is an ISO date."""

    pip: str
    python: str
    commit: str
    day: str
    tests: tuple[str, ...] = ()
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    failures: tuple[str, ...] = ()

    @property
    def is_good(self) -> bool:
        return self.passed > 0 and self.failed == 0 and not self.failures

    @property
    def counts(self) -> str:
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


def read_outcomes(path: Path) -> list[Outcome]:
    """Those in the file; none if there is no such file."""
    if not path.exists():
        return []
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        fields = json.loads(line)
        fields |= {name: tuple(fields[name]) for name in ("tests", "failures")}
        found.append(Outcome(**fields))
    return found


def add_outcome(path: Path, outcome: Outcome) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(outcome)) + "\n")


def latest(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """The last of each cell that ran all of the gate's tests, by pip and Python."""
    last = {(outcome.pip, outcome.python): outcome for outcome in outcomes if not outcome.tests}
    return sorted(
        last.values(), key=lambda outcome: (Version(outcome.pip), Version(outcome.python))
    )


def table(outcomes: Sequence[Outcome]) -> str:
    """Markdown: a line for each cell, and the sums."""
    lines = ["| pip | Python | passed | failed | skipped | commit | day |", "|---" * 7 + "|"]
    lines += [
        f"| {one.pip} | {one.python} | {one.passed} | {one.failed} | {one.skipped}"
        f" | {one.commit} | {one.day} |"
        for one in outcomes
    ]
    passed, failed, skipped = (
        sum(getattr(one, name) for one in outcomes) for name in ("passed", "failed", "skipped")
    )
    lines.append(f"| {len(outcomes)} cells | | {passed} | {failed} | {skipped} | | |")
    return "\n".join(lines)
