"""Attestations: what is checked, what is not, and why; with a stand-in for the library."""

from __future__ import annotations

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
from tests.policies import NOW, make_decision, make_verdict

WANTED = Policy(attestations=Action.ASK)
ON_INDEX = Context(origin=OriginKind.INDEX, page_format="json")
OFFERED = replace(ON_INDEX, provenance_url="https://index.example/provenance")


class AttestationError(ValueError):
    pass


class TUFError(Exception):
    pass


def library(*attestations: object) -> ModuleType:
    """A library whose provenance holds those attestations: exceptions are raised; of a pair, the
    second by the keys that came with the library."""

    class Attestation:
        def __init__(self, outcome: object) -> None:
            self._outcome = outcome

        def verify(self, publisher: object, distribution: Any, *, offline: bool = False) -> None:  # noqa: ARG002
            outcomes = self._outcome if isinstance(self._outcome, tuple) else (self._outcome,) * 2
            if isinstance(outcomes[offline], Exception):
                raise outcomes[offline]

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
        Distribution=SimpleNamespace,
        Provenance=SimpleNamespace(model_validate_json=parse),
    )
    return module


FILENAME = "demo-1.0-py3-none-any.whl"


def outcome(
    monkeypatch: pytest.MonkeyPatch, *attestations: object, text: bytes = b"{}"
) -> Attested:
    monkeypatch.setitem(sys.modules, "pypi_attestations", library(*attestations))
    monkeypatch.setitem(sys.modules, "sigstore.errors", SimpleNamespace(TUFError=TUFError))
    return verify(FILENAME, sha256="0" * 64, provenance=text)


def test_attestations_that_hold_name_their_publisher(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert outcome(monkeypatch, "ok", "ok") == Attested(publisher="GitHub demo/demo")


def test_one_attestation_that_does_not_hold_is_a_flaw(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    flaw = outcome(monkeypatch, "ok", AttestationError("another digest")).flaw
    assert flaw == "it does not hold (AttestationError: another digest)"


def test_an_answer_that_is_no_provenance_has_proved_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    unchecked = outcome(monkeypatch, "ok", text=b"<html>").unchecked
    assert unchecked == "the check failed (ValueError: no provenance)"


def test_keys_that_cannot_be_renewed_are_those_of_the_library(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stale = TUFError("no way there")
    assert outcome(monkeypatch, (stale, "ok")).publisher == "GitHub demo/demo"
    unchecked = outcome(monkeypatch, (stale, AttestationError("unknown key"))).unchecked
    assert unchecked == (
        "the keys could not be renewed (TUFError: no way there), and by the old ones it does not "
        "hold (AttestationError: unknown key)"
    )


def test_an_empty_answer_is_a_flaw(monkeypatch: pytest.MonkeyPatch) -> None:
    assert outcome(monkeypatch).flaw == "the index's answer holds none"


def test_a_library_that_fails_has_checked_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    unchecked = outcome(monkeypatch, RuntimeError("no trust root")).unchecked
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
    monkeypatch: pytest.MonkeyPatch,
    is_offline: bool,
    has_library: bool,
    url: str,
    words: str,
) -> None:
    found = object() if has_library else None
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: found)
    attester = IndexAttester(is_offline=is_offline, user_agent="a test")
    unchecked = attester.check(FILENAME, sha256="0" * 64, provenance_url=url).unchecked
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
    wanted = replace(WANTED, attestation_loss=Action.ASK)
    context = replace(OFFERED, page_format=None)
    decision = make_decision(make_verdict(kind="directory"), wanted, context)
    assert decision.action is Action.ALLOW
    assert not decision.not_checked


def test_attestations_are_off_unless_the_policy_wants_them() -> None:
    context = replace(OFFERED, attested=Attested(flaw="bad"))
    assert make_decision(make_verdict(), context=context).action is Action.ALLOW


RECORDED = Path(__file__).parent / "recorded" / "pypi_attestations-0.0.19.tar.gz.provenance"
RECORDED_SHA256 = "9bb1add04b1b4e182be6b0b80931593f7a291eb49d69b4fd728a5d4cbcdc4bd3"


@pytest.fixture
def _without_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    verifier: Any = pytest.importorskip("sigstore.verify").Verifier
    production = verifier.production
    monkeypatch.setattr(verifier, "production", lambda offline: production(offline=True))  # noqa: ARG005


@pytest.mark.usefixtures("_without_a_network")
def test_a_genuine_attestation_holds_for_its_file_alone() -> None:
    """The real library, and what a real index answered about a release of that library."""
    name, provenance = RECORDED.stem, RECORDED.read_bytes()
    held = verify(name, sha256=RECORDED_SHA256, provenance=provenance)
    assert held == Attested(publisher="GitHub trailofbits/pypi-attestations")
    other_bytes = verify(name, sha256="0" * 64, provenance=provenance)
    assert other_bytes.flaw is not None
    assert "digest" in other_bytes.flaw
    other_name = verify("other-1.0.tar.gz", sha256=RECORDED_SHA256, provenance=provenance)
    assert other_name.flaw is not None
    assert "does not match distribution name" in other_name.flaw


@pytest.mark.usefixtures("_without_a_network")
def test_a_genuine_attestation_of_somebody_else_is_a_flaw() -> None:
    provenance = RECORDED.read_bytes().replace(b"trailofbits/pypi-attestations", b"evil/evil")
    attested = verify(RECORDED.stem, sha256=RECORDED_SHA256, provenance=provenance)
    assert attested.flaw is not None
    assert attested.publisher is None


LOST = replace(ON_INDEX, uploaded_at=NOW, attested_before="0.9")


def test_a_release_that_lost_its_attestation_is_held_back_if_the_policy_minds() -> None:
    assert make_decision(make_verdict(), context=LOST).action is Action.ALLOW
    decision = make_decision(make_verdict(), Policy(attestation_loss=Action.ASK), LOST)
    assert (decision.action, decision.rule) == (Action.ASK, "attestation-loss")
    assert decision.reason == (
        "its index has an attestation of who published 0.9, and none of this later file"
    )
    assert not decision.not_checked


@pytest.mark.parametrize(
    ("context", "words"),
    [
        (replace(ON_INDEX, page_format="html"), "attestation-loss: the index answers in HTML"),
        (replace(ON_INDEX, page_format=None), "attestation-loss: pip did not say"),
        (ON_INDEX, "attestation-loss: the index does not say when it was uploaded"),
    ],
)
def test_a_loss_that_could_not_be_looked_for_is_told(context: Context, words: str) -> None:
    decision = make_decision(make_verdict(), Policy(attestation_loss=Action.ASK), context)
    assert decision.action is Action.ALLOW
    (sentence,) = decision.not_checked
    assert sentence.startswith(words)
