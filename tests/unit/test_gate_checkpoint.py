"""The checkpoint's rules: sticky, exact about bytes, and no at every doubt."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from safe_pip.artifact import Artifact, OriginKind
from safe_pip.errors import EXIT_BLOCKED, EXIT_DECLINED, EXIT_UNSCANNABLE, UnscannableError
from safe_pip.gates.checkpoint import Checkpoint, Refusal
from safe_pip.gates.fingerprint import holds_still, take_fingerprint
from safe_pip.gates.protocol import Item, ItemKind, Need, Plan
from safe_pip.gates.reviewer import Arrival, Hold, Reviewer, Ruling
from safe_pip.gates.self_protection import OUR_PROJECT, find_breakage


class Judge:
    def __init__(self, ruling: Callable[[Arrival], Ruling]) -> None:
        self._ruling = ruling
        self.begun: list[Artifact] = []
        self.ruled: list[Arrival] = []

    def begin(self, artifact: Artifact) -> None:
        self.begun.append(artifact)

    def rule(self, arrivals: Sequence[Arrival], *, hold: Hold) -> Sequence[Ruling]:  # noqa: ARG002
        self.ruled += arrivals
        return [self._ruling(arrival) for arrival in arrivals]


def _yes(arrival: Arrival) -> Ruling:
    return Ruling(is_allowed=True, sha256=arrival.artifact.sha256 or "folder", reason="")


def _no(code: int) -> Callable[[Arrival], Ruling]:
    return lambda arrival: Ruling(
        is_allowed=False, sha256=arrival.artifact.sha256 or "", reason="no", exit_code=code
    )


def _checkpoint(reviewer: Reviewer) -> Checkpoint:
    future: Future[Reviewer] = Future()
    future.set_result(reviewer)
    return Checkpoint(future)


def _hold() -> AbstractContextManager[None]:
    return contextlib.nullcontext()


def _item(path: Path, kind: ItemKind = "file") -> Item:
    return Item(
        kind=kind,
        path=path,
        origin=OriginKind.INDEX,
        url=None,
        index_url=None,
        project=None,
        required_by=(),
        requested_in=None,
        is_build_requirement=False,
        uploaded_at=None,
        parent_sha256=None,
    )


def _need(*items: Item) -> Need:
    return Need(items=items, is_drawing=False)


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    path = tmp_path / "alpha.whl"
    path.write_bytes(b"some bytes")
    return path


def test_yes_carries_identity_and_digest(wheel: Path) -> None:
    answers = _checkpoint(Judge(_yes)).rule(_need(_item(wheel)), hold=_hold)
    assert not isinstance(answers, Refusal)
    assert answers[0].sha256 == hashlib.sha256(b"some bytes").hexdigest()
    assert answers[0].identity is not None
    assert answers[0].identity.size == len(b"some bytes")


def test_refusal_is_final(wheel: Path) -> None:
    judge = Judge(_no(EXIT_DECLINED))
    checkpoint = _checkpoint(judge)
    first = checkpoint.rule(_need(_item(wheel)), hold=_hold)
    judge._ruling = _yes
    assert checkpoint.rule(_need(_item(wheel)), hold=_hold) == first
    assert checkpoint.rule(_need(), hold=_hold) == first
    assert checkpoint.refusal == Refusal(reason="no", exit_code=EXIT_DECLINED)
    assert len(judge.ruled) == 1


def test_later_refusal_does_not_replace_the_first() -> None:
    checkpoint = _checkpoint(Judge(_yes))
    checkpoint.refuse("first", exit_code=EXIT_BLOCKED)
    assert checkpoint.refuse("second").reason == "first"


@pytest.mark.parametrize(
    ("codes", "expected"),
    [((42, 40), EXIT_BLOCKED), ((41, 42), EXIT_DECLINED), ((0,), EXIT_BLOCKED)],
)
def test_exit_code_of_several_refusals(
    tmp_path: Path, codes: tuple[int, ...], expected: int
) -> None:
    paths = [tmp_path / f"{number}.whl" for number in range(len(codes))]
    for path in paths:
        path.write_bytes(b"")
    by_path = dict(zip(paths, codes, strict=True))
    judge = Judge(lambda arrival: _no(by_path[arrival.artifact.path])(arrival))
    outcome = _checkpoint(judge).rule(_need(*map(_item, paths)), hold=_hold)
    assert isinstance(outcome, Refusal)
    assert outcome.exit_code == expected


def test_truthy_ruling_is_not_a_yes(wheel: Path) -> None:
    """A defect in a reviewer must not open the gate."""
    ruling = Ruling(is_allowed="no", sha256="", reason="")  # type: ignore[arg-type]
    outcome = _checkpoint(Judge(lambda _: ruling)).rule(_need(_item(wheel)), hold=_hold)
    assert isinstance(outcome, Refusal)


def test_ruling_about_other_bytes_is_a_no(wheel: Path) -> None:
    ruling = Ruling(is_allowed=True, sha256="0" * 64, reason="")
    outcome = _checkpoint(Judge(lambda _: ruling)).rule(_need(_item(wheel)), hold=_hold)
    assert isinstance(outcome, Refusal)
    assert outcome.exit_code == EXIT_UNSCANNABLE


def test_file_changed_during_the_ruling_is_a_no(wheel: Path) -> None:
    def ruling(arrival: Arrival) -> Ruling:
        wheel.write_bytes(b"other bytes")
        return _yes(arrival)

    outcome = _checkpoint(Judge(ruling)).rule(_need(_item(wheel)), hold=_hold)
    assert isinstance(outcome, Refusal)
    assert "changed" in outcome.reason


def test_file_changed_after_begin_is_read_again(wheel: Path) -> None:
    judge = Judge(_yes)
    checkpoint = _checkpoint(judge)
    checkpoint.begin([_item(wheel)])
    wheel.write_bytes(b"other bytes")
    checkpoint.rule(_need(_item(wheel)), hold=_hold)
    assert judge.ruled[0].artifact.sha256 == hashlib.sha256(b"other bytes").hexdigest()


def test_same_bytes_begin_once(wheel: Path) -> None:
    judge = Judge(_yes)
    checkpoint = _checkpoint(judge)
    checkpoint.begin([_item(wheel)])
    checkpoint.begin([_item(wheel)])
    assert len(judge.begun) == 1


def test_folder_is_not_looked_at_before_it_is_needed(tmp_path: Path) -> None:
    """Whoever can connect could have it inspected while it is still harmless."""
    judge = Judge(_yes)
    checkpoint = _checkpoint(judge)
    checkpoint.begin([_item(tmp_path, "folder")])
    assert judge.begun == []
    checkpoint.rule(_need(_item(tmp_path, "folder")), hold=_hold)
    assert judge.ruled[0].artifact.path == tmp_path


def test_what_cannot_be_read_is_a_no(tmp_path: Path) -> None:
    for item in (_item(tmp_path / "gone.whl"), _item(tmp_path), _item(tmp_path / "x", "folder")):
        outcome = _checkpoint(Judge(_yes)).rule(_need(item), hold=_hold)
        assert isinstance(outcome, Refusal)
        assert outcome.exit_code == EXIT_UNSCANNABLE


def test_reviewer_that_failed_to_load_is_a_no(wheel: Path) -> None:
    future: Future[Reviewer] = Future()
    future.set_exception(RuntimeError("no model"))
    outcome = Checkpoint(future).rule(_need(_item(wheel)), hold=_hold)
    assert isinstance(outcome, Refusal)


def test_reason_is_one_printable_line(wheel: Path) -> None:
    ruling = Ruling(is_allowed=False, sha256="", reason="a\nb\x1b[31m", exit_code=40)
    outcome = _checkpoint(Judge(lambda _: ruling)).rule(_need(_item(wheel)), hold=_hold)
    assert isinstance(outcome, Refusal)
    assert outcome.reason == "a b [31m"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_named_pipe_does_not_hang_the_gate(tmp_path: Path) -> None:
    pipe = tmp_path / "alpha.whl"
    os.mkfifo(pipe)
    with pytest.raises(UnscannableError, match="regular"):
        take_fingerprint(pipe)


def test_fingerprint_notices_a_change_of_equal_size(wheel: Path) -> None:
    fingerprint = take_fingerprint(wheel)
    assert holds_still(wheel, fingerprint)
    status = wheel.stat()
    wheel.write_bytes(b"s0me bytes")
    os.utime(wheel, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert not holds_still(wheel, fingerprint)


REQUIRES = {
    OUR_PROJECT: ["numpy>=1.26", "engine", "tomli; python_version < '3'"],
    "engine": ["numpy>=2", "protobuf<7"],
}


def _breakage(*wheels: str, prefix: Path | None = None) -> str | None:
    return find_breakage(
        wheels,
        prefix or Path(sys.prefix),
        own_prefix=Path(sys.prefix),
        requires=lambda project: REQUIRES.get(project, []),
    )


@pytest.mark.skipif(os.name == "nt", reason="Windows refuses every replacement")
def test_own_environment_is_protected(tmp_path: Path) -> None:
    assert _breakage("numpy-2.1-py3-none-any.whl") is None
    assert _breakage("unrelated-1.0-py3-none-any.whl", "broken name") is None
    broken = _breakage("numpy-1.27-py3-none-any.whl")
    assert broken is not None
    assert "engine" in broken
    assert "pipx" in broken
    assert _breakage("numpy-1.27-py3-none-any.whl", prefix=tmp_path) is None


@pytest.mark.skipif(os.name == "nt", reason="Windows refuses every replacement")
def test_demand_of_a_replaced_project_is_pips_business() -> None:
    wheels = ("numpy-1.27-py3-none-any.whl", "engine-9.0-py3-none-any.whl")
    assert _breakage(*wheels) is None


def test_plan_that_would_break_us_refuses_what_follows(wheel: Path) -> None:
    checkpoint = _checkpoint(Judge(_yes))
    checkpoint.plan(Plan(wheels=("pip-20.0-py3-none-any.whl",), prefix=Path(sys.prefix)))
    outcome = checkpoint.rule(_need(_item(wheel)), hold=_hold)
    assert isinstance(outcome, Refusal)
    assert outcome.exit_code == EXIT_BLOCKED


def test_plan_for_elsewhere_is_no_concern_of_ours() -> None:
    checkpoint = _checkpoint(Judge(_yes))
    checkpoint.plan(Plan(wheels=("pip-20.0-py3-none-any.whl",), prefix=None))
    assert checkpoint.refusal is None
