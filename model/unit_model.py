"""The file-level model: one payload in 400 files must score like one in one."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.ensemble import Columns, Floats, boosting, folds, monotone_signs
from model.fitted import worst_units
from model.plan import Origin
from model.tables import Tables
from safe_pip.extractors import SCHEMA
from safe_pip.feature import Group


class UnitTraining:
    """The units that the file-level model learns from.

    Positive are files of malicious packages that do something (group ``code``), and of grafts
    those that the graft wrote; negative are all files of benign packages.
    """

    def __init__(self, tables: Tables, columns: Columns, weights: Floats) -> None:
        self._tables = tables
        self._positions = [SCHEMA.positions[name] for name in columns.unit]
        self._signs = monotone_signs(SCHEMA, columns.unit, extra=0)
        code = [p for p, feature in enumerate(SCHEMA.features) if feature.group is Group.CODE]
        acts = np.asarray(tables.unit_values[:, code].sum(axis=1)).ravel() > 0
        package = tables.unit_package
        is_graft = tables.from_origin(Origin.GRAFT)[package]
        self.positive = tables.is_positive[package] & acts & (~is_graft | tables.unit_is_touched)
        negative = tables.is_benign[package]
        self.rows = np.flatnonzero((self.positive | negative) & (weights[package] > 0))
        self._weights = weights

    def fit(self, rows: NDArray[np.int64], *, kept: NDArray[np.bool_] | None = None) -> Any:
        """The model on some units; ``kept`` leaves out units of no interest."""
        if kept is not None:
            rows = rows[kept[rows]]
        package = self._tables.unit_package[rows]
        counts = np.bincount(package, minlength=len(self._tables))
        # A package's units share its weight; a large benign one counts for more, because the
        # maximum over many files is what must not fire.
        share = np.where(self.positive[rows], 1 / counts[package], 1 / np.sqrt(counts[package]))
        weights = self._weights[package] * share
        for side in (self.positive[rows], ~self.positive[rows]):
            weights[side] *= len(rows) / 2 / weights[side].sum()
        dense = self._tables.unit_values[rows][:, self._positions].toarray().astype(np.float32)
        model = boosting(self._signs, rounds=150)
        return model.fit(dense, self.positive[rows], sample_weight=weights)

    def held_out(self, *, kept: NDArray[np.bool_] | None = None) -> Floats:
        """Out-of-family-fold scores of every unit; for the others, of the last fold's model."""
        groups = self._tables.facts["group"]
        scores = np.zeros(self._tables.unit_values.shape[0])
        rows_by_package = self._tables.unit_package
        packages = np.unique(rows_by_package[self.rows])
        for learn, judge in folds(groups[packages]):
            learned = np.isin(rows_by_package[self.rows], packages[learn])
            model = self.fit(self.rows[learned], kept=kept)
            judged = np.flatnonzero(np.isin(rows_by_package, packages[judge]))
            dense = self._tables.unit_values[judged][:, self._positions].toarray()
            scores[judged] = model.predict_proba(dense.astype(np.float32))[:, 1]
        return scores

    def worst_of_each(self, scores: Floats) -> NDArray[np.bool_]:
        """Without the units of malicious packages that do not look it beside a worse one.

        A clone of a popular project is malicious in one file: the others are mislabelled.
        """
        worst = worst_units(np.where(self.positive, scores, 0), self._tables)
        near = scores >= 0.5 * worst[self._tables.unit_package]
        return np.asarray(~self.positive | near, dtype=bool)
