"""The JSON Schema of policy files against the code that reads them."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from safe_pip.errors import PolicyError
from safe_pip.policy.keys import KEYS, policy_schema, read_table
from safe_pip.policy.writing import TEMPLATE

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

DOCS = Path(__file__).parents[2] / "docs"


def is_valid(text: str) -> bool:
    # JSON has no dates: editors see the text of one.
    document: Any = json.loads(json.dumps(tomllib.loads(text), default=str))
    validator = jsonschema.Draft7Validator(dict(policy_schema()))
    return not list(validator.iter_errors(document))


def is_read(text: str) -> bool:
    try:
        read_table(tomllib.loads(text), "")
    except PolicyError:
        return False
    return True


def test_the_schema_in_the_docs_is_that_of_the_code() -> None:
    shown = (DOCS / "safe-pip.schema.json").read_text(encoding="utf-8")
    assert shown == json.dumps(policy_schema(), indent=2) + "\n"


def test_the_schema_is_a_schema_of_every_key() -> None:
    schema = dict(policy_schema())
    jsonschema.Draft7Validator.check_schema(schema)
    properties = schema["properties"]
    assert isinstance(properties, dict)
    assert set(properties) == set(KEYS)


def test_every_documented_example_fits_the_schema() -> None:
    page = (DOCS / "policy.md").read_text(encoding="utf-8")
    for example in re.findall(r"```toml\n(.*?)```", page, re.DOTALL):
        assert is_valid(example), example


def test_the_template_fits_the_schema_once_its_lines_count() -> None:
    _, _, lines = TEMPLATE.partition("\n\n")
    text = "\n".join(line.removeprefix("# ") for line in lines.splitlines())
    text = text.replace('"…"', f'"{"0" * 64}"')
    assert is_read(text)
    assert is_valid(text)


VALUES = (
    *("true", "1", "0.5", "-1", "2", '"allow"', '"ask"', '"block"', '"off"', '"7d"', '"7"'),
    *('"allow-below-block"', "[]", "[1]", '["demo<2"]', '["https://a.example/x.zip"]', "{}"),
    *('[{project = "a", reason = "b"}]', '[{project = "a"}]', '[{reason = "b"}]'),
    '[{project = "a", reason = "b", more = 1}]',
    '[{project = "a", reason = "b", expires = 2030-01-01, sha256 = "%s"}]' % ("a" * 64),
    '[{project = "a", reason = "b", sha256 = "short"}]',
    *('{"a*" = "https://x.example/"}', '{"a" = "x"}', '{"a b" = "https://x.example/"}'),
)
# What only the reader knows: which texts are specifiers, and which URLs may be trusted.
ONLY_READ: frozenset[tuple[str, str]] = frozenset({("deny", '["https://a.example/x.zip"]')})


@pytest.mark.parametrize("name", KEYS)
@pytest.mark.parametrize("value", VALUES)
def test_schema_and_reader_agree(name: str, value: str) -> None:
    text = f"{name} = {value}"
    assert is_valid(text) == (is_read(text) or (name, value) in ONLY_READ)


def test_an_unknown_key_is_refused_by_both() -> None:
    assert not is_valid("zzz = 1")
    assert not is_read("zzz = 1")
