"""Writing into policy files: nothing that was there is lost, nothing invalid is left behind."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from safe_pip.errors import PolicyError
from safe_pip.policy.loading import read_policy_file
from safe_pip.policy.settings import AllowEntry
from safe_pip.policy.writing import append_allow, write_template

ENTRY = AllowEntry(
    project=canonicalize_name("demo"),
    specifier=SpecifierSet("==1.0"),
    sha256="a" * 64,
    reason='read by "me" \\ é \x7f',
    expires=date(2030, 1, 31),
)


def entries(path: Path) -> object:
    return read_policy_file(path).said["allow"]


@pytest.mark.parametrize(
    "before", ["", "# mine\r\nvcs = 'ask'", "[[allow]]\nproject='x'\nreason='y'\n"]
)
def test_an_entry_is_added_and_the_rest_kept(tmp_path: Path, before: str) -> None:
    path = tmp_path / "safe-pip.toml"
    path.write_bytes(before.encode())
    append_allow(path, ENTRY)
    assert path.read_bytes().startswith(before.encode())
    found = entries(path)
    assert isinstance(found, frozenset)
    assert ENTRY in found


def test_an_entry_in_a_pyproject_is_in_our_table(tmp_path: Path) -> None:
    path = tmp_path / "pyproject.toml"
    path.write_text('[project]\nname = "x"\n', encoding="utf-8")
    append_allow(path, ENTRY)
    assert entries(path) == frozenset({ENTRY})


def test_a_file_that_the_entry_does_not_fit_stays_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "safe-pip.toml"
    path.write_text("allow = []\n", encoding="utf-8")
    with pytest.raises(PolicyError):
        append_allow(path, ENTRY)
    assert path.read_text(encoding="utf-8") == "allow = []\n"
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_file_is_made(tmp_path: Path) -> None:
    append_allow(tmp_path / "new" / "safe-pip.toml", ENTRY)
    assert entries(tmp_path / "new" / "safe-pip.toml") == frozenset({ENTRY})


@given(reason=st.text(min_size=1).filter(str.strip))
def test_any_reason_survives(tmp_path_factory: pytest.TempPathFactory, reason: str) -> None:
    path = tmp_path_factory.mktemp("policy") / "safe-pip.toml"
    entry = AllowEntry(project=canonicalize_name("demo"), reason=reason)
    append_allow(path, entry)
    assert entries(path) == frozenset({entry})


def test_the_template_is_valid_and_overwrites_nothing(tmp_path: Path) -> None:
    path = write_template(tmp_path)
    assert not read_policy_file(path).said
    with pytest.raises(PolicyError, match="exists already"):
        write_template(tmp_path)


def test_every_commented_key_of_the_template_is_valid(tmp_path: Path) -> None:
    text = write_template(tmp_path).read_text(encoding="utf-8")
    is_setting = re.compile(r"^# (?=\S+ = |\[\[allow\]\]$)", re.MULTILINE)
    path = tmp_path / "all.toml"
    path.write_text(is_setting.sub("", text).replace("…", "a" * 64, 1), encoding="utf-8")
    assert {"allow", "deny", "minimum_release_age"} < set(read_policy_file(path).said)
