"""Clocks that jump: no limit ends late or early, and no release grows old by it."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from safe_pip.archive.limits import DEFAULT_LIMITS, Meter
from safe_pip.artifact import OriginKind
from safe_pip.errors import UnscannableError
from safe_pip.gates.fingerprint import holds_still, take_fingerprint
from safe_pip.policy.rules import Context, decide
from safe_pip.policy.settings import Action, AllowEntry, Policy
from tests.builders import make_wheel
from tests.policies import NOW, THRESHOLDS, make_verdict
from tests.reading import WHEEL, opened

pytestmark = pytest.mark.fault

EVERY_TIME = [
    datetime.min.replace(tzinfo=timezone.utc),
    datetime(1970, 1, 1, tzinfo=timezone.utc),
    NOW - timedelta(seconds=1),
    NOW,
]
PATIENT = Policy(minimum_release_age=timedelta(days=7))


@pytest.mark.parametrize("now", EVERY_TIME, ids=str)
def test_clock_that_went_back_makes_no_release_old(now: datetime) -> None:
    context = Context(origin=OriginKind.INDEX, uploaded_at=NOW)
    decision = decide(make_verdict(), PATIENT, context, thresholds=THRESHOLDS, now=now)
    assert decision.action is not Action.ALLOW
    assert decision.rule == "minimum-release-age"


@pytest.mark.parametrize("uploaded_at", [*EVERY_TIME, datetime.max], ids=str)
def test_clock_at_its_end_fails_nothing(uploaded_at: datetime) -> None:
    now = datetime.max.replace(tzinfo=timezone.utc)
    context = Context(origin=OriginKind.INDEX, uploaded_at=uploaded_at)
    decide(make_verdict(), PATIENT, context, thresholds=THRESHOLDS, now=now)


def test_entry_that_expired_lets_nothing_pass() -> None:
    entry = AllowEntry(
        project=canonicalize_name("demo"), reason="read", expires=(NOW - timedelta(days=1)).date()
    )
    verdict = replace(make_verdict(score=0.95), project=canonicalize_name("demo"))
    context = Context(origin=OriginKind.INDEX, project=canonicalize_name("demo"))
    policy = Policy(allow=frozenset({entry}))
    decision = decide(verdict, policy, context, thresholds=THRESHOLDS, now=NOW)
    assert decision.action is Action.BLOCK


@pytest.mark.parametrize("jump_seconds", [-1e9, 1e9])
def test_limits_do_not_look_at_the_wall(
    monkeypatch: pytest.MonkeyPatch, jump_seconds: float
) -> None:
    start, calls = time.time(), iter(range(10**9))
    monkeypatch.setattr(time, "time", lambda: start + jump_seconds * next(calls))
    assert opened(make_wheel(), WHEEL).files
    meter = Meter(limits=replace(DEFAULT_LIMITS, max_seconds=0.0))
    time.sleep(0.01)
    with pytest.raises(UnscannableError):
        meter.check_time()


@pytest.mark.parametrize("mtime", [-(10**9), 0, 2**33])
def test_file_of_any_time_is_told_from_a_changed_one(tmp_path: Path, mtime: int) -> None:
    path = tmp_path / WHEEL
    path.write_bytes(make_wheel())
    os.utime(path, (mtime, mtime))
    fingerprint = take_fingerprint(path)
    assert holds_still(path, fingerprint)
    path.write_bytes(make_wheel()[:-1] + b"x")
    os.utime(path, (mtime, mtime))
    assert not holds_still(path, fingerprint)
