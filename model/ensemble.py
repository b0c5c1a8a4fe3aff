"""The stacking ensemble and its file-level companion: definitions and fitting."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import (
    ExtraTreesClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from safe_pip.feature import FeatureSchema, Group

Floats = NDArray[np.float64]
Matrix = NDArray[np.float32]
FOLDS = 5
# Base probabilities are cut here before their log-odds are taken, as the exported graph does.
CLIP = 1e-4


@dataclass(frozen=True, kw_only=True)
class Columns:
    """The columns that the package model and the unit model read."""

    package: tuple[str, ...]
    unit: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Stack:
    """Fitted: log-odds = scale * (weights · log-odds of the bases + bias) + shift."""

    bases: Mapping[str, Any]
    weights: Floats
    bias: float
    scale: float = 1.0
    shift: float = 0.0

    def log_odds(self, inputs: Matrix) -> Floats:
        columns = [base_log_odds(model, inputs) for model in self.bases.values()]
        raw = np.column_stack(columns) @ self.weights + self.bias
        return np.asarray(self.scale * raw + self.shift, dtype=float)

    def score(self, inputs: Matrix) -> Floats:
        return sigmoid(self.log_odds(inputs))


def sigmoid(log_odds: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-log_odds)), dtype=float)


def base_log_odds(model: Any, inputs: Matrix) -> Floats:
    likely = np.clip(model.predict_proba(inputs)[:, 1], CLIP, 1 - CLIP)
    return np.asarray(np.log(likely / (1 - likely)), dtype=float)


def monotone_signs(schema: FeatureSchema, names: Sequence[str], *, extra: int) -> list[int]:
    """+1 for a monotone column, 0 for another; ``extra`` columns at the end are monotone."""
    return [int(schema[name].is_monotone) for name in names] + [1] * extra


def bases(signs: Sequence[int]) -> dict[str, Callable[[], Any]]:
    """Makers of the unfitted base models. Sizes are bounded by the 5 MB of the exported file."""
    return {
        "random forest": lambda: RandomForestClassifier(
            n_estimators=100, max_leaf_nodes=160, min_samples_leaf=2, max_features=0.3,
            random_state=1, n_jobs=2,
        ),
        "extra trees": lambda: ExtraTreesClassifier(
            n_estimators=100, max_leaf_nodes=160, min_samples_leaf=2, max_features=0.3,
            random_state=2, n_jobs=2,
        ),
        "gradient boosting": lambda: boosting(signs),
        "linear": lambda: make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=3000)),
        "perceptron": lambda: make_pipeline(
            StandardScaler(),
            MLPClassifier((24,), alpha=0.3, learning_rate_init=3e-3, max_iter=120, random_state=3),
        ),
    }  # fmt: skip


def boosting(signs: Sequence[int], *, rounds: int = 200) -> HistGradientBoostingClassifier:
    return HistGradientBoostingClassifier(
        max_iter=rounds,
        learning_rate=0.06,
        max_leaf_nodes=12,
        min_samples_leaf=15,
        l2_regularization=3.0,
        max_features=0.5,
        monotonic_cst=list(signs),
        random_state=4,
    )


def fit_weighted(model: Any, inputs: Matrix, positive: NDArray[np.bool_], weights: Floats) -> Any:
    """Fit with sample weights, which a pipeline takes under its last step's name."""
    if isinstance(model, Pipeline):
        return model.fit(inputs, positive, **{f"{model.steps[-1][0]}__sample_weight": weights})
    return model.fit(inputs, positive, sample_weight=weights)


def folds(groups: NDArray[np.str_]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Family-disjoint folds."""
    yield from GroupKFold(FOLDS, shuffle=True, random_state=0).split(groups, groups=groups)


def fit_stack(
    inputs: Matrix,
    positive: NDArray[np.bool_],
    weights: Floats,
    groups: NDArray[np.str_],
    signs: Sequence[int],
) -> tuple[Stack, Floats]:
    """The stack fitted on all rows, and its out-of-fold log-odds.

    The meta-learner is a logistic regression on out-of-fold log-odds of the bases.
    """
    makers = bases(signs)
    held_out = np.zeros((len(inputs), len(makers)))
    for learn, judge in folds(groups):
        for column, make in enumerate(makers.values()):
            model = fit_weighted(make(), inputs[learn], positive[learn], weights[learn])
            held_out[judge, column] = base_log_odds(model, inputs[judge])
    meta = LogisticRegression(C=0.05, max_iter=2000).fit(held_out, positive, sample_weight=weights)
    fitted = {
        name: fit_weighted(make(), inputs, positive, weights) for name, make in makers.items()
    }
    stack = Stack(bases=fitted, weights=meta.coef_[0], bias=float(meta.intercept_[0]))
    return stack, np.asarray(held_out @ stack.weights + stack.bias, dtype=float)


def choose_columns(schema: FeatureSchema, masked: Sequence[str]) -> Columns:
    """All but the masked columns; the unit model reads code and text, and what files show."""
    package = tuple(name for name in schema.names if name not in masked)
    unit = tuple(name for name in package if schema[name].group is not Group.METADATA)
    return Columns(package=package, unit=unit)
