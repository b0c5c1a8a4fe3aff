"""Workers that begin before anything else: when they do, and that none is left behind."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from safe_pip.artifact import Artifact, OriginKind
from safe_pip.cache.store import VerdictStore
from safe_pip.cli.head_start import (
    HeadStart,
    has_something_new,
    is_remembered,
    remembers_anything,
)
from safe_pip.cli.surroundings import Surroundings
from safe_pip.inspection.inspector import Inspector
from safe_pip.inspection.processes import SpawnedProcess
from safe_pip.inspection.workers import Workers
from safe_pip.threats.feed import NoFeed
from tests.builders import write_wheel
from tests.fake_scanner import SCANNER_ID


@pytest.fixture
def started(home: Surroundings, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[SpawnedProcess]]:  # noqa: ARG001
    """The processes that were started, all of which must have ended after the test."""
    processes: list[SpawnedProcess] = []
    start = SpawnedProcess.__init__

    def note(process: SpawnedProcess, *arguments: object, **options: object) -> None:
        processes.append(process)
        start(process, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(SpawnedProcess, "__init__", note)
    yield processes
    assert all(process._process.returncode is not None for process in processes)


@pytest.mark.parametrize("has_copies", [False, True])
def test_the_worker_that_began_is_the_first(
    started: list[SpawnedProcess], has_copies: bool, tmp_path: Path
) -> None:
    with HeadStart(has_copies=has_copies) as head_start:
        head_start.begin()
        head_start.begin()
        worker = head_start.worker()
        artifact = Artifact(path=write_wheel(tmp_path), origin=OriginKind.SCANNED)
        assert worker.inspect(artifact, timeout_seconds=60).score == 0.01
        head_start.begin()
    assert len(started) == 1


@pytest.mark.parametrize("has_copies", [False, True])
def test_a_worker_that_nobody_took_ends(started: list[SpawnedProcess], has_copies: bool) -> None:
    with pytest.raises(ZeroDivisionError), HeadStart(has_copies=has_copies) as head_start:
        head_start.begin()
        raise ZeroDivisionError
    assert len(started) == 1


def test_nothing_is_started_for_who_comes_late(started: list[SpawnedProcess]) -> None:
    with HeadStart(has_copies=True) as head_start:
        pass
    head_start.begin()
    with pytest.raises(OSError, match="ending"):
        head_start.worker()
    assert started == []


def test_one_that_cannot_be_started_is_told_to_who_needs_it(
    home: Surroundings,  # noqa: ARG001
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr(subprocess, "Popen", fail)
    with HeadStart(has_copies=True) as head_start:
        head_start.begin()
        with pytest.raises(OSError, match="Cannot allocate"):
            head_start.worker()


def test_what_is_new_and_what_is_remembered(home: Surroundings, tmp_path: Path) -> None:
    known, new = write_wheel(tmp_path, "known"), write_wheel(tmp_path, "new")
    assert not remembers_anything()
    with HeadStart(has_copies=False) as head_start:
        inspector = Inspector(
            scanner_id=SCANNER_ID,
            workers=Workers(count=1, start=head_start.worker),
            store=VerdictStore(folder=home.verdicts_folder),
            feed=NoFeed(),
        )
        artifact = Artifact(path=known, origin=OriginKind.SCANNED)
        verdict = inspector.begin(artifact).result(60).verdict
    assert remembers_anything()
    assert is_remembered(known.name, sha256=verdict.sha256)
    assert not is_remembered(new.name, sha256=verdict.sha256)
    assert not has_something_new([str(known), "--an-option's-value", "nul\0"])
    assert has_something_new([str(known), str(new)])
    assert has_something_new([str(tmp_path)])
