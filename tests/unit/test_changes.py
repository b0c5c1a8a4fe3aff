"""Changes: a release beside the one before it. What is gained counts, and nothing counts less."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from packaging.utils import NormalizedName

from safe_pip.archive import DEFAULT_LIMITS
from safe_pip.artifact import Artifact, OriginKind
from safe_pip.cli.previous import WithInstalledCopies, previous_releases
from safe_pip.errors import ModelError, UsageError
from safe_pip.evidence import Evidence, Location
from safe_pip.extractors import SCHEMA
from safe_pip.inspection.inspector import Inspected
from safe_pip.inspection.one_path import inspect
from safe_pip.scoring.change import (
    CHANGE_MODEL,
    ChangeScorer,
    Seen,
    gains,
    parse_change_model,
)
from safe_pip.scoring.scorer import Scorer
from safe_pip.verdict import Change, Finding, Verdict
from tests.builders import write_sdist, write_wheel

HARMLESS = base64.b64encode(b"import os\nos.system('echo look-alike')\n").decode()
MODULE = "import json\n\n\ndef read(path):\n    with open(path) as file:\n        return json.load(file)\n"
STARTUP_LINE = f"import base64; exec(base64.b64decode('{HARMLESS}'))\n"
SHIPPED = Path(__file__).parents[2] / "model" / "exported"

COLUMNS = 4
files = arrays(
    np.float32,
    st.tuples(st.integers(0, 6), st.just(COLUMNS)),
    elements=st.sampled_from([0.0, 0.5, 1.0, 2.0]),
)


def seen(rows: Any) -> Seen:
    matrix = np.asarray(rows, dtype=np.float32).reshape(-1, COLUMNS)
    return Seen(package=matrix.max(axis=0, initial=0.0), files=matrix)


def gained(old: Any, new: Any) -> np.ndarray[Any, Any]:
    found = gains(seen(old), seen(new), importance=np.ones(COLUMNS))
    return np.concatenate([found.by_file, found.by_package])


@given(old=files)
def test_an_equal_release_gains_nothing(old: Any) -> None:
    assert not gained(old, old).any()


@given(old=files, new=files, seed=st.randoms(use_true_random=False))
def test_gains_depend_on_no_order_of_files(old: Any, new: Any, seed: Any) -> None:
    shuffled = list(new)
    seed.shuffle(shuffled)
    assert (gained(old, new) == gained(old[::-1], shuffled)).all()


@given(old=files, new=files, more=files)
def test_more_files_never_gain_less(old: Any, new: Any, more: Any) -> None:
    assert (gained(old, np.concatenate([new, more])) >= gained(old, new)).all()


@given(old=files, new=files)
def test_no_old_release_gains_more_than_none(old: Any, new: Any) -> None:
    nothing = np.zeros((0, COLUMNS))
    assert (gained(old, new) <= gained(nothing, new)).all()


def test_a_file_gains_beside_the_old_file_most_like_it() -> None:
    old = [[1, 0, 0, 0], [1, 1, 1, 0]]
    assert gained(old, [[1, 1, 1, 1]]).tolist() == [0, 0, 0, 1, 0, 0, 0, 1]
    assert gained(old, [[1, 0, 0, 0], [0, 1, 1, 0]]).tolist() == [0] * 8


Look = Callable[..., Verdict]


@pytest.fixture(scope="module")
def look() -> Look:
    scorer = Scorer.load(schema=SCHEMA)

    def inspected(new: Path, old: Path, old_origin: OriginKind = OriginKind.SCANNED) -> Verdict:
        return inspect(
            Artifact(
                path=new,
                origin=OriginKind.SCANNED,
                previous=Artifact(path=old, origin=old_origin),
            ),
            judge=scorer,
            limits=DEFAULT_LIMITS,
            change_judge=lambda: ChangeScorer.load(schema=SCHEMA),
        )

    return inspected


def wheel(folder: Path, version: str, files: dict[str, str], name: str = "demo") -> Path:
    return write_wheel(folder, name, version, files={f"{name}/__init__.py": MODULE, **files})


def changed(verdict: Verdict) -> Change:
    assert verdict.change is not None
    return verdict.change


def test_an_added_startup_line_is_a_suspicious_change_and_named_first(
    look: Look, tmp_path: Path
) -> None:
    old = wheel(tmp_path, "1.0", {})
    change = changed(look(wheel(tmp_path, "1.1", {"demo.pth": STARTUP_LINE}), old))
    assert change.is_suspicious
    assert change.previous == "demo 1.0"
    assert change.findings[0].evidence.location.path == "demo.pth"


def test_what_was_there_before_is_no_change(look: Look, tmp_path: Path) -> None:
    old = wheel(tmp_path, "1.0", {"demo.pth": STARTUP_LINE})
    verdict = look(wheel(tmp_path, "1.1", {"demo.pth": STARTUP_LINE}), old)
    assert not changed(verdict).is_suspicious
    assert verdict.score == look(wheel(tmp_path, "1.1", {"demo.pth": STARTUP_LINE}), tmp_path).score


def test_five_hundred_ordinary_files_hide_no_change(look: Look, tmp_path: Path) -> None:
    old = wheel(tmp_path, "1.0", {})
    padding = {f"demo/part_{number}.py": f"{MODULE}\nN = {number}\n" for number in range(500)}
    change = changed(look(wheel(tmp_path, "1.1", {"demo.pth": STARTUP_LINE, **padding}), old))
    assert change.is_suspicious


def test_where_nothing_could_matter_the_old_release_is_not_opened(
    look: Look, tmp_path: Path
) -> None:
    change = changed(look(wheel(tmp_path, "1.1", {}), tmp_path / "missing.whl"))
    assert change.score is not None
    assert not change.is_suspicious


@pytest.mark.parametrize(
    ("make_old", "words"),
    [
        (lambda folder: folder / "missing.whl", "No such file"),
        (lambda folder: wheel(folder, "1.0", {}, name="other"), "a release of other"),
        (lambda folder: write_sdist(folder, "demo", "1.0"), "a wheel and a source"),
    ],
)
def test_a_previous_release_that_cannot_be_compared_is_said(
    look: Look, tmp_path: Path, make_old: Callable[[Path], Path], words: str
) -> None:
    verdict = look(wheel(tmp_path, "1.1", {"demo.pth": STARTUP_LINE}), make_old(tmp_path))
    assert words in changed(verdict).unread
    assert verdict.score is not None


def test_a_model_that_cannot_be_read_leaves_the_verdict_as_it_is(tmp_path: Path) -> None:
    new = wheel(tmp_path, "1.1", {"demo.pth": STARTUP_LINE})
    artifact = Artifact(path=new, origin=OriginKind.SCANNED)
    scorer = Scorer.load(schema=SCHEMA)
    verdict = inspect(
        replace(artifact, previous=artifact),
        judge=scorer,
        limits=DEFAULT_LIMITS,
        change_judge=lambda: ChangeScorer.load(tmp_path, schema=SCHEMA),
    )
    assert "model of changes cannot be read" in changed(verdict).unread
    assert verdict.score == inspect(artifact, judge=scorer, limits=DEFAULT_LIMITS).score


def test_the_shipped_model_is_of_these_features() -> None:
    ChangeScorer.load(schema=SCHEMA)


@pytest.mark.parametrize(
    "damage",
    [
        {"format": 2},
        {"bias": "high"},
        {"ask_above": {"score": 1.5}},
        {"names": ["no such column"]},
        {"weights": {}},
    ],
)
def test_a_damaged_model_is_refused(damage: dict[str, object]) -> None:
    document = json.loads((SHIPPED / CHANGE_MODEL).read_text())
    with pytest.raises(ModelError):
        parse_change_model(json.dumps({**document, **damage}))


def test_a_model_with_a_negative_weight_is_refused() -> None:
    document = json.loads((SHIPPED / CHANGE_MODEL).read_text())
    document["weights"][document["names"][0]]["by_file"] = -0.1
    with pytest.raises(ModelError, match="weights"):
        parse_change_model(json.dumps(document))


def test_a_model_of_other_features_is_refused() -> None:
    document = json.loads((SHIPPED / CHANGE_MODEL).read_text())
    model = parse_change_model(json.dumps({**document, "schema_digest": "0" * 64}))
    with pytest.raises(ModelError, match="other features"):
        ChangeScorer(model, schema=SCHEMA)


def test_previous_releases_go_by_name(tmp_path: Path) -> None:
    old = wheel(tmp_path, "1.0", {})
    paths = ["dist/demo-1.1-py3-none-any.whl", "dist/other-2.0-py3-none-any.whl"]
    assert {path: previous.path for path, previous in previous_releases(paths, [old]).items()} == {
        paths[0]: old
    }
    with pytest.raises(UsageError, match="none of the paths"):
        previous_releases(paths[1:] * 2, [old])
    with pytest.raises(UsageError, match="there is no"):
        previous_releases(paths, [tmp_path / "missing.whl"])


class Noting:
    """Notes what is begun."""

    def __init__(self) -> None:
        self.begun: list[Artifact] = []

    def begin(self, artifact: Artifact) -> Future[Inspected]:
        self.begun.append(artifact)
        return Future()

    def advised(self, verdict: Verdict, wanted: NormalizedName | None) -> Verdict:
        del wanted
        return verdict


@pytest.mark.parametrize(
    ("name", "previous"),
    [
        ("demo-1.1-py3-none-any.whl", "demo-1.0.dist-info"),
        ("demo-1.0-py3-none-any.whl", None),
        ("demo-1.1.tar.gz", None),
        ("other-1.1-py3-none-any.whl", None),
    ],
)
def test_a_wheel_that_replaces_an_installed_copy_is_compared_with_it(
    tmp_path: Path, name: str, previous: str | None
) -> None:
    (tmp_path / "demo-1.0.dist-info").mkdir()
    noting = Noting()
    folders: list[Path] = [tmp_path / "missing"]
    inspector = WithInstalledCopies(noting, find_folders=lambda: tuple(folders))
    folders.insert(0, tmp_path)
    inspector.begin(Artifact(path=tmp_path / name, origin=OriginKind.INDEX, sha256="0" * 64))
    (begun,) = noting.begun
    assert (begun.previous.path.name if begun.previous else None) == previous


def test_folders_that_are_named_after_an_artifact_came_do_not_count(tmp_path: Path) -> None:
    """As by an allowed build, which could pose as a pip of another interpreter."""
    (tmp_path / "demo-1.0.dist-info").mkdir()
    noting, folders = Noting(), [tmp_path]
    inspector = WithInstalledCopies(noting, find_folders=lambda: tuple(folders))
    artifact = Artifact(path=tmp_path / "other-1.0.tar.gz", origin=OriginKind.INDEX)
    inspector.begin(artifact)
    folders.clear()
    inspector.begin(replace(artifact, path=tmp_path / "demo-1.1-py3-none-any.whl"))
    assert [begun.previous is not None for begun in noting.begun] == [False, True]


def test_findings_of_a_change_stand_before_the_rest() -> None:
    finding = Finding(
        evidence=Evidence(feature=SCHEMA.names[0], location=Location(path="a.py")),
        group=SCHEMA.features[0].group,
        contribution=0.1,
    )
    new = replace(finding, evidence=replace(finding.evidence, location=Location(path="new.py")))
    change = Change(previous="demo 1.0", score=0.99, ask_above=0.9, findings=(new,))
    verdict = Verdict(
        sha256="",
        filename="demo",
        kind="wheel",
        project=None,
        version=None,
        scanner_id="",
        score=0.1,
        unscannable=None,
        findings=(finding, new),
        change=change,
    )
    assert verdict.telling == (new, finding)
    assert replace(verdict, change=replace(change, score=0.1)).telling == (finding, new)
