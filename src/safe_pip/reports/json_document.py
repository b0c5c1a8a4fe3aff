"""JSON: the document of ``safe-pip scan --format json``, version 1 of its schema."""

from __future__ import annotations

import json
from collections.abc import Sequence

from safe_pip.reports.entry import Entry, Scanner
from safe_pip.verdict import Finding

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
        "unscannable": verdict.unscannable.reason if verdict.unscannable else None,
        "advisories": [
            {"id": advisory.id, "summary": advisory.summary, "source": advisory.source}
            for advisory in verdict.advisories
        ],
        "not_checked": list(decision.not_checked),
        "evidence": [_finding(finding) for finding in verdict.findings],
    }


def _finding(finding: Finding) -> dict[str, object]:
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
    }
