"""Reports: the documents of ``--format`` and ``--report``."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from packaging.utils import canonicalize_name

from safe_pip.artifact import OriginKind, RequirementLine
from safe_pip.evidence import Location
from safe_pip.extractors import SCHEMA
from safe_pip.policy.keys import KEYS
from safe_pip.policy.rules import Context
from safe_pip.reports.chains import requirement_tree
from safe_pip.reports.entry import Entry, Scanner
from safe_pip.reports.html_page import html_page
from safe_pip.reports.json_document import json_document
from safe_pip.reports.junit import junit_document
from safe_pip.reports.sarif import sarif_document
from safe_pip.reports.text import text_document
from safe_pip.scoring.hard_rules import BLOCKING, TELLING
from safe_pip.verdict import Advisory, Change, RuleHit, SourceLines
from tests.policies import make_decision, make_finding, make_verdict
from tests.sarif_schema import sarif_schema


def page(of: Sequence[Entry], scanner: Scanner) -> str:
    return html_page(of, scanner, says=lambda feature: f"says {feature}")


SCANNER = Scanner(id="model+schema+0", version="0.1.0", ask_above=0.5, block_above=0.9)
FEATURE = SCHEMA.names[0]
HOSTILE = "exec(x)\x1b[2J\u202e<script>alert(1)</script>"
SOURCE = SourceLines(first_line=2, lines=("import os", HOSTILE, "\tos.system('</pre>')"))
FINDING = replace(
    make_finding(excerpt=HOSTILE),
    around=SOURCE,
    evidence=replace(make_finding(excerpt=HOSTILE).evidence, feature=FEATURE),
)
CHANGE = Change(previous="demo 0.9", score=0.2, ask_above=0.9)
RULE = RuleHit(name="telling-behaviour", says="does it", path="demo.py", line=3)
ADVISORY = Advisory(id="MAL-1", summary="steals", source="a list")


def entries() -> list[Entry]:
    verdicts = {
        "fine.whl": make_verdict(),
        "odd.whl": make_verdict(score=0.6, findings=(FINDING,)),
        "tree": make_verdict(score=0.95, kind="directory", findings=(FINDING,)),
        "/abs/listed.whl": make_verdict(advisories=(ADVISORY,), change=CHANGE, rules=(RULE,)),
        "missing\udcff.whl": make_verdict(
            unscannable="not-found", project=None, version=None, sha256="", kind="unknown"
        ),
    }
    return [Entry(path=path, decision=make_decision(verdict)) for path, verdict in verdicts.items()]


def wanted(
    name: str, *required_by: str, line: int | None = None, score: float = 0.1, **more: Any
) -> Entry:
    """An entry that a requirement file, or another project, asked for."""
    verdict = make_verdict(
        project=name, score=score, findings=(FINDING,) if score > 0.5 else (), filename=name
    )
    context = Context(
        origin=OriginKind.INDEX,
        required_by=required_by,
        requested_in=RequirementLine(file="dev/requirements.txt", line=line) if line else None,
        project=canonicalize_name(name),
        is_build_requirement=line is None and bool(required_by),
    )
    return Entry(path=f"{name}.whl", decision=make_decision(verdict, context=context), **more)


def chained() -> list[Entry]:
    return [
        wanted("flask", line=3),
        wanted("jinja2", "flask==3.1", line=3),
        wanted("evil", "flask==3.1", "jinja2>=2", line=3, score=0.95),
        wanted("tool", "flask==3.1", score=0.6),
        wanted("alone", score=0.6, is_enforced=False),
    ]


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


@pytest.mark.parametrize("writer", [json_document, text_document, page, junit_document])
def test_no_document_can_act_on_a_terminal(writer: Any) -> None:
    text = writer(entries(), SCANNER)
    assert all(character.isprintable() or character == "\n" for character in text)
    assert text.endswith("\n")


def sarif(of: Sequence[Entry] | None = None) -> Any:
    (run,) = parsed(sarif_document(entries() if of is None else of, SCANNER, SCHEMA))["runs"]
    return run


@pytest.mark.parametrize("of", [entries, chained, list])
def test_sarif_is_valid_by_the_official_schema(of: Callable[[], list[Entry]]) -> None:
    document = parsed(sarif_document(of(), SCANNER, SCHEMA))
    jsonschema.Draft7Validator(sarif_schema()).validate(document)


def test_the_official_schema_refuses_what_is_no_sarif() -> None:
    document = parsed(sarif_document(entries(), SCANNER, SCHEMA))
    document["runs"][0]["results"][0]["level"] = "fatal"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft7Validator(sarif_schema()).validate(document)


def test_sarif_points_at_the_line_that_asked_for_it() -> None:
    places = {
        result["message"]["text"].split(" ")[0]: result["locations"][0]["physicalLocation"]
        for result in sarif(chained())["results"]
        if result["ruleId"].startswith("policy/")
    }
    line = {
        "artifactLocation": {"uri": "dev/requirements.txt"},
        "region": {"startLine": 3},
    }
    # The tool is a build requirement of what the line asks for.
    assert (places["evil"], places["tool"]) == (line, line)
    alone = {"artifactLocation": {"uri": "alone.whl"}, "region": {"startLine": 1}}
    assert places["alone"] == alone
    evil = next(result for result in sarif(chained())["results"] if result["ruleId"] == FEATURE)
    related = evil["relatedLocations"][0]
    assert related["logicalLocations"][0]["fullyQualifiedName"] == "demo/__init__.py:3"


def test_sarif_tells_the_columns_of_what_a_find_in_a_folder_is_about() -> None:
    source = SourceLines(first_line=2, lines=("import os", "\tx = exec(data)", "y = 1"))
    found = make_finding(line=3)
    verdict = make_verdict(score=0.95, kind="directory", findings=(replace(found, around=source),))
    (_, result) = sarif([Entry(path="tree", decision=make_decision(verdict))])["results"]
    physical = result["locations"][0]["physicalLocation"]
    assert physical["region"] == {"startLine": 3, "startColumn": 6, "endColumn": 10}
    assert source.lines[1][6 - 1 : 10 - 1] == "exec"
    assert physical["contextRegion"]["snippet"]["text"].splitlines()[1] == source.lines[1]


@pytest.mark.parametrize("of", [entries, chained])
def test_sarif_has_what_a_code_scanning_service_wants(of: Callable[[], list[Entry]]) -> None:
    """GitHub documents these as required."""
    run = sarif(of())
    for rule in run["tool"]["driver"]["rules"]:
        for key in ("shortDescription", "fullDescription", "help"):
            assert rule[key]["text"].strip()
    assert len(run["tool"]["driver"]["rules"]) < 25_000
    for result in run["results"]:
        assert result["message"]["text"].strip()
        assert result["partialFingerprints"]
        (location,) = result["locations"]
        assert location["physicalLocation"]["artifactLocation"]["uri"]
        assert location["physicalLocation"]["region"]["startLine"] >= 1


def test_the_page_marks_what_a_find_is_about() -> None:
    source = SourceLines(first_line=2, lines=("import os", "  x = exec(data)", "y = 1"))
    verdict = make_verdict(score=0.95, findings=(replace(make_finding(line=3), around=source),))
    text = page([Entry(path="a.whl", decision=make_decision(verdict))], SCANNER)
    # In one element: the row is a grid, and each part would be a cell of its own.
    assert "<i>  x = <strong>exec</strong>(data)</i>" in text
    assert text.count("<strong>") == 1


def test_sarif_only_notes_what_was_not_enforced() -> None:
    levels = [result["level"] for result in sarif(chained())["results"]]
    assert levels == ["error", "error", "warning", "warning", "note", "note"]


def test_sarif_rules_are_the_features_and_the_policys_keys() -> None:
    rules = [rule["id"] for rule in sarif()["tool"]["driver"]["rules"]]
    assert rules[: len(SCHEMA.names)] == list(SCHEMA.names)
    of_policy = {rule.removeprefix("policy/") for rule in rules[len(SCHEMA.names) :]}
    # These decide nothing about an artifact by themselves.
    silent = {"allow", "unattended", "offline", "advisory-feeds"}
    silent |= {"minimum-release-age-exempt", "name-squats-exempt"}
    hard_rules = {TELLING, *(rule.name for rule in BLOCKING)}
    assert of_policy == (set(KEYS) - silent) | hard_rules


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
    assert in_archive["physicalLocation"]["region"] == {"startLine": 1}
    assert in_folder["physicalLocation"]["region"] == {"startLine": 3}


class _Page(HTMLParser):
    """What a browser would make of a page: its tags, in order, with what they load."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.loaded: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            assert not name.startswith("on")
            if name in ("src", "srcset", "data", "background"):
                self.loaded.append(value or "")
            if name == "href":
                self.links.append(value or "")
            if name == "id":
                self.ids.append(value or "")

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_loads_and_runs_nothing_whatever_an_artifact_says() -> None:
    text = page(entries() + chained(), SCANNER)
    read = _Page(text)
    assert not {"script", "link", "img", "iframe", "object", "form", "base"} & set(read.tags)
    assert read.loaded == []
    assert all(link.startswith("#") for link in read.links)
    assert "http-equiv" in text and "default-src 'none'" in text
    assert "url(" not in text and "@import" not in text
    assert "<script>alert(1)</script>" in read.text


_TEXTS = st.text(max_size=20) | st.sampled_from(
    ["</pre><script>x()</script>", '" onload="x()', "&lt;b&gt;", "]]>", "<!--", "\x00\x1b\u2028"]
)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=50)
@given(_TEXTS, _TEXTS, _TEXTS)
def test_no_text_of_an_artifact_becomes_markup(path: str, excerpt: str, name: str) -> None:
    finding = replace(
        FINDING,
        evidence=replace(
            FINDING.evidence, excerpt=excerpt, detail=name, location=Location(path=path)
        ),
        around=SourceLines(first_line=1, lines=(excerpt, path)),
    )
    verdict = make_verdict(
        score=0.95, filename=name, version=excerpt, findings=(finding,), advisories=(ADVISORY,)
    )
    context = Context(
        origin=OriginKind.INDEX,
        required_by=(name, path),
        requested_in=RequirementLine(file=path, line=1),
    )
    entry = Entry(path=path, decision=make_decision(verdict, context=context))
    plain = Entry(path="x", decision=make_decision(make_verdict(score=0.95, findings=(FINDING,))))
    assert set(_Page(page([entry], SCANNER)).tags) <= set(_Page(page([plain], SCANNER)).tags) | {
        *("ul", "li", "a")
    }
    ElementTree.fromstring(junit_document([entry], SCANNER))
    jsonschema.Draft7Validator(sarif_schema()).validate(
        parsed(sarif_document([entry], SCANNER, SCHEMA))
    )


def test_every_link_of_the_page_has_its_place() -> None:
    read = _Page(page(chained(), SCANNER))
    assert {link[1:] for link in read.links} == set(read.ids)
    assert len(read.ids) == 3


def test_the_page_shows_the_source_around_a_find_with_its_line_marked() -> None:
    text = page(chained(), SCANNER)
    assert "<mark><b>    3</b><i>exec(x)\\x1b[2J\\u202e&lt;script&gt;" in text
    assert "<span><b>    2</b><i>import os" in text
    assert "<span><b>    4</b><i>    os.system(&#x27;&lt;/pre&gt;&#x27;)" in text


def test_the_page_says_who_pulled_in_what() -> None:
    text = page(chained(), SCANNER)
    assert "flask==3.1 → jinja2&gt;=2" in text
    assert "dev/requirements.txt:3" in text
    tree = requirement_tree(chained())
    assert [(node.wanted, len(node.entries)) for node in tree.walk()] == [
        ("flask", 1),
        ("jinja2", 1),
        ("evil", 1),
        ("tool", 1),
        ("alone", 1),
    ]
    assert "Who pulled in what" not in page(entries(), SCANNER)


def test_the_page_says_when_nothing_was_blocked() -> None:
    assert "Report only: nothing was blocked" in page(chained(), SCANNER)
    assert "Report only" not in page(entries(), SCANNER)


def test_junit_has_a_case_an_artifact() -> None:
    suite = ElementTree.fromstring(junit_document(entries(), SCANNER))
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("5", "3", "1")
    kinds = [[child.tag for child in case] for case in suite.iter("testcase")]
    assert kinds == [[], ["failure"], ["failure"], ["failure"], ["error"]]
    *_, case = ElementTree.fromstring(junit_document(chained(), SCANNER))
    (alone,) = case
    assert (alone.tag, "ask-above" in (alone.text or "")) == ("system-out", True)


def test_sarif_fingerprints_tell_results_apart() -> None:
    prints = [result["partialFingerprints"]["safePip/v1"] for result in sarif()["results"]]
    # Two entries of these share a digest, so the same find in both has one fingerprint.
    assert len(set(prints)) >= len(prints) - 1


def test_the_text_says_how_many_had_a_finding() -> None:
    text = text_document(entries(), SCANNER)
    assert "demo/__init__.py:3  decodes data and executes it" in text
    assert text.endswith(
        "4 inspected, 3 asked about or blocked, 1 could not be inspected (model+schema+0)\n"
    )
