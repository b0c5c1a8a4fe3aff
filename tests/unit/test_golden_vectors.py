"""Golden vectors: what extractors see does not drift, neither by accident nor between Pythons."""

from __future__ import annotations

import sys

import pytest

from safe_pip.evidence import Evidence
from tests.golden.cases import CASES, NEWER_SYNTAX, Case, NewerSyntax
from tests.golden.vectors import FOLDER, golden_path, golden_text
from tests.sources import code_evidence, places


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_vector_is_the_golden_one(case: Case) -> None:
    assert golden_text(case) == golden_path(case).read_text(encoding="utf-8"), (
        "if this is meant: python -m tests.golden.vectors"
    )


@pytest.mark.parametrize("case", NEWER_SYNTAX, ids=lambda case: case.name)
def test_newer_syntax_shows_what_the_older_shows(case: NewerSyntax) -> None:
    line, feature = case.shows
    newer = code_evidence({"demo/__init__.py": case.source})
    assert ("demo/__init__.py", line) in places(newer, feature)
    if sys.version_info >= case.needs:
        older = code_evidence({"demo/__init__.py": case.older})
        assert _seen(newer) == _seen(older)


def _seen(evidence: list[Evidence]) -> set[tuple[str, int, str, float]]:
    return {(item.feature, item.location.line, item.surface.name, item.value) for item in evidence}


def test_every_golden_file_is_of_a_case() -> None:
    assert set(FOLDER.iterdir()) == set(map(golden_path, CASES))
