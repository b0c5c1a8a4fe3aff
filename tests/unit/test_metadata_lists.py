"""The commands that derive what ships: the same input gives the same bytes."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from model import feature_docs, popular_names
from safe_pip.extractors import SCHEMA
from safe_pip.extractors.dated_list import load_list, parse_list
from safe_pip.extractors.popular import POPULAR_NAMES

SOURCE = "# Popular, as of 2030-01-01. Source: a list.\nRequests\nruamel.yaml\nrequests\n"


def test_names_are_canonical_once_each_and_in_order() -> None:
    data = popular_names.compact_popular_names(parse_list(SOURCE))
    text = gzip.decompress(data).decode()
    assert text == "# Popular, as of 2030-01-01. Source: a list.\nrequests\nruamel-yaml\n"


def test_the_compact_form_is_the_same_each_time() -> None:
    source = parse_list(SOURCE)
    assert popular_names.compact_popular_names(source) == popular_names.compact_popular_names(
        source
    )


def test_the_shipped_names_are_what_the_command_makes_of_them() -> None:
    shipped = popular_names.PACKAGE_FOLDER / POPULAR_NAMES
    remade = popular_names.compact_popular_names(load_list(POPULAR_NAMES))
    assert gzip.decompress(remade) == gzip.decompress(shipped.read_bytes())


def test_a_list_without_date_and_source_is_refused() -> None:
    with pytest.raises(ValueError, match="date and source"):
        popular_names.compact_popular_names(parse_list("requests\n"))


def test_the_command_writes_beside_the_extractors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "names.txt"
    source.write_text(SOURCE, encoding="utf-8")
    monkeypatch.setattr(popular_names, "PACKAGE_FOLDER", tmp_path)
    assert popular_names.main([str(source)]) == 0
    assert b"ruamel-yaml" in gzip.decompress((tmp_path / POPULAR_NAMES).read_bytes())


def test_each_feature_is_explained_once() -> None:
    text = feature_docs.render(SCHEMA)
    for feature in SCHEMA.features:
        assert text.count(f"| `{feature.name}` |") == 1
        assert feature.reason, feature.name
        assert feature.says, feature.name


def test_the_document_is_current() -> None:
    assert feature_docs.main(["--check"]) == 0
