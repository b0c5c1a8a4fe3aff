"""Attestations: what is checked, what is not, and why; with a stand-in for the library."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from safe_pip.artifact import OriginKind
from safe_pip.policy.rules import Context
from safe_pip.policy.settings import Action, Policy
from safe_pip.threats.attestations import Attested, IndexAttester, verify
from tests.policies import make_decision, make_verdict

WANTED = Policy(attestations=Action.ASK)
ON_INDEX = Context(origin=OriginKind.INDEX, page_format="json")
OFFERED = replace(ON_INDEX, provenance_url="https://index.example/provenance")


class AttestationError(ValueError):
    pass


def library(*attestations: object) -> ModuleType:
    """A library whose provenance holds those attestations: exceptions are raised."""

    class Attestation:
        def __init__(self, outcome: object) -> None:
            self._outcome = outcome

        def verify(self, publisher: object, distribution: Any) -> None:  # noqa: ARG002
            if isinstance(self._outcome, Exception):
                raise self._outcome

    def from_file(path: Path) -> SimpleNamespace:
        return SimpleNamespace(digest=hashlib.sha256(path.read_bytes()).hexdigest())

    def parse(text: bytes) -> SimpleNamespace:
        if text != b"{}":
            raise ValueError("no provenance")
        publisher = SimpleNamespace(kind="GitHub", repository="demo/demo")
        bundle = SimpleNamespace(
            publisher=publisher, attestations=[Attestation(outcome) for outcome in attestations]
        )
        return SimpleNamespace(attestation_bundles=[bundle])

    module = ModuleType("pypi_attestations")
    module.__dict__.update(
        AttestationError=AttestationError,
        Distribution=SimpleNamespace(from_file=from_file),
        Provenance=SimpleNamespace(model_validate_json=parse),
    )
    return module


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    path = tmp_path / "demo-1.0-py3-none-any.whl"
    path.write_bytes(b"a wheel")
    return path


def outcome(
    wheel: Path,
    monkeypatch: pytest.MonkeyPatch,
    *attestations: object,
    text: bytes = b"{}",
    sha256: str | None = None,
) -> Attested:
    monkeypatch.setitem(sys.modules, "pypi_attestations", library(*attestations))
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    return verify(wheel, sha256=sha256 or digest, provenance=text)


def test_attestations_that_hold_name_their_publisher(
    wheel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert outcome(wheel, monkeypatch, "ok", "ok") == Attested(publisher="GitHub demo/demo")


def test_one_attestation_that_does_not_hold_is_a_flaw(
    wheel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flaw = outcome(wheel, monkeypatch, "ok", AttestationError("another digest")).flaw
    assert flaw == "it does not hold (AttestationError: another digest)"


def test_an_answer_that_is_no_provenance_has_proved_nothing(
    wheel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unchecked = outcome(wheel, monkeypatch, "ok", text=b"<html>").unchecked
    assert unchecked == "the check failed (ValueError: no provenance)"


def test_other_bytes_than_those_that_were_judged_are_a_flaw(
    wheel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert outcome(wheel, monkeypatch, "ok", sha256="0" * 64).flaw == "the file changed"


def test_an_empty_answer_is_a_flaw(wheel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert outcome(wheel, monkeypatch).flaw == "the index's answer holds none"


def test_a_library_that_fails_has_checked_nothing(
    wheel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unchecked = outcome(wheel, monkeypatch, RuntimeError("no trust root")).unchecked
    assert unchecked == "the check failed (RuntimeError: no trust root)"


@pytest.mark.parametrize(
    ("is_offline", "has_library", "url", "words"),
    [
        (True, True, "https://index.example/p", "offline = true"),
        (False, False, "https://index.example/p", "library is not installed"),
        (False, True, "http://index.example/p", "only https"),
    ],
)
def test_what_was_not_checked_has_a_reason(
    wheel: Path,
    monkeypatch: pytest.MonkeyPatch,
    is_offline: bool,
    has_library: bool,
    url: str,
    words: str,
) -> None:
    found = object() if has_library else None
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: found)
    attester = IndexAttester(is_offline=is_offline, user_agent="a test")
    unchecked = attester.check(wheel, sha256="0" * 64, provenance_url=url).unchecked
    assert unchecked is not None
    assert words in unchecked


@pytest.mark.parametrize(
    ("context", "action", "words"),
    [
        (replace(OFFERED, attested=Attested(publisher="GitHub demo/demo")), Action.ALLOW, ""),
        (replace(OFFERED, attested=Attested(flaw="bad")), Action.BLOCK, "is not valid: bad"),
        (replace(OFFERED, attested=Attested(unchecked="gone")), Action.ASK, "not checked: gone"),
        (ON_INDEX, Action.ASK, "its index has no attestation"),
        (replace(ON_INDEX, page_format="html"), Action.ASK, "the index answers in HTML"),
        (replace(ON_INDEX, page_format=None), Action.ASK, "pip did not say"),
    ],
)
def test_what_was_not_proved_is_held_back(context: Context, action: Action, words: str) -> None:
    decision = make_decision(make_verdict(), WANTED, context)
    assert decision.action is action
    assert words in decision.reason
    is_checked = words in ("", "is not valid: bad", "its index has no attestation")
    assert bool(decision.not_checked) != is_checked


def test_where_no_index_is_nothing_is_held_back_but_it_is_said() -> None:
    decision = make_decision(make_verdict(), WANTED, Context(origin=OriginKind.FILE))
    assert decision.action is Action.ALLOW
    assert decision.not_checked == ("attestations: no index has any (local file)",)


def test_the_tree_of_an_sdist_needs_none_of_its_own() -> None:
    assert make_decision(make_verdict(kind="directory"), WANTED, ON_INDEX).action is Action.ALLOW


def test_attestations_are_off_unless_the_policy_wants_them() -> None:
    context = replace(OFFERED, attested=Attested(flaw="bad"))
    assert make_decision(make_verdict(), context=context).action is Action.ALLOW
