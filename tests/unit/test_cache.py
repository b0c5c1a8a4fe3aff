"""The verdict store: what it remembers, and that damage to it means forgetting."""

from __future__ import annotations

import json
import math
import os
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safe_pip.cache.encoding import EncodingError, decode_verdict, encode_verdict, parse_json
from safe_pip.cache.store import VerdictStore
from safe_pip.evidence import Evidence, Location, Surface
from safe_pip.feature import Group
from safe_pip.verdict import Advisory, Finding, Unscannable, Verdict
from tests.policies import make_finding, make_verdict

VERDICT = make_verdict(findings=(make_finding(),))
posix_only = pytest.mark.skipif(os.name != "posix", reason="POSIX permissions")

numbers = st.floats(allow_nan=False, allow_infinity=False)
findings = st.builds(
    Finding,
    evidence=st.builds(
        Evidence,
        feature=st.text(),
        location=st.builds(Location, path=st.text(), line=st.integers(0, 10**9)),
        value=numbers,
        surface=st.sampled_from(Surface),
        excerpt=st.text(st.characters()),
        detail=st.text(),
    ),
    group=st.sampled_from(Group),
    contribution=numbers,
)


@pytest.fixture
def store(tmp_path: Path) -> VerdictStore:
    return VerdictStore(folder=tmp_path / "verdicts")


def recall(store: VerdictStore, **changed: str) -> Verdict | None:
    key = {
        "sha256": VERDICT.sha256,
        "filename": VERDICT.filename,
        "scanner_id": VERDICT.scanner_id,
    }
    return store.recall(**{**key, **changed})


def entry_of(store: VerdictStore) -> Path:
    (path,) = store.folder.rglob("*.json")
    return path


@given(
    st.floats(0, 1),
    st.lists(findings, max_size=3).map(tuple),
    st.sampled_from([None, Unscannable(reason="time-out", detail="é\n")]),
)
def test_decode_undoes_encode(
    score: float, found: tuple[Finding, ...], unscannable: Unscannable | None
) -> None:
    verdict = replace(
        VERDICT,
        score=None if unscannable else score,
        unscannable=unscannable,
        findings=found,
    )
    line = json.dumps(encode_verdict(verdict)).encode()
    assert decode_verdict(parse_json(line)) == verdict


def test_a_verdict_is_remembered(store: VerdictStore) -> None:
    store.remember(VERDICT)
    assert recall(store) == VERDICT


@pytest.mark.parametrize("part", ["sha256", "filename", "scanner_id"])
def test_other_bytes_names_and_scanners_are_not_known(store: VerdictStore, part: str) -> None:
    store.remember(VERDICT)
    assert recall(store, **{part: "other"}) is None


def test_what_could_not_be_inspected_is_tried_again(store: VerdictStore) -> None:
    verdict = make_verdict(unscannable="time-out")
    store.remember(verdict)
    assert recall(store) is None
    assert store.size().verdicts == 0


def test_advisories_are_not_remembered(store: VerdictStore) -> None:
    store.remember(replace(VERDICT, advisories=(Advisory(id="MAL-1", summary="", source=""),)))
    assert recall(store) == VERDICT


Damage = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize(
    "damage",
    [
        lambda _: [],
        lambda document: document.pop("score"),
        lambda document: document.update(score=2),
        lambda document: document.update(score=-0.1),
        lambda document: document.update(score=True),
        lambda document: document.update(score="0.1"),
        lambda document: document.update(score=math.nan),
        lambda document: document.update(unscannable={"reason": "x"}),
        lambda document: document.update(sha256="c" * 64),
        lambda document: document.update(filename="other"),
        lambda document: document.update(scanner_id="other"),
        lambda document: document.update(findings={}),
        lambda document: document.update(findings=[1]),
        lambda document: document["findings"][0].update(line=-1),
        lambda document: document["findings"][0].update(surface="NOWHERE"),
        lambda document: document["findings"][0].update(group="x"),
        lambda document: document["findings"][0].update(contribution=math.inf),
        lambda document: document.clear(),
    ],
)
def test_a_damaged_entry_is_forgotten(store: VerdictStore, damage: Damage) -> None:
    store.remember(VERDICT)
    path = entry_of(store)
    document = json.loads(path.read_text())
    replaced = damage(document)
    path.write_text(json.dumps(replaced if isinstance(replaced, list) else document))
    assert recall(store) is None
    store.remember(VERDICT)
    assert recall(store) == VERDICT


@pytest.mark.parametrize("content", [b"", b"\xff", b"{", b"[" * 100_000, b"0" * (5 << 20)])
def test_rubbish_is_forgotten(store: VerdictStore, content: bytes) -> None:
    store.remember(VERDICT)
    entry_of(store).write_bytes(content)
    assert recall(store) is None


@posix_only
def test_entries_are_the_users_alone(store: VerdictStore) -> None:
    store.remember(VERDICT)
    path = entry_of(store)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for folder in (store.folder, *path.relative_to(store.folder).parents[:-1]):
        assert stat.S_IMODE((store.folder / folder).stat().st_mode) == 0o700


@posix_only
def test_an_entry_that_others_could_write_does_not_count(store: VerdictStore) -> None:
    store.remember(VERDICT)
    entry_of(store).chmod(0o666)
    assert recall(store) is None


@posix_only
def test_a_folder_that_others_can_write_is_not_used(store: VerdictStore) -> None:
    store.folder.mkdir(mode=0o777)
    store.folder.chmod(0o777)
    store.remember(VERDICT)
    assert store.size().verdicts == 0


@posix_only
def test_a_link_in_place_of_an_entry_does_not_count(store: VerdictStore, tmp_path: Path) -> None:
    store.remember(VERDICT)
    path = entry_of(store)
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    assert recall(store) is None


def test_a_place_that_cannot_be_written_forgets(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = VerdictStore(folder=tmp_path / "file")
    store.remember(VERDICT)
    assert recall(store) is None


def test_a_full_disk_forgets_and_leaves_nothing(
    store: VerdictStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    store.remember(VERDICT)
    assert [path for path in store.folder.rglob("*") if path.is_file()] == []


def test_clear_forgets_all(store: VerdictStore) -> None:
    store.remember(VERDICT)
    assert store.size().verdicts == 1
    store.clear()
    assert store.size().verdicts == 0
    assert recall(store) is None


def test_nan_is_not_json() -> None:
    with pytest.raises(EncodingError):
        parse_json(b"NaN")
