"""SARIF 2.1.0: what was found, for code-scanning services and editors.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html. What passed is no result.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

from safe_pip.artifact import RequirementLine
from safe_pip.feature import FeatureSchema
from safe_pip.policy.rules import Action
from safe_pip.policy.telling import telling_spans
from safe_pip.reports.chains import requirement_line, requirement_lines
from safe_pip.reports.entry import Entry, Scanner
from safe_pip.verdict import Finding

_SCHEMA_URL = "https://json.schemastore.org/sarif-2.1.0.json"
# Services that show findings want one for each rule.
_FEATURE_HELP = "safe-pip explain ARTIFACT shows all that was found; docs/features.md explains it."
_POLICY_HELP = "safe-pip policy show tells which file says so; docs/policy.md explains the key"
# Where a place has no line of its own; GitHub refuses results without one.
_FIRST_LINE: Mapping[str, object] = {"startLine": 1}
_LEVELS = {Action.ALLOW: "note", Action.ASK: "warning", Action.BLOCK: "error"}
_POLICY_RULES: Mapping[str, str] = {
    "advisories": "A list of known malware has the release.",
    "block-above": "The score reaches the threshold at which artifacts are blocked.",
    "ask-above": "The score reaches the threshold at which artifacts are asked about.",
    "attestation-loss": "An earlier release has an attestation, and this one has none.",
    "attestations": "No attestation of who published the file was found to hold.",
    "changes": "The release gained what attacks show since the one at hand.",
    "data-acts": "Code in a data file, run without being called, uses the network (hard rule).",
    "deny": "The policy denies the project.",
    "direct-urls": "The artifact comes from a direct URL.",
    "editable": "The artifact is an editable folder.",
    "install-decodes": "It decodes a hidden command and starts it while installing (hard rule).",
    "install-fetches": "It fetches code and executes it while installing (hard rule).",
    "install-reports": "It sends away what it learns of the machine while installing (hard rule).",
    "minimum-release-age": "The release is younger than the policy wants.",
    "name-squats": "The project is new and named like a much more popular one.",
    "private-names": "The project may come from another index only.",
    "quarantined": "The index has quarantined the project.",
    "remote-shell": "It gives whoever it connects to a shell, without being called (hard rule).",
    "sdists": "The artifact is a source distribution.",
    "sends-environment": "It sends the environment away without being called (hard rule).",
    "sends-secrets": "It sends stored secrets away without being called (hard rule).",
    "several-indexes": "Several indexes offer different files under this name.",
    "startup-decodes": "A start-up file decodes hidden code and runs it (hard rule).",
    "startup-fetches": "A start-up file fetches code and runs it (hard rule).",
    "telling-behaviour": "It does what malware and no benign project known to the model does.",
    "unknown-age": "The index does not say when the release was uploaded.",
    "unscannable": "The artifact could not be inspected in full.",
    "vcs": "The artifact comes from version control.",
    "yanked": "The index has yanked the release.",
}


def sarif_document(entries: Sequence[Entry], scanner: Scanner, schema: FeatureSchema) -> str:
    """One run. The rules are the features of ``schema``, and the rules of a policy."""
    rules = [*_feature_rules(schema), *_policy_rules()]
    positions = {str(rule["id"]): position for position, rule in enumerate(rules)}
    lines = requirement_lines(entries)
    document = {
        "$schema": _SCHEMA_URL,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "safe-pip",
                        "semanticVersion": scanner.version,
                        "rules": rules,
                        "properties": {"scanner": scanner.id},
                    }
                },
                "columnKind": "unicodeCodePoints",
                "results": [
                    result
                    for entry in entries
                    if not entry.has_passed
                    for result in _results(entry, positions, requirement_line(entry, lines))
                ],
            }
        ],
    }
    return json.dumps(document, indent=1) + "\n"


def _feature_rules(schema: FeatureSchema) -> Iterator[dict[str, object]]:
    for feature in schema.features:
        yield {
            "id": feature.name,
            "shortDescription": {"text": feature.says or feature.reason or feature.name},
            "fullDescription": {"text": feature.reason or feature.says or feature.name},
            "help": {"text": _FEATURE_HELP},
            "properties": {"group": feature.group.value, "tags": ["security"]},
        }


def _policy_rules() -> Iterator[dict[str, object]]:
    for name, text in _POLICY_RULES.items():
        yield {
            "id": f"policy/{name}",
            "shortDescription": {"text": text},
            "fullDescription": {"text": text},
            "help": {"text": f"{_POLICY_HELP} {name}."},
            "properties": {"tags": ["security"]},
        }


def _results(
    entry: Entry, positions: Mapping[str, int], line: RequirementLine | None
) -> Iterator[dict[str, object]]:
    """The decision itself, then each finding behind it."""
    decision, verdict = entry.decision, entry.decision.verdict
    name = " ".join(part for part in (verdict.project, verdict.version) if part)
    yield _result(
        entry,
        positions,
        line,
        rule=f"policy/{decision.rule}",
        text=f"{name or verdict.filename}: {decision.action.value}, because {decision.reason}.",
    )
    for finding in verdict.telling:
        evidence = finding.evidence
        place = f"{evidence.location.path}:{evidence.location.line}".strip(":")
        words = [place, evidence.detail, evidence.surface.value, evidence.excerpt]
        yield _result(
            entry,
            positions,
            line,
            rule=evidence.feature,
            text=" · ".join(word for word in words if word),
            finding=finding,
        )


def _result(
    entry: Entry,
    positions: Mapping[str, int],
    line: RequirementLine | None,
    *,
    rule: str,
    text: str,
    finding: Finding | None = None,
) -> dict[str, object]:
    result: dict[str, object] = {
        "ruleId": rule,
        "level": _LEVELS[entry.decision.action] if entry.is_enforced else "note",
        "message": {"text": text},
        "locations": [_location(entry, finding, line)],
        "partialFingerprints": {"safePip/v1": _fingerprint(entry, rule, finding)},
    }
    if rule in positions:
        result["ruleIndex"] = positions[rule]
    if line is not None:
        # What the line brought in; the line itself is what somebody can change.
        result["relatedLocations"] = [_location(entry, finding, None)]
    if finding is not None:
        result["properties"] = {"contribution": finding.contribution}
    return result


def _location(
    entry: Entry, finding: Finding | None, line: RequirementLine | None
) -> dict[str, object]:
    """The line of a requirement file that asks for it, where there is one; in a folder, the file
    itself; in an archive, the archive with the member beside it."""
    if line is not None:
        return {
            "physicalLocation": {
                "artifactLocation": {"uri": _uri(line.file)},
                "region": {"startLine": max(1, line.line)},
            }
        }
    inner = finding.evidence.location if finding is not None else None
    if finding is None or inner is None or not inner.path:
        artifact = {"artifactLocation": {"uri": _uri(entry.shown_path)}, "region": _FIRST_LINE}
        return {"physicalLocation": artifact}
    if entry.digest_of == "files":
        path = Path(entry.shown_path)
        # An installed copy goes by its metadata, which lie beside its modules.
        root = path.parent if path.name.endswith(".dist-info") else path
        place = {"artifactLocation": {"uri": _uri(str(root / inner.path))}}
        return {"physicalLocation": {**place, **_regions(finding)}}
    member = f"{inner.path}:{inner.line}" if inner.line else inner.path
    return {
        "physicalLocation": {
            "artifactLocation": {"uri": _uri(entry.shown_path)},
            "region": _FIRST_LINE,
        },
        "logicalLocations": [{"fullyQualifiedName": member, "kind": "member"}],
    }


def _regions(finding: Finding) -> dict[str, object]:
    """The line of a find, with the columns of what it is about, and the lines around it."""
    number, around = finding.evidence.location.line, finding.around
    region: dict[str, object] = {"startLine": max(1, number)}
    if around is None or not 0 <= number - around.first_line < len(around.lines):
        return {"region": region}
    if spans := telling_spans(around.lines[number - around.first_line], [finding.evidence]):
        # Columns count from 1, and the end is the column after the last character.
        region |= {"startColumn": spans[0].start + 1, "endColumn": spans[-1].end + 1}
    context = {
        "startLine": around.first_line,
        "endLine": around.first_line + len(around.lines) - 1,
        "snippet": {"text": "\n".join(around.lines)},
    }
    return {"region": region, "contextRegion": context}


def _uri(path: str) -> str:
    return Path(path).as_uri() if Path(path).is_absolute() else quote(Path(path).as_posix())


def _fingerprint(entry: Entry, rule: str, finding: Finding | None) -> str:
    place = finding.evidence.location if finding is not None else ""
    text = f"{entry.decision.verdict.sha256} {rule} {place}"
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()[:32]
