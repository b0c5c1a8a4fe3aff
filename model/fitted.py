"""What training leaves for evaluation and export, and how rows become inputs of the models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from numpy.typing import NDArray

from model.ensemble import Columns, Floats, Matrix, Stack
from model.tables import Tables
from safe_pip.extractors import SCHEMA

FITTED = "fitted.joblib"


@dataclass(frozen=True, kw_only=True)
class Threshold:
    """A score and what it was set on."""

    score: float
    false_positive_rate: float
    set_on: str


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """Everything that training leaves for evaluation and export."""

    columns: Columns
    unit_model: Any
    stack: Stack
    boosting: Any
    paper8: Any
    probe: Any
    medians: Mapping[str, float]
    unit_medians: Mapping[str, float]
    ask: Threshold
    block: Threshold
    tables_digest: str
    schema_digest: str
    masked: tuple[str, ...]
    held_out: Floats
    held_out_rows: NDArray[np.int64]


def unit_scores(fitted_model: Any, columns: Columns, tables: Tables) -> Floats:
    """The unit model's probability for every unit; in parts, to bound memory."""
    positions = [SCHEMA.positions[name] for name in columns.unit]
    parts = []
    for start in range(0, tables.unit_values.shape[0], 50_000):
        dense = tables.unit_values[start : start + 50_000, positions].toarray().astype(np.float32)
        parts.append(fitted_model.predict_proba(dense)[:, 1])
    return np.concatenate(parts) if parts else np.zeros(0)


def worst_units(scores: Floats, tables: Tables) -> Floats:
    """The largest unit score of every package, 0 for one without units."""
    worst = np.zeros(len(tables))
    np.maximum.at(worst, tables.unit_package, scores)
    return worst


def package_inputs(columns: Columns, tables: Tables, worst: Floats) -> Matrix:
    positions = [SCHEMA.positions[name] for name in columns.package]
    return np.column_stack([tables.values[:, positions], worst]).astype(np.float32)


def load_fitted(folder: Path) -> Fitted:
    fitted = joblib.load(folder / FITTED)
    if not isinstance(fitted, Fitted):
        raise TypeError(f"{folder / FITTED} holds no fitted models")
    return fitted


def save_fitted(fitted: Fitted, folder: Path) -> None:
    joblib.dump(fitted, folder / FITTED)
