"""Exchange: verdicts carried from one machine's memory to another's."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from safe_pip.cache.encoding import encode_verdict
from safe_pip.cache.exchange import read_verdicts, write_verdicts
from safe_pip.cache.store import VerdictStore
from safe_pip.errors import SafePipError
from tests.policies import make_verdict

VERDICT = make_verdict(sha256="a" * 64, score=0.25)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "verdicts.jsonl"
    other = replace(VERDICT, sha256="b" * 64)
    assert write_verdicts(path, [VERDICT, other]) == 2
    assert read_verdicts(path) == (VERDICT, other)
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "line 1"),
        ("{}\n", "line 1: this is no export of verdicts"),
        ('{"safe_pip_verdicts": 2}\n', "line 1: this is no export of verdicts"),
        ('{"safe_pip_verdicts": 1}\n{"score": 0.1\n', "line 2"),
        ('{"safe_pip_verdicts": 1}\n{"score": 7}\n', "line 2"),
    ],
)
def test_a_damaged_file_is_refused_whole_with_its_line(
    tmp_path: Path, text: str, words: str
) -> None:
    path = tmp_path / "verdicts.jsonl"
    path.write_text(text)
    with pytest.raises(SafePipError, match=words):
        read_verdicts(path)


def test_a_file_that_cannot_be_written_or_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "nowhere" / "verdicts.jsonl"
    with pytest.raises(SafePipError, match=r"verdicts\.jsonl cannot be written"):
        write_verdicts(path, [VERDICT])
    with pytest.raises(SafePipError, match=r"verdicts\.jsonl cannot be read"):
        read_verdicts(path)


def test_a_store_gives_what_one_scanner_saw(tmp_path: Path) -> None:
    store = VerdictStore(folder=tmp_path / "store")
    other = replace(VERDICT, scanner_id="another+model+1")
    for verdict in (VERDICT, other):
        store.remember(verdict)
    assert list(store.verdicts(scanner_id=VERDICT.scanner_id)) == [VERDICT]
    assert list(store.verdicts(scanner_id="nobody")) == []


def test_a_line_is_a_verdict_that_can_be_told(tmp_path: Path) -> None:
    path = tmp_path / "verdicts.jsonl"
    write_verdicts(path, [VERDICT])
    header, line = path.read_text().splitlines()
    assert json.loads(header) == {"safe_pip_verdicts": 1}
    assert json.loads(line) == encode_verdict(VERDICT)
