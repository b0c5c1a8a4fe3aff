"""Weights, measures, augmentation, and the exported graph against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest

from model.augment import augment
from model.ensemble import Rows, bases, boosting, fit_meta, fit_stack, fit_weighted, sigmoid
from model.graph import build_graph
from model.measures import confusion, pr_auc, rate, threshold_at
from model.train import set_thresholds
from safe_pip.feature import Feature, FeatureSchema, Fold, Group
from safe_pip.scoring.network import Network

SCHEMA = FeatureSchema(
    features=(
        Feature(name="mail", group=Group.METADATA, fold=Fold.VALUE, reason="test"),
        Feature(name="spawn", group=Group.CODE, fold=Fold.COUNT, reason="test", is_monotone=True),
        Feature(name="entropy", group=Group.TEXT, fold=Fold.MAX, reason="test", is_monotone=True),
    )
)
SIGNS = [0, 1, 1, 1]


@pytest.fixture(scope="module")
def rows() -> Rows:
    random = np.random.default_rng(1)
    positive = random.random(240) < 0.5
    noise = random.random((240, 4))
    inputs = np.float32(noise + 0.8 * positive[:, None] * np.array([0.0, 1.0, 1.0, 1.0]))
    groups = np.array([f"g{number // 4}" for number in range(240)])
    return Rows(inputs=inputs, positive=positive, weights=np.ones(240), groups=groups)


def test_a_family_counts_once_however_many_samples_it_has() -> None:
    hits = np.array([True] * 99 + [False])
    weights = np.array([1 / 99] * 99 + [1.0])
    assert rate(hits).share == pytest.approx(0.99)
    assert rate(hits, weights).share == pytest.approx(0.5)
    assert rate(hits, weights).units == 2


def test_the_interval_is_clopper_pearsons() -> None:
    found = rate(np.array([True] * 9 + [False]))
    assert found.low == pytest.approx(0.5550, abs=1e-4)
    assert found.high == pytest.approx(0.9975, abs=1e-4)
    assert rate(np.zeros(5, dtype=bool)).low == 0.0


def test_no_more_benign_than_the_rate_lie_above_its_threshold() -> None:
    benign = np.random.default_rng(0).random(1000)
    for limit in (1e-2, 1e-3, 1e-4):
        assert (benign > threshold_at(benign, limit)).mean() <= limit


def test_confusion_by_hand() -> None:
    figures = confusion(np.array([0.9, 0.8, 0.1]), np.array([0.7, 0.2, 0.1, 0.0]), 0.5)
    assert figures.precision == pytest.approx(2 / 3)
    assert figures.recall == pytest.approx(2 / 3)
    assert figures.macro_f1 == pytest.approx((2 / 3 + 3 / 4) / 2)


def test_precision_falls_with_prevalence() -> None:
    malicious, benign = np.array([0.9, 0.4]), np.array([0.5, 0.1, 0.1, 0.1])
    weights = np.ones(2)
    assert pr_auc(malicious, benign, weights, prevalence=1e-3) < pr_auc(malicious, benign, weights)


def test_the_block_threshold_lies_above_every_benign_score() -> None:
    log_odds = np.random.default_rng(0).normal(-4, 2, 2500)
    ask, block = set_thresholds(log_odds)
    assert block.score > sigmoid(log_odds).max()
    assert (sigmoid(log_odds) >= ask.score).sum() <= 2
    assert ask.score < block.score


def test_a_made_graft_is_its_host_with_the_payloads_larger_columns(rows: Rows) -> None:
    made = augment(rows, rows.positive, schema=SCHEMA, names=SCHEMA.names)
    new = made.inputs[len(rows.inputs) :]
    assert len(new) > 0
    assert np.isin(new[:, 0], rows.inputs[:, 0]).all()
    assert made.inputs[: len(rows.inputs)] == pytest.approx(rows.inputs)
    assert made.positive[len(rows.inputs) :].all()
    assert new[:, 1].mean() >= rows.inputs[rows.positive, 1].mean() - 0.05


def test_no_base_may_lower_the_score() -> None:
    random = np.random.default_rng(2)
    positive = random.random(400) < 0.5
    good = np.where(positive, 1.0, -1.0) + random.normal(0, 1, 400)
    backwards = -good + random.normal(0, 0.1, 400)
    weights, _ = fit_meta(np.column_stack([good, backwards]), positive, np.ones(400))
    assert weights[0] > weights[1] >= 0


def test_the_exported_graph_says_what_scikit_learn_says(rows: Rows) -> None:
    stack, _ = fit_stack(rows, SIGNS)
    unit_model = fit_weighted(
        boosting([1, 1], rounds=20), rows.inputs[:, 1:3], rows.positive, rows.weights
    )
    graph = build_graph(unit_model, stack, n_unit_inputs=2, n_inputs=4)
    network = Network(graph.SerializeToString(), n_inputs=3, n_unit_inputs=2)
    scores, log_odds = network.score_packages(rows.inputs)
    assert np.abs(scores - stack.score(rows.inputs)).max() <= 1e-5
    assert np.abs(sigmoid(log_odds.astype(float)) - scores).max() <= 1e-5
    units = rows.inputs[:, 1:3]
    assert np.abs(network.score_units(units) - unit_model.predict_proba(units)[:, 1]).max() <= 1e-5


def test_more_of_a_monotone_feature_never_lowers_the_boostings_score(rows: Rows) -> None:
    model = fit_weighted(
        bases(SIGNS)["gradient boosting"](), rows.inputs, rows.positive, rows.weights
    )
    base = model.predict_proba(rows.inputs)[:, 1]
    for column in (1, 2, 3):
        more = rows.inputs.copy()
        more[:, column] += 1
        assert (model.predict_proba(more)[:, 1] >= base - 1e-12).all()
