"""Every kind of installation: allowed, it is plain pip's to the byte; denied, nothing of it ran."""

from __future__ import annotations

import shutil

import pytest

from safe_pip.errors import EXIT_BLOCKED
from tests.integration.conftest import Workshop, tree
from tests.integration.kinds import KINDS, Kind, make_managed_python, needs
from tests.integration.reviewers import RecordingReviewer

# What holds times, or is no business of pip's: it asks a rustc in PATH for its version.
_UNSTEADY = ("archives/", "tmp/", "marks", "cache/http", "cache/selfcheck", "home/.rustup")


def everything(workshop: Workshop) -> dict[str, str]:
    """Environment, home, working directory, sources and the cache of built wheels."""
    return {
        name: value
        for name, value in tree(workshop.folder).items()
        if not name.startswith(_UNSTEADY) and "/.git/" not in name
    }


def start_anew(workshop: Workshop) -> None:
    workshop.make_environment()
    workshop.forget_marks()
    for name in ("home", "work", "cache"):
        shutil.rmtree(workshop.folder / name, ignore_errors=True)
        (workshop.folder / name).mkdir()


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_allowed_is_plain_pip_s_to_the_byte(workshop: Workshop, kind: Kind) -> None:
    needs(workshop, kind.needs_pip)
    assert workshop.plain(*kind.prepare(workshop)) == 0
    expected, expected_marks = everything(workshop), workshop.marks
    start_anew(workshop)
    arguments = kind.prepare(workshop)
    reviewer = RecordingReviewer()
    assert workshop.guarded(reviewer, *arguments) == 0
    found = everything(workshop)
    assert found == expected
    assert workshop.marks == expected_marks
    assert workshop.leftovers == []
    assert reviewer.arrivals


@pytest.mark.parametrize("is_inner_alone", [True, False], ids=["inner", "all"])
@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_denied_changes_nothing_and_never_ran(
    workshop: Workshop, kind: Kind, is_inner_alone: bool
) -> None:
    needs(workshop, kind.needs_pip)
    arguments = kind.prepare(workshop)
    workshop.forget_marks()
    before = everything(workshop)
    reviewer = RecordingReviewer(
        denies=lambda arrival: not is_inner_alone or kind.inner in arrival.artifact.path.name
    )
    assert workshop.guarded(reviewer, *arguments) == EXIT_BLOCKED
    may_run = kind.may_run if is_inner_alone else ()
    assert {mark.split()[0] for mark in workshop.marks} <= set(may_run)
    changed = {name for name, value in everything(workshop).items() if before.get(name) != value}
    # Of what was allowed: pip keeps wheels that it built, and the checkout of an editable.
    kept = tuple(f"{place}/" for place in ("target/src", "cache/wheels"))
    assert [name for name in changed if not name.startswith(kept)] == []
    assert not [name for name in changed if name.startswith("cache/") and kind.inner in name]
    assert workshop.leftovers == []


def test_environment_that_a_distribution_manages_is_left_alone(workshop: Workshop) -> None:
    """What pip itself refuses comes to no question, and its exit status is pip's."""
    needs(workshop, "23.0.1")
    arguments = KINDS["wheels"].prepare(workshop)
    make_managed_python(workshop)
    before = everything(workshop)
    assert workshop.plain(*arguments) == 1
    reviewer = RecordingReviewer()
    assert workshop.guarded(reviewer, *arguments) == 1
    assert everything(workshop) == before
    assert reviewer.arrivals == []
    assert workshop.leftovers == []
