"""What the child and the parent say to each other: one JSON object a line, never pickle.

The child's messages, in the order of a session (the child's side is in pip_line.py and
pip_guard.py, which can import nothing of ours)::

    hello  {token, protocol, pid, required_by, interpreter}  answered by {ok, pip_root}
    ready  {}                  pip is loaded, with the guard in it; answered by {ok}
    expect {filename, sha256}  pip will fetch it, says an index; no answer
    check  {items}             start inspecting; no answer
    plan   {wheels, prefix}    everything about to be installed, and where; no answer
    need   {items, is_drawing} answered by {answers} or {refusal}
    refuse {reason, exit_code} the child itself said no; no answer
    done   {status}            pip's exit status; answered by {ok}, so that it cannot be lost

Everything that arrives is hostile: an allowed build runs as the same user and may connect.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit, urlunsplit

from packaging.utils import NormalizedName, canonicalize_name

from safe_pip.artifact import FileIdentity, OriginKind, RequirementLine
from safe_pip.errors import EXIT_UNSCANNABLE, EXIT_UNSUPPORTED_PIP, GateError
from safe_pip.gates.interpreter import Statement
from safe_pip.policy.index_signals import Release

PROTOCOL_VERSION = 1
# A set of 5,000 wheels takes about 2 MB.
MAX_MESSAGE_BYTES = 16 * 1024 * 1024

# pip.req.req_file, handle_requirement_line: the same from 22.3 to 26.3.
_REQUIREMENT_LINE = re.compile(r"-[rc] (.+) \(line ([0-9]{1,9})\)")

ItemKind = Literal["file", "folder"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello:
    """``required_by`` is what a nested pip is building for; empty for the first pip and for the
    one that it starts for ``--python``. What others say of their interpreter does not count."""

    token: str
    protocol: int
    pid: int
    required_by: tuple[str, ...]
    interpreter: Statement | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """This pip could begin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refuse:
    """What only the child can see: a pip without a hook, a file that changed."""

    reason: str
    exit_code: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One artifact that pip holds, as pip describes it. The URLs have lost their credentials,
    query and fragment. What the index says about it is explained in policy.rules.Context."""

    kind: ItemKind
    path: Path
    origin: OriginKind
    url: str | None
    index_url: str | None
    project: NormalizedName | None
    required_by: tuple[str, ...]
    requested_in: RequirementLine | None
    is_build_requirement: bool
    uploaded_at: datetime | None
    parent_sha256: str | None
    yanked: str | None = None
    project_status: str | None = None
    page_format: str | None = None
    releases: tuple[Release, ...] = ()
    provenance_url: str | None = None
    attested_before: str | None = None
    other_indexes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """``wheels`` are file names; ``prefix`` is the environment they go into, or None if they go
    elsewhere (--target, --prefix, --root, a build environment)."""

    wheels: tuple[str, ...]
    prefix: Path | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Expect:
    """Nothing is decided by it: what arrives is digested here, whatever was announced."""

    filename: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """``is_drawing``: a thread of the child draws on the terminal, and must be held for a
    question."""

    items: tuple[Item, ...]
    is_drawing: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    status: int


Message = Hello | Ready | Refuse | Expect | Check | Plan | Need | Done


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Yes to one item; ``identity`` is None for a folder."""

    sha256: str
    identity: FileIdentity | None


def parse_message(line: bytes) -> Message:
    """Raises GateError for anything but one complete, well-formed message."""
    try:
        fields = json.loads(line)
        match fields["type"]:
            case "hello":
                return Hello(
                    token=_text(fields["token"]),
                    protocol=_number(fields["protocol"]),
                    pid=_number(fields["pid"]),
                    required_by=_texts(fields["required_by"]),
                    interpreter=_statement(fields["interpreter"]),
                )
            case "ready":
                return Ready()
            case "refuse":
                return Refuse(
                    reason=_text(fields["reason"]), exit_code=_refusing(fields["exit_code"])
                )
            case "expect":
                return Expect(filename=_text(fields["filename"]), sha256=_text(fields["sha256"]))
            case "check":
                return Check(items=tuple(_item(item) for item in fields["items"]))
            case "plan":
                prefix = _optional_text(fields["prefix"])
                return Plan(
                    wheels=_texts(fields["wheels"]),
                    prefix=Path(prefix) if prefix is not None else None,
                )
            case "need":
                return Need(
                    items=tuple(_item(item) for item in fields["items"]),
                    is_drawing=bool(fields["is_drawing"]),
                )
            case "done":
                return Done(status=_number(fields["status"]))
            case unknown:
                raise ValueError(f"a message of the type {unknown!r}")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise GateError(f"pip's side of the gate sent a message it should not: {error}") from error


def encode_ok(*, is_ok: bool) -> bytes:
    return _line({"ok": is_ok})


def encode_welcome(pip_root: Path) -> bytes:
    return _line({"ok": True, "pip_root": str(pip_root)})


def encode_answers(answers: tuple[Answer, ...]) -> bytes:
    return _line({"answers": [_answer(answer) for answer in answers]})


def encode_refusal(reason: str) -> bytes:
    return _line({"refusal": reason})


def without_credentials(url: str) -> str:
    """A URL that may be shown and stored: no user, password, query (signed URLs) or fragment."""
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return url.partition(":")[0]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))


def _line(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields).encode("ascii") + b"\n"


def _answer(answer: Answer) -> dict[str, Any]:
    identity = answer.identity
    return {
        "sha256": answer.sha256,
        "identity": identity
        and [
            identity.device,
            identity.inode,
            identity.size,
            identity.mtime_ns,
            identity.ctime_ns,
        ],
    }


def _statement(fields: dict[str, Any] | None) -> Statement | None:
    if fields is None:
        return None
    major, minor, micro = fields["version"]
    return Statement(
        version=(_number(major), _number(minor), _number(micro)),
        prefix=Path(_text(fields["prefix"])),
        base_prefix=Path(_text(fields["base_prefix"])),
        executable=_text(fields["executable"]),
        pip_origin=_optional_text(fields["pip_origin"]),
        site_folders=tuple(map(Path, _texts(fields["site_folders"]))),
    )


def _item(fields: dict[str, Any]) -> Item:
    kind = fields["kind"]
    if kind not in ("file", "folder"):
        raise ValueError(f"an item of the kind {kind!r}")
    path = Path(_text(fields["path"]))
    if not path.is_absolute() or "\0" in str(path):
        raise ValueError("a path that is not absolute")
    project = _optional_text(fields["project"])
    uploaded_at = _optional_text(fields["uploaded_at"])
    return Item(
        kind=kind,
        path=path,
        origin=OriginKind[_text(fields["origin"])],
        url=_url(fields["url"]),
        index_url=_url(fields["index_url"]),
        project=canonicalize_name(project) if project is not None else None,
        required_by=_texts(fields["required_by"]),
        requested_in=_requirement_line(_optional_text(fields["requested_in"])),
        is_build_requirement=bool(fields["is_build_requirement"]),
        uploaded_at=datetime.fromisoformat(uploaded_at) if uploaded_at is not None else None,
        parent_sha256=_optional_text(fields["parent_sha256"]),
        yanked=_optional_text(fields["yanked"]),
        project_status=_optional_text(fields["project_status"]),
        page_format=_optional_text(fields["page_format"]),
        releases=tuple(
            Release(version=_text(version), uploaded_at=datetime.fromisoformat(_text(time)))
            for version, time in fields["releases"]
        ),
        provenance_url=_url(fields["provenance_url"]),
        attested_before=_optional_text(fields["attested_before"]),
        other_indexes=tuple(map(without_credentials, _texts(fields["other_indexes"]))),
    )


def _requirement_line(text: str | None) -> RequirementLine | None:
    """What pip says of a requirement out of a file; None for anything else that it says."""
    match = _REQUIREMENT_LINE.fullmatch(text or "")
    # A file from the network is no place that somebody can open, and its URL can hold a password.
    if match is None or "://" in match[1]:
        return None
    return RequirementLine(file=match[1], line=int(match[2]))


def _refusing(value: object) -> int:
    code = _number(value)
    if code not in (EXIT_UNSCANNABLE, EXIT_UNSUPPORTED_PIP):
        raise ValueError(f"the exit code {code} for a refusal")
    return code


def _url(value: object) -> str | None:
    return None if value is None else without_credentials(_text(value))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{type(value).__name__} where text belongs")
    return value


def _optional_text(value: object) -> str | None:
    return None if value is None else _text(value)


def _texts(values: object) -> tuple[str, ...]:
    if not isinstance(values, list):
        raise TypeError(f"{type(values).__name__} where a list belongs")
    return tuple(_text(value) for value in values)


def _number(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{type(value).__name__} where a number belongs")
    return value
