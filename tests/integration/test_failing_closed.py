"""Whatever breaks, nothing that was not inspected gets through."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from safe_pip.artifact import Artifact, OriginKind
from safe_pip.errors import (
    EXIT_BLOCKED,
    EXIT_UNSCANNABLE,
    ModelError,
    UnsupportedPipError,
)
from safe_pip.gates.reviewer import Arrival, Hold, Ruling
from tests.builders import make_zip, write_sdist, write_wheel
from tests.integration.canaries import (
    project_built_by,
    write_canary_sdist,
    write_pth_wheel,
    write_tool_wheel,
)
from tests.integration.conftest import Workshop
from tests.integration.known_target import run_pip
from tests.integration.reviewers import RecordingReviewer

pytestmark = pytest.mark.fault

REPOSITORY = Path(__file__).resolve().parents[2]


@contextmanager
def parent_that_acts(
    workshop: Workshop, act: str, moment: str, count: int, *arguments: str
) -> Iterator[subprocess.Popen[str]]:
    """A parent in a process group of its own, as a terminal would start it."""
    target = workshop.target
    spec = {
        "python": str(target.python),
        "pip_root": str(target.pip_root),
        "pip_version": target.pip_version,
        "arguments": arguments,
        "act": act,
        "moment": moment,
        "count": count,
    }
    command = [sys.executable, "-m", "tests.integration.parent", json.dumps(spec)]
    with subprocess.Popen(
        command,
        cwd=REPOSITORY,
        env=workshop.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as parent:
        try:
            yield parent
        finally:
            if parent.poll() is None:
                os.killpg(parent.pid, signal.SIGKILL)


# An sdist with a build requirement needs, in this order: archive, tree, tool, built wheel, set.
KILLED = [
    pytest.param("begin", 1, [], id="begin-1"),
    pytest.param("rule", 1, [], id="archive"),
    pytest.param("rule", 2, [], id="tree"),
    pytest.param("rule", 3, [], id="build-requirement"),
    pytest.param("rule", 4, ["tool"], id="built-wheel"),
    pytest.param("rule", 5, ["tool"], id="barrier"),
]


@pytest.mark.parametrize(("moment", "count", "may_have_run"), KILLED)
def test_parent_killed_while_pip_waits(
    workshop: Workshop, moment: str, count: int, may_have_run: list[str]
) -> None:
    write_tool_wheel(workshop.archives, "tool")
    write_pth_wheel(workshop.archives, "beta")
    write_sdist(workshop.archives, "alpha", files=project_built_by("alpha", "tool"))
    before = workshop.installed()
    with parent_that_acts(workshop, "kill", moment, count, "install", "alpha", "beta") as parent:
        # The child holds the other end of the pipe: this waits for both to end.
        output, _ = parent.communicate(timeout=60)
    assert parent.returncode == -signal.SIGKILL
    assert {mark.split()[0] for mark in workshop.marks} <= set(may_have_run), output
    assert workshop.installed() == before
    kept = list((workshop.folder / "cache" / "wheels").rglob("alpha*.whl"))
    assert not kept or count == 5, "a built wheel that nobody ruled about"


def test_interrupt_ends_pip_and_leaves_nothing(workshop: Workshop) -> None:
    write_wheel(workshop.archives, "alpha")
    with parent_that_acts(workshop, "wait", "rule", 1, "install", "alpha") as parent:
        assert parent.stdout is not None
        while "waiting" not in parent.stdout.readline():
            pass
        os.killpg(parent.pid, signal.SIGINT)
        output = parent.stdout.read()
        assert parent.wait(30) == 1
    assert "Operation cancelled by user" in output
    assert workshop.installed() == []
    assert workshop.leftovers == []


def test_termination_ends_the_child_and_leaves_no_session(workshop: Workshop) -> None:
    write_wheel(workshop.archives, "alpha")
    with parent_that_acts(workshop, "wait", "rule", 1, "install", "alpha") as parent:
        assert parent.stdout is not None
        while "waiting" not in parent.stdout.readline():
            pass
        parent.terminate()
        parent.stdout.read()
        assert parent.wait(30) == 128 + signal.SIGTERM
    assert workshop.installed() == []
    assert not [name for name in workshop.leftovers if name.startswith("safe-pip-")]


class _Raising(RecordingReviewer):
    def rule(self, arrivals: Sequence[Arrival], *, hold: Hold) -> Sequence[Ruling]:  # noqa: ARG002
        raise RuntimeError("a defect")


class _TooFew(RecordingReviewer):
    def rule(self, arrivals: Sequence[Arrival], *, hold: Hold) -> Sequence[Ruling]:
        return super().rule(arrivals, hold=hold)[1:]


class _OtherBytes(RecordingReviewer):
    def rule(self, arrivals: Sequence[Arrival], *, hold: Hold) -> Sequence[Ruling]:  # noqa: ARG002
        return [Ruling(is_allowed=True, sha256="0" * 64, reason="") for _ in arrivals]


@pytest.mark.parametrize("reviewer", [_Raising(), _TooFew(), _OtherBytes()])
def test_broken_review_is_a_no(workshop: Workshop, reviewer: RecordingReviewer) -> None:
    write_wheel(workshop.archives, "alpha")
    assert workshop.guarded(reviewer, "install", "alpha") == EXIT_UNSCANNABLE
    assert workshop.installed() == []


def test_reviewer_that_cannot_be_made_installs_nothing(workshop: Workshop) -> None:
    def make() -> RecordingReviewer:
        raise ModelError("the model is missing")

    write_wheel(workshop.archives, "alpha")
    with pytest.raises(ModelError):
        run_pip(workshop.target, ["install", "alpha"], make, environ=workshop.environ)
    assert workshop.installed() == []


def test_failing_head_start_fails_nothing(workshop: Workshop) -> None:
    class Reviewer(RecordingReviewer):
        def begin(self, artifact: Artifact) -> None:  # noqa: ARG002
            raise RuntimeError("a defect")

    write_wheel(workshop.archives, "alpha")
    assert workshop.guarded(Reviewer(), "install", "alpha") == 0


def test_file_swapped_while_it_is_judged(workshop: Workshop) -> None:
    links = workshop.folder / "links"
    links.mkdir()
    wheel = write_wheel(links, "alpha")
    evil = write_pth_wheel(workshop.archives, "alpha")

    def swap(_: Sequence[Arrival]) -> None:
        shutil.copyfile(evil, wheel)

    reviewer = RecordingReviewer(on_rule=swap)
    arguments = ["install", "--no-index", "--find-links", str(links), "alpha"]
    assert workshop.guarded(reviewer, *arguments) == EXIT_UNSCANNABLE
    assert workshop.installed() == []


def test_file_swapped_after_it_was_allowed(
    workshop: Workshop, capfd: pytest.CaptureFixture[str]
) -> None:
    """The wheel that was built from alpha is replaced while beta's is judged."""
    evil = write_pth_wheel(workshop.folder, "alpha")
    write_canary_sdist(workshop.archives, "alpha")
    write_wheel(workshop.archives, "beta")
    built: list[Path] = []

    def swap(arrivals: Sequence[Arrival]) -> None:
        for arrival in arrivals:
            if arrival.context.origin is OriginKind.BUILT:
                built.append(arrival.artifact.path)
            elif arrival.artifact.path.name.startswith("beta"):
                shutil.copyfile(evil, built[0])

    reviewer = RecordingReviewer(on_rule=swap)
    status = workshop.guarded(reviewer, "install", "alpha", "beta")
    assert status == EXIT_UNSCANNABLE
    assert "changed after it was inspected" in capfd.readouterr().err
    assert not [name for name in workshop.installed() if name.startswith("alpha")]


def test_archive_that_is_a_zip_and_a_tar_is_refused(workshop: Workshop) -> None:
    path = write_canary_sdist(workshop.archives, "alpha")
    path.write_bytes(path.read_bytes() + make_zip([("alpha-1.0/setup.py", "")]))
    assert workshop.guarded(RecordingReviewer(), "install", "alpha") == EXIT_UNSCANNABLE
    assert workshop.marks == []


def test_refusal_is_final(workshop: Workshop) -> None:
    """A resolver that went on with an older version would be refused as well."""
    write_canary_sdist(workshop.archives, "alpha")
    write_wheel(workshop.archives, "alpha", "0.9")
    reviewer = RecordingReviewer("alpha-1.0")
    assert workshop.guarded(reviewer, "install", "alpha") == EXIT_BLOCKED
    assert workshop.installed() == []


def test_forged_variables_do_not_reach_the_child(workshop: Workshop) -> None:
    write_wheel(workshop.archives, "alpha")
    reviewer = RecordingReviewer()
    forged = {"_SAFE_PIP_REQUIRED_BY": '["trusted"]', "_SAFE_PIP_ROOT": str(workshop.work)}
    assert workshop.guarded(reviewer, "install", "alpha", **forged) == 0
    assert reviewer.arrivals[0].context.required_by == ()


def _pip_without(workshop: Workshop, module: str, name: str) -> Path:
    """A copy of the target's pip in which a function has another name."""
    root = workshop.folder / "other-pip"
    shutil.copytree(workshop.target.pip_root / "pip", root / "pip")
    path = root / "pip" / "_internal" / module
    text = path.read_text(encoding="utf-8")
    if f"def {name}(" not in text:
        pytest.skip("another pip has it elsewhere")
    path.write_text(text.replace(f"def {name}(", f"def {name}_renamed("), encoding="utf-8")
    return root


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("operations/prepare.py", "_get_prepared_distribution"),
        ("operations/prepare.py", "_prepare_linked_requirement"),
        ("operations/prepare.py", "prepare_editable_requirement"),
        ("operations/prepare.py", "prepare_linked_requirements_more"),
        ("operations/prepare.py", "save_linked_requirement"),
        ("utils/unpacking.py", "unpack_file"),
        ("req/__init__.py", "install_given_reqs"),
        ("req/req_install.py", "install"),
        ("wheel_builder.py", "_build_one"),
        ("utils/misc.py", "get_runnable_pip"),
    ],
)
def test_pip_without_a_hook_is_not_started(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, module: str, name: str
) -> None:
    root = _pip_without(workshop, module, name)
    monkeypatch.setenv("SAFE_PIP_TEST_PIP_ROOT", str(root))
    write_wheel(workshop.archives, "alpha")
    with pytest.raises(UnsupportedPipError, match=name):
        workshop.guarded(RecordingReviewer(), "install", "alpha")
    assert workshop.index.requests == []
    assert workshop.installed() == []


def test_child_that_dies_is_an_error(workshop: Workshop) -> None:
    """An interpreter that never becomes our runner, as a broken environment is."""
    target = workshop.target
    site = next(workshop.environment.glob("lib/python*/site-packages"))
    (site / "sitecustomize.py").write_text("import os\nos._exit(0)\n", encoding="utf-8")
    write_wheel(workshop.archives, "alpha")
    with pytest.raises(UnsupportedPipError, match="does not start"):
        run_pip(target, ["install", "alpha"], RecordingReviewer, environ=workshop.environ)
    assert workshop.leftovers == []
