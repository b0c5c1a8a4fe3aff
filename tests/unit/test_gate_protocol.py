"""Messages: what is well formed arrives whole, all else is a GateError."""

from __future__ import annotations

import contextlib
import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.utils import canonicalize_name

from safe_pip.artifact import FileIdentity, OriginKind, RequirementLine
from safe_pip.errors import GateError
from safe_pip.gates.protocol import (
    Answer,
    Check,
    Done,
    Expect,
    Item,
    Need,
    Plan,
    Refuse,
    encode_answers,
    parse_message,
    without_credentials,
)

ITEM: dict[str, Any] = {
    "kind": "file",
    "path": "/tmp/alpha-1.0-py3-none-any.whl",
    "origin": "INDEX",
    "url": "https://user:secret@index.invalid/alpha.whl?token=secret#sha256=0",
    "index_url": "https://user:secret@index.invalid/simple/alpha/",
    "project": "Al_pha",
    "requested_in": None,
    "required_by": ["beta>=1"],
    "is_build_requirement": True,
    "uploaded_at": "2026-01-02T03:04:05+00:00",
    "parent_sha256": None,
    "yanked": None,
    "project_status": None,
    "page_format": None,
    "releases": [],
    "provenance_url": None,
    "attested_before": None,
    "other_indexes": [],
}


def _parse(**fields: Any) -> object:
    return parse_message(json.dumps(fields).encode())


def test_item_arrives_whole() -> None:
    item = Item(
        kind="file",
        path=Path("/tmp/alpha-1.0-py3-none-any.whl"),
        origin=OriginKind.INDEX,
        url="https://index.invalid/alpha.whl",
        index_url="https://index.invalid/simple/alpha/",
        project=canonicalize_name("al-pha"),
        required_by=("beta>=1",),
        requested_in=None,
        is_build_requirement=True,
        uploaded_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc),
        parent_sha256=None,
    )
    assert _parse(type="check", items=[ITEM]) == Check(items=(item,))
    assert _parse(type="need", items=[ITEM], is_drawing=True) == Need(
        items=(item,), is_drawing=True
    )


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("-r dev/requirements.txt (line 3)", RequirementLine(file="dev/requirements.txt", line=3)),
        ("-c odd (line 1) name (line 12)", RequirementLine(file="odd (line 1) name", line=12)),
        ("-r https://user:secret@index.invalid/requirements.txt (line 3)", None),
        ("--group 'test'", None),
        ("-r requirements.txt (line x)", None),
        (None, None),
    ],
)
def test_the_requirement_line_is_told(text: str | None, line: RequirementLine | None) -> None:
    message = _parse(type="check", items=[{**ITEM, "requested_in": text}])
    assert isinstance(message, Check)
    assert message.items[0].requested_in == line


def test_short_messages() -> None:
    assert _parse(type="plan", wheels=["a.whl"], prefix=None) == Plan(
        wheels=("a.whl",), prefix=None
    )
    assert _parse(type="expect", filename="a.whl", sha256="0") == Expect(
        filename="a.whl", sha256="0"
    )
    assert _parse(type="done", status=3) == Done(status=3)
    assert _parse(type="refuse", reason="no", exit_code=42) == Refuse(reason="no", exit_code=42)


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "device"},
        {"path": "relative"},
        {"path": "/with\0nul"},
        {"path": 3},
        {"origin": "HEAVEN"},
        {"required_by": "beta"},
        {"required_by": [1]},
        {"requested_in": 3},
        {"uploaded_at": "yesterday"},
        {"url": ["https://index.invalid"]},
    ],
)
def test_malformed_item_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(GateError):
        _parse(type="check", items=[{**ITEM, **change}])


@pytest.mark.parametrize("missing", sorted(ITEM))
def test_missing_field_is_refused(missing: str) -> None:
    item = {name: value for name, value in ITEM.items() if name != missing}
    with pytest.raises(GateError):
        _parse(type="need", items=[item], is_drawing=False)


@pytest.mark.parametrize(
    "fields",
    [
        {"type": "done", "status": "0"},
        {"type": "done", "status": True},
        {"type": "refuse", "reason": "all is well", "exit_code": 0},
        {"type": "allow"},
        {},
    ],
)
def test_malformed_message_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(GateError):
        _parse(**fields)


@given(st.binary())
def test_bytes_parse_or_are_refused(line: bytes) -> None:
    with pytest.raises(GateError):
        parse_message(line)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(
    kind=st.sampled_from(["hello", "ready", "expect", "check", "plan", "need", "refuse", "done"]),
    fields=st.dictionaries(
        st.sampled_from(["items", "prefix", "wheels", "status", "token", "interpreter"]), _JSON
    ),
)
def test_any_json_parses_or_is_refused(kind: str, fields: dict[str, Any]) -> None:
    with contextlib.suppress(GateError):
        _parse(**{**fields, "type": kind})


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(GateError):
        parse_message(b"[" * 100_000)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://u:p@host:8080/a/b.whl?sig=x#y", "https://host:8080/a/b.whl"),
        ("git+https://token@host/repo@main#egg=x", "git+https://host/repo@main"),
        ("git+ssh://git@host/repo", "git+ssh://host/repo"),
        ("file:///home/a/b.whl", "file:///home/a/b.whl"),
    ],
)
def test_url_without_credentials(url: str, shown: str) -> None:
    assert without_credentials(url) == shown


@given(st.text())
def test_no_url_breaks_the_removal_of_credentials(url: str) -> None:
    assert "secret" not in without_credentials(f"https://user:secret@{url}")


def test_answers_are_one_line() -> None:
    identity = FileIdentity(device=1, inode=2, size=3, mtime_ns=4, ctime_ns=5)
    line = encode_answers(
        (Answer(sha256="a", identity=identity), Answer(sha256="b", identity=None))
    )
    assert line.count(b"\n") == 1
    assert json.loads(line) == {
        "answers": [
            {"sha256": "a", "identity": [1, 2, 3, 4, 5]},
            {"sha256": "b", "identity": None},
        ]
    }
