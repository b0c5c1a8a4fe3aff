"""The other guarded verbs: what is denied is neither saved nor built."""

from __future__ import annotations

import pytest

from safe_pip.errors import EXIT_BLOCKED, UsageError
from safe_pip.gates.guarded_verbs import needs_gate
from safe_pip.gates.pip_gate import run_unguarded
from tests.builders import write_wheel
from tests.integration.canaries import write_canary_sdist, write_pth_wheel
from tests.integration.conftest import Workshop, tree
from tests.integration.reviewers import RecordingReviewer


def _archives(workshop: Workshop) -> None:
    write_pth_wheel(workshop.archives, "alpha")
    write_wheel(workshop.archives, "beta", headers={"Requires-Dist": "alpha"})
    write_canary_sdist(workshop.archives, "gamma")


@pytest.mark.parametrize("verb", ["download", "wheel"])
def test_allowed_files_equal_those_of_plain_pip(workshop: Workshop, verb: str) -> None:
    _archives(workshop)
    assert workshop.plain(verb, "--no-cache-dir", "beta", "gamma") == 0
    expected = tree(workshop.work)
    for path in workshop.work.iterdir():
        path.unlink()
    reviewer = RecordingReviewer()
    assert workshop.guarded(reviewer, verb, "--no-cache-dir", "beta", "gamma") == 0
    assert tree(workshop.work) == expected


@pytest.mark.parametrize("verb", ["download", "wheel"])
@pytest.mark.parametrize("denied", ["alpha", "gamma"])
def test_denied_files_are_not_saved(workshop: Workshop, verb: str, denied: str) -> None:
    _archives(workshop)
    reviewer = RecordingReviewer(denied)
    assert workshop.guarded(reviewer, verb, "--no-deps", denied) == EXIT_BLOCKED
    assert tree(workshop.work) == {}
    assert workshop.marks == []


def test_a_set_to_download_is_one_need(workshop: Workshop) -> None:
    _archives(workshop)
    reviewer = RecordingReviewer("alpha")
    assert workshop.guarded(reviewer, "download", "beta") == EXIT_BLOCKED
    assert [len(need) for need in reviewer.needs] == [2]
    assert tree(workshop.work) == {}


def test_file_already_in_the_download_folder_is_inspected(workshop: Workshop) -> None:
    _archives(workshop)
    write_pth_wheel(workshop.work, "alpha")
    reviewer = RecordingReviewer("alpha")
    assert workshop.guarded(reviewer, "download", "alpha") == EXIT_BLOCKED


def test_lock_runs_no_denied_build(workshop: Workshop) -> None:
    _archives(workshop)
    if workshop.guarded(RecordingReviewer(), "lock", "--help") != 0:
        pytest.skip("this pip has no lock")
    reviewer = RecordingReviewer("gamma")
    assert workshop.guarded(reviewer, "lock", "gamma") == EXIT_BLOCKED
    assert workshop.marks == []
    assert tree(workshop.work) == {}


def test_lock_of_wheels_asks_about_what_it_downloads(workshop: Workshop) -> None:
    _archives(workshop)
    if workshop.guarded(RecordingReviewer(), "lock", "--help") != 0:
        pytest.skip("this pip has no lock")
    workshop.index.has_metadata_files = False
    assert workshop.guarded(RecordingReviewer("alpha"), "lock", "alpha") == EXIT_BLOCKED
    assert tree(workshop.work) == {}
    assert workshop.guarded(RecordingReviewer(), "lock", "alpha") == 0
    assert "pylock.toml" in tree(workshop.work)


def test_unguarded_verbs_pass_to_pip(workshop: Workshop, capfd: pytest.CaptureFixture[str]) -> None:
    write_wheel(workshop.archives, "alpha")
    assert workshop.plain("install", "alpha") == 0
    assert run_unguarded(workshop.target, ["list"], environ=workshop.environ) == 0
    assert "alpha" in capfd.readouterr().out
    arguments = ["uninstall", "-y", "alpha"]
    assert run_unguarded(workshop.target, arguments, environ=workshop.environ) == 0
    assert workshop.installed() == []


def test_guarded_verbs_do_not_run_without_the_gate(workshop: Workshop) -> None:
    for arguments in (["install", "alpha"], ["--isolated", "install", "alpha"], ["sync"]):
        assert needs_gate(arguments)
        with pytest.raises(UsageError):
            run_unguarded(workshop.target, arguments, environ=workshop.environ)
