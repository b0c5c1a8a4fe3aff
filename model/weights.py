"""Weights: one family or project is one unit, and neither format, size nor year tells the class."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import GroupKFold, cross_val_predict

from model.labels import Label
from model.plan import Origin
from model.tables import Tables

Floats = NDArray[np.float64]
FOLDS = 5
# All grafts together weigh so much of what the corpus weighs, and likewise the transformed.
SHARES: Mapping[Origin, float] = {Origin.GRAFT: 0.3, Origin.TRANSFORM: 0.2}
BEACON_WEIGHT = 0.3
# Overlap weights go to zero for what only one class has, such as tiny sdists of malware; they
# are real all the same, and must not vanish.
MIN_BALANCE = 0.15


def group_weights(tables: Tables, rows: NDArray[np.bool_]) -> Floats:
    """One unit of weight for each family or project among the rows; zero elsewhere."""
    weights = np.zeros(len(tables))
    for origins in ((Origin.CORPUS,), (Origin.INDEX, Origin.LOCAL), (Origin.GRAFT,),
                    (Origin.TRANSFORM,)):  # fmt: skip
        mine = rows & tables.from_origin(*origins)
        groups, positions, counts = np.unique(
            tables.facts["group"][mine], return_inverse=True, return_counts=True
        )
        if len(groups):
            weights[mine] = 1.0 / counts[positions]
    weights[tables.facts["label"] == Label.BEACON.value] *= BEACON_WEIGHT
    return weights


def shortcut_inputs(tables: Tables) -> Floats:
    """What a probe sees that knows nothing of content: format, size, file count, year."""
    return np.column_stack(
        [
            tables.facts["format"] == "wheel",
            np.log1p(tables.numbers["size"]),
            np.log1p(tables.numbers["n_files"]),
            tables.numbers["year"],
        ]
    ).astype(float)


def probe() -> HistGradientBoostingClassifier:
    return HistGradientBoostingClassifier(max_iter=60, max_leaf_nodes=8, random_state=0)


def training_weights(tables: Tables, rows: NDArray[np.bool_]) -> Floats:
    """Weights for fitting: groups as units, both classes equally heavy, shortcuts balanced.

    The balance is by overlap weights (Li, Morgan, Zaslavsky 2018): each row weighs as likely as
    the other class is, seen from the shortcuts alone, out of fold.
    """
    weights = group_weights(tables, rows)
    positive = tables.is_positive
    corpus = weights[rows & tables.from_origin(Origin.CORPUS)].sum()
    for origin, share in SHARES.items():
        mine = rows & tables.from_origin(origin)
        if mine.any():
            weights[mine] *= share * corpus / weights[mine].sum()
    weights = _level(weights, positive, rows)
    weights[rows] *= _overlap(tables, rows, weights)
    return _level(weights, positive, rows)


def _level(weights: Floats, positive: NDArray[np.bool_], rows: NDArray[np.bool_]) -> Floats:
    levelled = weights.copy()
    for side in (positive, ~positive):
        mine = rows & side
        if mine.any():
            levelled[mine] *= rows.sum() / 2 / weights[mine].sum()
    return np.asarray(levelled, dtype=float)


def _overlap(tables: Tables, rows: NDArray[np.bool_], weights: Floats) -> Floats:
    inputs, positive = shortcut_inputs(tables)[rows], tables.is_positive[rows]
    likely = cross_val_predict(
        probe(),
        inputs,
        positive,
        groups=tables.facts["group"][rows],
        cv=GroupKFold(FOLDS),
        method="predict_proba",
        params={"sample_weight": weights[rows]},
    )[:, 1]
    balance = np.where(positive, 1 - likely, likely)
    return np.asarray(np.maximum(balance, MIN_BALANCE), dtype=float)
