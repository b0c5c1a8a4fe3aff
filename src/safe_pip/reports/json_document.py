"""JSON: the document of ``safe-pip scan --format json``, version 1 of its schema."""

from __future__ import annotations

import json
from collections.abc import Sequence

from safe_pip.artifact import RequirementLine
from safe_pip.reports.entry import Entry, Scanner
from safe_pip.verdict import Change, Finding, Verdict

SCHEMA_VERSION = 1


def json_document(entries: Sequence[Entry], scanner: Scanner) -> str:
    """One document, pure ASCII, so that nothing in it can act on a terminal."""
    document = {
        "schema_version": SCHEMA_VERSION,
        "scanner": {
            "name": "safe-pip",
            "version": scanner.version,
            "id": scanner.id,
            "ask_above": scanner.ask_above,
            "block_above": scanner.block_above,
        },
        "decisions": [_decision(entry) for entry in entries],
    }
    return json.dumps(document, indent=1) + "\n"


def _decision(entry: Entry) -> dict[str, object]:
    decision, verdict = entry.decision, entry.decision.verdict
    return {
        "path": entry.shown_path,
        "project": verdict.project,
        "version": verdict.version,
        "kind": verdict.kind,
        "sha256": verdict.sha256 or None,
        "digest_of": entry.digest_of,
        "score": verdict.score,
        "action": decision.action.value,
        "rule": decision.rule,
        "reason": decision.reason,
        "enforced": entry.is_enforced,
        "origin": decision.context.origin.word,
        "published_by": decision.context.attested.publisher if decision.context.attested else None,
        "required_by": list(decision.context.required_by),
        "is_build_requirement": decision.context.is_build_requirement,
        "requested_in": _line(decision.context.requested_in),
        "came_out_of": entry.came_out_of,
        "unscannable": verdict.unscannable.reason if verdict.unscannable else None,
        "advisories": [
            {"id": advisory.id, "summary": advisory.summary, "source": advisory.source}
            for advisory in verdict.advisories
        ],
        "not_checked": list(decision.not_checked),
        "change": None if verdict.change is None else _change(verdict.change),
        "hard_rules": [
            {"name": hit.name, "says": hit.says, "path": hit.path, "line": hit.line}
            for hit in verdict.rules
        ],
        "evidence": [_finding(finding, verdict) for finding in verdict.telling],
    }


def _change(change: Change) -> dict[str, object]:
    return {
        "previous": change.previous,
        "score": change.score,
        "ask_above": change.ask_above,
        "unread": change.unread or None,
    }


def _line(line: RequirementLine | None) -> dict[str, object] | None:
    return None if line is None else {"file": line.file, "line": line.line}


def _finding(finding: Finding, verdict: Verdict) -> dict[str, object]:
    evidence = finding.evidence
    return {
        "feature": evidence.feature,
        "group": finding.group.value,
        "path": evidence.location.path,
        "line": evidence.location.line,
        "excerpt": evidence.excerpt,
        "detail": evidence.detail,
        "surface": evidence.surface.value,
        "contribution": finding.contribution,
        "gained": verdict.change is not None and finding in verdict.change.findings,
    }
