"""What the matrix keeps: read as it was written, the last word about each cell."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.matrix_results import Outcome, add_outcome, latest, read_outcomes, table

DOCS = Path(__file__).parents[2] / "docs"
GOOD = Outcome(pip="23.0", python="3.9", commit="c0ffee", day="2026-01-02", passed=7, skipped=2)
BAD = replace(GOOD, failed=1, failures=("FAILED tests/a.py::test_b",))


def test_what_is_added_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "results"
    assert read_outcomes(path) == []
    for outcome in (BAD, GOOD):
        add_outcome(path, outcome)
    assert read_outcomes(path) == [BAD, GOOD]


def test_a_cell_is_good_if_something_passed_and_nothing_failed() -> None:
    assert GOOD.is_good
    assert not BAD.is_good
    assert not replace(GOOD, passed=0).is_good
    assert not replace(GOOD, failures=("no tests ran",)).is_good


def test_the_last_run_of_all_tests_counts() -> None:
    part = replace(GOOD, tests=("tests/unit",), passed=1)
    newer = replace(GOOD, pip="22.3.1")
    older_pip = replace(GOOD, pip="23.0", python="3.10")
    assert latest([BAD, GOOD, part, newer, older_pip]) == [newer, GOOD, older_pip]


def test_the_table_has_a_line_for_each_cell_and_the_sums() -> None:
    lines = table([GOOD, replace(BAD, pip="24.0")]).splitlines()
    assert lines[2] == "| 23.0 | 3.9 | 7 | 0 | 2 | c0ffee | 2026-01-02 |"
    assert lines[-1] == "| 2 cells | | 14 | 1 | 4 | | |"


def test_the_documented_table_is_what_the_cells_came_to() -> None:
    outcomes = latest(read_outcomes(DOCS / "matrix.jsonl"))
    assert [outcome for outcome in outcomes if not outcome.is_good] == []
    assert table(outcomes) in (DOCS / "matrix.md").read_text(encoding="utf-8")
