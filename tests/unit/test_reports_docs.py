"""docs/reports.md against the code: every key of the JSON document is there, and no other."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from safe_pip.artifact import OriginKind
from safe_pip.cli.arguments import FORMATS
from safe_pip.cli.report_files import writer_of
from safe_pip.reports.json_document import SCHEMA_VERSION, json_document
from tests.unit.test_reports import SCANNER, chained, entries

DOCS = (Path(__file__).parents[2] / "docs" / "reports.md").read_text(encoding="utf-8")


def documented() -> dict[str, list[str]]:
    """The keys of each table, by the heading above it."""
    json_part = DOCS.split("## JSON")[1].split("\n## SARIF")[0]
    _, *sections = re.split(r"^### ", json_part, flags=re.MULTILINE)
    return {
        section.splitlines()[0].strip("`"): re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
        for section in sections
    }


def objects(value: object, path: str) -> Iterator[tuple[str, Mapping[str, object]]]:
    if isinstance(value, list):
        for item in value:
            yield from objects(item, f"{path}[]")
    if isinstance(value, dict):
        yield path, value
        for key, item in value.items():
            yield from objects(item, f"{path}.{key}".lstrip("."))


def test_every_key_of_the_document_is_documented_in_order() -> None:
    document = json.loads(json_document(entries() + chained(), SCANNER))
    found = {path or "The document": list(keys) for path, keys in objects(document, "")}
    assert found == documented()


def test_the_documented_version_and_words_are_those_of_the_code() -> None:
    assert f"| `schema_version` | `{SCHEMA_VERSION}` |" in DOCS
    (origins,) = re.findall(r"^\| `origin` \| (.*) \|$", DOCS, re.MULTILINE)
    assert re.findall(r"`([\w-]+)`", origins) == [origin.word for origin in OriginKind]
    assert f"--format {'|'.join(FORMATS)}`" in DOCS


def test_there_is_a_writer_for_each_format() -> None:
    documents = {name: writer_of(name)([], SCANNER) for name in FORMATS}
    assert len(set(documents.values())) == len(FORMATS)
