"""The scorer: what it refuses, what it scores, and how it explains a score."""

from __future__ import annotations

from pathlib import Path

import pytest

from safe_pip.errors import EXIT_BAD_MODEL, ModelError
from safe_pip.evidence import Evidence, Location, Surface
from safe_pip.extractors import SCHEMA as SHIPPED_SCHEMA
from safe_pip.feature import Feature, FeatureSchema, Fold, Group
from safe_pip.scoring.explain import strongest
from safe_pip.scoring.scorer import Scorer
from tests.tiny_model import SCHEMA, tiny_graph, write_tiny_model


def seen(
    feature: str, path: str = "a.py", *, line: int = 1, value: float = 1.0,
    surface: Surface = Surface.OTHER,
) -> Evidence:  # fmt: skip
    return Evidence(
        feature=feature, location=Location(path=path, line=line), value=value, surface=surface
    )


@pytest.fixture
def scorer(tmp_path: Path) -> Scorer:
    return Scorer.load(write_tiny_model(tmp_path), schema=SCHEMA)


def test_more_suspicious_evidence_gives_a_higher_score(scorer: Scorer) -> None:
    nothing = scorer.judge([]).score
    spawned = scorer.judge([seen("spawn")]).score
    both = scorer.judge([seen("spawn"), seen("blob", value=3.0)]).score
    assert 0 < nothing < spawned < both < 1


def test_the_worst_file_decides_however_many_others_there_are(scorer: Scorer) -> None:
    payload = [seen("spawn", "evil.py"), seen("blob", "evil.py", value=4.0)]
    padding = [seen("blob", f"fine_{number}.py", value=0.1) for number in range(400)]
    assert scorer.judge([*payload, *padding]).score == scorer.judge(payload).score


def test_findings_name_the_features_that_moved_the_score_strongest_first(scorer: Scorer) -> None:
    judged = scorer.judge([seen("mail", ""), seen("spawn"), seen("blob", value=0.2)])
    assert [finding.evidence.feature for finding in judged.findings] == ["spawn", "blob"]
    contributions = [finding.contribution for finding in judged.findings]
    assert contributions == sorted(contributions, reverse=True)
    assert judged.findings[0].group is Group.CODE


def test_contributions_do_not_exceed_the_score(scorer: Scorer) -> None:
    judged = scorer.judge([seen("spawn"), seen("blob", value=9.0)])
    shares = {finding.evidence.feature: finding.contribution for finding in judged.findings}
    assert 0 < sum(shares.values()) <= judged.score


def test_a_feature_shows_the_evidence_that_runs_unasked_first() -> None:
    evidence = [
        seen("spawn", "b.py", value=5.0),
        seen("spawn", "setup.py", surface=Surface.SETUP),
        seen("spawn", "a.py", value=5.0),
    ]
    assert [item.location.path for item in strongest(evidence)] == ["setup.py", "a.py", "b.py"]


def test_evidence_order_does_not_change_the_verdict(scorer: Scorer) -> None:
    evidence = [seen("spawn"), seen("blob", "b.py", value=2.0), seen("blob", "c.py", value=1.0)]
    assert scorer.judge(evidence) == scorer.judge(evidence[::-1])


def test_a_missing_model_is_an_error_with_its_exit_code(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"cannot be read") as caught:
        Scorer.load(tmp_path, schema=SCHEMA)
    assert caught.value.exit_code == EXIT_BAD_MODEL
    assert "model.export" in caught.value.hint


def test_a_changed_model_file_is_refused(tmp_path: Path) -> None:
    write_tiny_model(tmp_path)
    (tmp_path / "safe_pip.onnx").write_bytes(tiny_graph(bias=-30.0))
    with pytest.raises(ModelError, match="digest"):
        Scorer.load(tmp_path, schema=SCHEMA)


def test_a_model_of_other_features_is_refused(tmp_path: Path) -> None:
    write_tiny_model(tmp_path)
    other = FeatureSchema(
        features=(*SCHEMA.features, Feature(name="new", group=Group.CODE, fold=Fold.ANY, reason=""))
    )
    with pytest.raises(ModelError, match="other features"):
        Scorer.load(tmp_path, schema=other)


def test_a_model_of_a_feature_with_another_meaning_is_refused(tmp_path: Path) -> None:
    write_tiny_model(tmp_path)
    first, *rest = SCHEMA.features
    revised = Feature(name=first.name, group=first.group, fold=first.fold, reason="", revision=2)
    with pytest.raises(ModelError, match="other features"):
        Scorer.load(tmp_path, schema=FeatureSchema(features=(revised, *rest)))


@pytest.mark.parametrize(
    "changes",
    [
        {"format": 99},
        {"thresholds": {"ask": {"score": 0.9}, "block": {"score": 0.5}}},
        {"thresholds": {}},
        {"inputs": ["mail", "unheard-of"]},
        {"inputs": "mail"},
        {"inputs": ["mail"]},
        {"unit_inputs": ["spawn"]},
        {"benign_medians": {"package": {"mail": float("nan")}, "unit": {}}},
        {"onnx": {}},
    ],
)
def test_a_wrong_manifest_is_refused(tmp_path: Path, changes: dict[str, object]) -> None:
    write_tiny_model(tmp_path, changes=changes)
    with pytest.raises(ModelError) as caught:
        Scorer.load(tmp_path, schema=SCHEMA)
    assert caught.value.hint


def test_bytes_that_are_no_model_are_refused(tmp_path: Path) -> None:
    write_tiny_model(tmp_path, graph=b"no model at all")
    with pytest.raises(ModelError, match="cannot be loaded"):
        Scorer.load(tmp_path, schema=SCHEMA)


def test_a_score_that_is_not_a_number_is_refused(tmp_path: Path) -> None:
    write_tiny_model(tmp_path, graph=tiny_graph(weights=(0.0, float("nan"), 0.0, 0.0)))
    with pytest.raises(ModelError, match="not a number"):
        Scorer.load(tmp_path, schema=SCHEMA).judge([seen("spawn")])


def test_thresholds_and_name_come_from_the_manifest(scorer: Scorer) -> None:
    assert (scorer.thresholds.ask, scorer.thresholds.block) == (0.5, 0.9)
    assert scorer.model_id == "tiny-1"


def test_the_shipped_model_fits_the_shipped_features() -> None:
    scorer = Scorer.load(schema=SHIPPED_SCHEMA)
    assert 0 < scorer.thresholds.ask <= scorer.thresholds.block < 1
    assert scorer.judge([]).score < scorer.thresholds.ask
