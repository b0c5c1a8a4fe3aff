"""Encoding: a verdict as JSON and back, for the cache and for what inspection workers answer.

Both are read with suspicion: a file may be damaged, and a worker has handled hostile bytes.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence

from packaging.utils import NormalizedName, canonicalize_name

from safe_pip.evidence import Evidence, Location, Surface
from safe_pip.feature import Group
from safe_pip.verdict import Change, Finding, Lookalike, RuleHit, SourceLines, Unscannable, Verdict


class EncodingError(ValueError):
    """The text is not a verdict that this version wrote."""


def encode_verdict(verdict: Verdict) -> dict[str, object]:
    """A JSON object of the verdict without its advisories, which are looked up anew each time."""
    return {
        "sha256": verdict.sha256,
        "filename": verdict.filename,
        "kind": verdict.kind,
        "project": verdict.project,
        "version": verdict.version,
        "scanner_id": verdict.scanner_id,
        "score": verdict.score,
        "unscannable": (
            None
            if verdict.unscannable is None
            else {"reason": verdict.unscannable.reason, "detail": verdict.unscannable.detail}
        ),
        "lookalike": (
            None
            if verdict.lookalike is None
            else {"closeness": verdict.lookalike.closeness, "words": verdict.lookalike.words}
        ),
        "findings": [_encode_finding(finding) for finding in verdict.findings],
        "change": None if verdict.change is None else _encode_change(verdict.change),
        "rules": [
            {
                "name": hit.name,
                "says": hit.says,
                "path": hit.path,
                "line": hit.line,
                "is_block": hit.is_block,
            }
            for hit in verdict.rules
        ],
    }


def decode_verdict(document: object) -> Verdict:
    """The verdict that ``encode_verdict`` wrote; raises EncodingError for anything else."""
    fields = _object(document)
    unscannable = fields.get("unscannable")
    score = None if fields.get("score") is None else _number(fields, "score")
    if score is not None and not 0 <= score <= 1:
        raise EncodingError(f"the score {score} is not from 0 to 1")
    project = fields.get("project")
    try:
        return Verdict(
            sha256=_text(fields, "sha256"),
            filename=_text(fields, "filename"),
            kind=_text(fields, "kind"),
            project=None if project is None else _project(_text(fields, "project")),
            version=None if fields.get("version") is None else _text(fields, "version"),
            scanner_id=_text(fields, "scanner_id"),
            score=score,
            unscannable=None if unscannable is None else _decode_unscannable(unscannable),
            lookalike=_decode_lookalike(fields.get("lookalike")),
            findings=tuple(_decode_finding(item) for item in _list(fields, "findings")),
            rules=tuple(_decode_rule(item) for item in _list(fields, "rules")),
            change=None if fields.get("change") is None else _decode_change(fields["change"]),
        )
    except ValueError as error:
        raise EncodingError(str(error)) from error


def parse_json(text: bytes) -> object:
    """The JSON value of ``text``; raises EncodingError, also for NaN and infinity."""
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise EncodingError("not JSON") from error


def _refuse_constant(name: str) -> float:
    raise EncodingError(f"the number {name}")


def _encode_finding(finding: Finding) -> dict[str, object]:
    evidence = finding.evidence
    return {
        "feature": evidence.feature,
        "path": evidence.location.path,
        "line": evidence.location.line,
        "value": evidence.value,
        "surface": evidence.surface.name,
        "excerpt": evidence.excerpt,
        "detail": evidence.detail,
        "group": finding.group.value,
        "contribution": finding.contribution,
        "around": (
            None
            if finding.around is None
            else {"first_line": finding.around.first_line, "lines": list(finding.around.lines)}
        ),
    }


def _decode_finding(document: object) -> Finding:
    fields = _object(document)
    surface = _text(fields, "surface")
    if surface not in Surface.__members__:
        raise EncodingError(f"unknown surface {surface!r}")
    return Finding(
        evidence=Evidence(
            feature=_text(fields, "feature"),
            location=Location(path=_text(fields, "path"), line=_line(fields, "line")),
            value=_number(fields, "value"),
            surface=Surface[surface],
            excerpt=_text(fields, "excerpt"),
            detail=_text(fields, "detail"),
        ),
        group=Group(_text(fields, "group")),
        contribution=_number(fields, "contribution"),
        around=None if fields.get("around") is None else _decode_around(fields["around"]),
    )


def _decode_rule(document: object) -> RuleHit:
    fields = _object(document)
    is_block = fields.get("is_block")
    if not isinstance(is_block, bool):
        raise EncodingError("is_block is not true or false")
    return RuleHit(
        name=_text(fields, "name"),
        says=_text(fields, "says"),
        path=_text(fields, "path"),
        line=_line(fields, "line"),
        is_block=is_block,
    )


def _encode_change(change: Change) -> dict[str, object]:
    return {
        "previous": change.previous,
        "score": change.score,
        "ask_above": change.ask_above,
        "unread": change.unread,
        "findings": [_encode_finding(finding) for finding in change.findings],
    }


def _decode_change(document: object) -> Change:
    fields = _object(document)
    score = None if fields.get("score") is None else _number(fields, "score")
    if score is not None and not 0 <= score <= 1:
        raise EncodingError(f"the score {score} is not from 0 to 1")
    return Change(
        previous=_text(fields, "previous"),
        score=score,
        ask_above=_number(fields, "ask_above"),
        unread=_text(fields, "unread"),
        findings=tuple(_decode_finding(item) for item in _list(fields, "findings")),
    )


def _decode_around(document: object) -> SourceLines:
    fields = _object(document)
    lines = _list(fields, "lines")
    texts = tuple(line for line in lines if isinstance(line, str))
    if len(texts) != len(lines):
        raise EncodingError("lines are not all texts")
    return SourceLines(first_line=_line(fields, "first_line"), lines=texts)


def _decode_unscannable(document: object) -> Unscannable:
    fields = _object(document)
    return Unscannable(reason=_text(fields, "reason"), detail=_text(fields, "detail"))


def _decode_lookalike(document: object) -> Lookalike | None:
    if document is None:
        return None
    fields = _object(document)
    return Lookalike(closeness=_number(fields, "closeness"), words=_text(fields, "words"))


def _project(name: str) -> NormalizedName:
    return canonicalize_name(name)


def _object(document: object) -> Mapping[str, object]:
    if not isinstance(document, dict):
        raise EncodingError("not a JSON object")
    return document


def _list(fields: Mapping[str, object], name: str) -> Sequence[object]:
    value = fields.get(name)
    if not isinstance(value, list):
        raise EncodingError(f"{name} is not a list")
    return value


def _text(fields: Mapping[str, object], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str):
        raise EncodingError(f"{name} is not a text")
    return value


def _line(fields: Mapping[str, object], name: str) -> int:
    value = fields.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise EncodingError(f"{name} is not a line number")
    return value


def _number(fields: Mapping[str, object], name: str) -> float:
    value = fields.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise EncodingError(f"{name} is not a finite number")
    return float(value)
