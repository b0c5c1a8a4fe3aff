"""docs/policy.md against the code: every key is there, and every example is valid."""

from __future__ import annotations

import re
from pathlib import Path

from safe_pip.policy.keys import KEYS
from safe_pip.policy.loading import read_policy_file
from safe_pip.policy.settings import Policy

DOCS = Path(__file__).parents[2] / "docs" / "policy.md"


def test_every_key_is_documented_once() -> None:
    headings = re.findall(r"^### (.*)$", DOCS.read_text(encoding="utf-8"), re.MULTILINE)
    named = [name.strip("[]") for heading in headings for name in re.findall(r"`(.*?)`", heading)]
    assert sorted(named) == sorted(KEYS)


def test_every_example_is_valid_and_says_something_else_than_the_default(tmp_path: Path) -> None:
    examples = re.findall(r"```toml\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    path = tmp_path / "example.toml"
    said: dict[str, object] = {}
    for example in examples:
        path.write_text(example, encoding="utf-8")
        said |= read_policy_file(path).said
    assert set(said) == {key.field for key in KEYS.values()}
    assert [name for name, value in said.items() if value == getattr(Policy(), name)] == []


def test_what_readme_shows_of_a_policy_is_valid(tmp_path: Path) -> None:
    readme = (DOCS.parents[1] / "README.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```toml\n(.*?)```", readme, re.DOTALL)
    path = tmp_path / "example.toml"
    path.write_text(example, encoding="utf-8")
    assert set(read_policy_file(path).said) == {"minimum_release_age", "sdists", "deny"}
