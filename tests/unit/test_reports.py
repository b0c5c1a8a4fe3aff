"""Reports: the documents of ``--format`` and ``--report``."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import pytest

from safe_pip.extractors import SCHEMA
from safe_pip.policy.keys import KEYS
from safe_pip.reports.entry import Entry, Scanner
from safe_pip.reports.json_document import json_document
from safe_pip.reports.sarif import sarif_document
from safe_pip.reports.text import text_document
from safe_pip.verdict import Advisory
from tests.policies import make_decision, make_finding, make_verdict

SCANNER = Scanner(id="model+schema+0", version="0.1.0", ask_above=0.5, block_above=0.9)
FEATURE = SCHEMA.names[0]
FINDING = replace(
    make_finding(excerpt="exec(x)\x1b[2J\u202e"),
    evidence=replace(make_finding(excerpt="exec(x)\x1b[2J\u202e").evidence, feature=FEATURE),
)
ADVISORY = Advisory(id="MAL-1", summary="steals", source="a list")


def entries() -> list[Entry]:
    verdicts = {
        "fine.whl": make_verdict(),
        "odd.whl": make_verdict(score=0.6, findings=(FINDING,)),
        "tree": make_verdict(score=0.95, kind="directory", findings=(FINDING,)),
        "/abs/listed.whl": make_verdict(advisories=(ADVISORY,)),
        "missing\udcff.whl": make_verdict(
            unscannable="not-found", project=None, version=None, sha256="", kind="unknown"
        ),
    }
    return [Entry(path=path, decision=make_decision(verdict)) for path, verdict in verdicts.items()]


def parsed(text: str) -> Any:
    def refuse(constant: str) -> float:
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(text, parse_constant=refuse)


def test_the_json_document_has_an_entry_a_path_in_order() -> None:
    document = parsed(json_document(entries(), SCANNER))
    assert document["schema_version"] == 1
    assert document["scanner"]["id"] == SCANNER.id
    assert [entry["path"] for entry in document["decisions"]] == [
        "fine.whl",
        "odd.whl",
        "tree",
        "/abs/listed.whl",
        "missing\ufffd.whl",
    ]


def test_a_json_entry_has_the_documented_keys() -> None:
    documented = {"path", "project", "version", "kind", "sha256", "score", "action", "rule"}
    documented |= {"unscannable", "advisories", "evidence"}
    for entry in parsed(json_document(entries(), SCANNER))["decisions"]:
        assert documented <= set(entry)
        assert entry["action"] in ("allow", "ask", "block")
        assert (entry["score"] is None) != (entry["unscannable"] is None)


def test_json_evidence_has_the_documented_keys() -> None:
    _, odd, *_ = parsed(json_document(entries(), SCANNER))["decisions"]
    (evidence,) = odd["evidence"]
    assert evidence["feature"] == FEATURE
    assert (evidence["path"], evidence["line"]) == ("demo/__init__.py", 3)
    assert evidence["group"] == "code"
    assert evidence["excerpt"] == FINDING.evidence.excerpt
    assert math.isclose(evidence["contribution"], 0.5)


def test_what_could_not_be_inspected_has_its_reason_and_no_score() -> None:
    *_, missing = parsed(json_document(entries(), SCANNER))["decisions"]
    assert (missing["unscannable"], missing["score"], missing["sha256"]) == (
        "not-found",
        None,
        None,
    )
    assert missing["rule"] == "unscannable"


@pytest.mark.parametrize("writer", [json_document, text_document])
def test_no_document_can_act_on_a_terminal(writer: Any) -> None:
    text = writer(entries(), SCANNER)
    assert all(character.isprintable() or character == "\n" for character in text)
    assert text.endswith("\n")


def sarif() -> Any:
    (run,) = parsed(sarif_document(entries(), SCANNER, SCHEMA))["runs"]
    return run


def test_sarif_rules_are_the_features_and_the_policys_keys() -> None:
    rules = [rule["id"] for rule in sarif()["tool"]["driver"]["rules"]]
    assert rules[: len(SCHEMA.names)] == list(SCHEMA.names)
    of_policy = {rule.removeprefix("policy/") for rule in rules[len(SCHEMA.names) :]}
    # These decide nothing about an artifact by themselves.
    silent = {"allow", "unattended", "offline", "advisory-feeds", "minimum-release-age-exempt"}
    assert of_policy == set(KEYS) - silent


def test_sarif_results_point_at_their_rules() -> None:
    run = sarif()
    rules = run["tool"]["driver"]["rules"]
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["message"]["text"]
        assert result["level"] in ("warning", "error")


def test_sarif_has_no_result_for_what_passed() -> None:
    uris = {
        location["physicalLocation"]["artifactLocation"]["uri"]
        for result in sarif()["results"]
        for location in result["locations"]
    }
    assert uris == {
        "odd.whl",
        "tree",
        "tree/demo/__init__.py",
        "file:///abs/listed.whl",
        "missing%EF%BF%BD.whl",
    }


def test_sarif_gives_the_line_in_a_folder_and_the_member_in_an_archive() -> None:
    locations = [
        result["locations"][0] for result in sarif()["results"] if result["ruleId"] == FEATURE
    ]
    in_archive, in_folder = locations
    assert in_archive["logicalLocations"][0]["fullyQualifiedName"] == "demo/__init__.py:3"
    assert "region" not in in_archive["physicalLocation"]
    assert in_folder["physicalLocation"]["region"] == {"startLine": 3}


def test_sarif_fingerprints_tell_results_apart() -> None:
    prints = [result["partialFingerprints"]["safePip/v1"] for result in sarif()["results"]]
    # Two entries of these share a digest, so the same find in both has one fingerprint.
    assert len(set(prints)) >= len(prints) - 1


def test_the_text_says_how_many_had_a_finding() -> None:
    text = text_document(entries(), SCANNER)
    assert "demo/__init__.py:3  decodes data and executes it" in text
    assert text.endswith("5 inspected, 4 with a finding (model+schema+0)\n")
