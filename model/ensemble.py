"""The stacking ensemble and its file-level companion: definitions and fitting."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.ensemble import (
    ExtraTreesClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.exceptions import ConvergenceWarning
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
CLIP = 2.5e-3
# How strongly the bases are held to equal weights. On validation the plain mean of their log-odds
# keeps more new families at every low false-positive rate than freely fitted weights do.
META_PENALTY = 0.3
META_RIDGE = 1e-3


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Training rows: ``inputs`` of shape (n, columns + 1), the worst unit last."""

    inputs: Matrix
    positive: NDArray[np.bool_]
    weights: Floats
    groups: NDArray[np.str_]


@dataclass(frozen=True, kw_only=True)
class Columns:
    """The columns that the package model and the unit model read."""

    package: tuple[str, ...]
    unit: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Stack:
    """Fitted: log-odds = scale * (weights · log-odds of the bases + bias) + shift, but not below
    ``floor`` where one of the columns ``telling`` is above 0."""

    bases: Mapping[str, Any]
    weights: Floats
    bias: float
    scale: float = 1.0
    shift: float = 0.0
    telling: tuple[int, ...] = ()
    floor: float = 0.0

    def log_odds(self, inputs: Matrix) -> Floats:
        columns = [base_log_odds(model, inputs) for model in self.bases.values()]
        raw = np.column_stack(columns) @ self.weights + self.bias
        calibrated = np.asarray(self.scale * raw + self.shift, dtype=float)
        if not self.telling:
            return calibrated
        is_told = inputs[:, list(self.telling)].max(axis=1) > 0
        return np.where(is_told, np.maximum(calibrated, self.floor), calibrated)

    def score(self, inputs: Matrix) -> Floats:
        return sigmoid(self.log_odds(inputs))


def sigmoid(log_odds: Floats) -> Floats:
    return np.asarray(expit(log_odds), dtype=float)


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
            n_estimators=60, max_leaf_nodes=300, max_features=0.12,
            random_state=1, n_jobs=1,
        ),
        "extra trees": lambda: ExtraTreesClassifier(
            n_estimators=60, max_leaf_nodes=300, max_features=0.3,
            random_state=2, n_jobs=1,
        ),
        "gradient boosting": lambda: boosting(signs),
        "linear": lambda: make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=3000)),
        "perceptron": lambda: make_pipeline(
            StandardScaler(),
            MLPClassifier(
                (24,), alpha=0.3, learning_rate_init=3e-3, max_iter=40, random_state=3
            ),
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
    step = f"{model.steps[-1][0]}__" if isinstance(model, Pipeline) else ""
    with warnings.catch_warnings():
        # The perceptron's few rounds are meant: they are part of its regularisation.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(inputs, positive, **{f"{step}sample_weight": weights})


def folds(groups: NDArray[np.str_]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Family-disjoint folds."""
    yield from GroupKFold(FOLDS, shuffle=True, random_state=0).split(groups, groups=groups)


def fit_stack(rows: Rows, signs: Sequence[int]) -> tuple[Stack, Floats]:
    """The stack fitted on all rows, and its out-of-fold log-odds.

    The meta-learner is a logistic regression on out-of-fold log-odds of the bases.
    """
    makers = bases(signs)
    held_out = np.zeros((len(rows.inputs), len(makers)))
    for learn, judge in folds(rows.groups):
        for column, make in enumerate(makers.values()):
            model = fit_weighted(
                make(), rows.inputs[learn], rows.positive[learn], rows.weights[learn]
            )
            held_out[judge, column] = base_log_odds(model, rows.inputs[judge])
    weights, bias = fit_meta(held_out, rows.positive, rows.weights)
    fitted = {
        name: fit_weighted(make(), rows.inputs, rows.positive, rows.weights)
        for name, make in makers.items()
    }
    stack = Stack(bases=fitted, weights=weights, bias=bias)
    return stack, np.asarray(held_out @ stack.weights + stack.bias, dtype=float)


def fit_meta(
    log_odds: Floats, positive: NDArray[np.bool_], weights: Floats
) -> tuple[Floats, float]:
    """Weights and bias of a logistic regression, not negative and held to one another.

    A base that says "more suspicious" must never lower the score; a free regression gives
    correlated bases weights of either sign.
    """
    share = weights / weights.sum()
    signs = np.where(positive, 1.0, -1.0)

    count = log_odds.shape[1]

    def loss(parameters: Floats) -> tuple[float, Floats]:
        # The differences between the weights are held far more than their common size.
        uneven = parameters[:-1] - parameters[:-1].mean()
        held = META_PENALTY * uneven + META_RIDGE * parameters[:-1]
        margin = signs * (log_odds @ parameters[:-1] + parameters[-1])
        slope = -share * signs * sigmoid(-margin)
        penalty = META_PENALTY * uneven @ uneven + META_RIDGE * parameters[:-1] @ parameters[:-1]
        value = float(share @ np.logaddexp(0, -margin)) + float(penalty)
        gradient = np.append(log_odds.T @ slope, slope.sum())
        gradient[:-1] += 2 * held
        return value, gradient

    found = minimize(
        loss,
        np.append(np.full(count, 1 / count), 0.0),
        jac=True,
        method="L-BFGS-B",
        bounds=[(0.0, None)] * count + [(None, None)],
    )
    return np.asarray(found.x[:-1], dtype=float), float(found.x[-1])


def choose_columns(schema: FeatureSchema, masked: Sequence[str]) -> Columns:
    """All but the masked columns; the unit model reads code and text, and what files show."""
    package = tuple(name for name in schema.names if name not in masked)
    unit = tuple(name for name in package if schema[name].group is not Group.METADATA)
    return Columns(package=package, unit=unit)
