"""JUnit XML: one test case an artifact, for CI services that show test results."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree

from safe_pip.escaping import escaped
from safe_pip.policy.wording import release_name
from safe_pip.reports.entry import Entry, Scanner


def junit_document(entries: Sequence[Entry], scanner: Scanner) -> str:
    """A question or a block is a failure, what could not be inspected an error; what a run that
    only reports let pass is neither, and says so in its output."""
    suite = ElementTree.Element("testsuite", name="safe-pip", tests=str(len(entries)))
    failures = errors = 0
    for entry in entries:
        decision, verdict = entry.decision, entry.decision.verdict
        case = ElementTree.SubElement(
            suite, "testcase", classname="safe-pip", name=_text(f"{release_name(verdict)}")
        )
        case.set("file", _text(entry.shown_path))
        if entry.has_passed:
            continue
        kind = "error" if decision.rule == "unscannable" else "failure"
        if not entry.is_enforced:
            kind = "system-out"
        failures += kind == "failure"
        errors += kind == "error"
        result = ElementTree.SubElement(case, kind)
        message = f"{decision.action.value}: {decision.reason} [{decision.rule}]"
        if kind != "system-out":
            result.set("type", decision.rule)
            result.set("message", _text(message))
        result.text = "\n".join([_text(message), *map(_text, _finds(entry))])
    suite.set("failures", str(failures))
    suite.set("errors", str(errors))
    properties = ElementTree.Element("properties")
    ElementTree.SubElement(properties, "property", name="scanner", value=_text(scanner.id))
    suite.insert(0, properties)
    ElementTree.indent(suite)
    # ASCII, in which every other character is a reference.
    document: bytes = ElementTree.tostring(suite, encoding="us-ascii", xml_declaration=True)
    return f"{document.decode()}\n"


def _finds(entry: Entry) -> Sequence[str]:
    return [
        f"{finding.evidence.location.path}:{finding.evidence.location.line}  "
        f"{finding.evidence.detail or finding.evidence.feature}  {finding.evidence.excerpt}"
        for finding in entry.decision.verdict.telling
    ]


def _text(text: str) -> str:
    """XML 1.0 has no way to write most control characters; escaped, none are left."""
    return escaped(text, max_chars=1_000)
