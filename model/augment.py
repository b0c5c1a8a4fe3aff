"""Rows made from rows: grafts without reading an archive again.

A package's column of code or text is the largest of its files', so a payload inside a benign host
has, column by column, the larger of the two values.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from model.ensemble import Rows
from safe_pip.feature import FeatureSchema, Fold, Group

# What all made grafts together weigh, beside the real rows of malware.
GRAFT_SHARE = 0.5


def augment(
    rows: Rows, payloads: NDArray[np.bool_], *, schema: FeatureSchema, names: Sequence[str]
) -> Rows:
    """The rows, then made grafts, as many as there are positive rows.

    ``payloads`` are the malicious rows that are not made already.
    """
    random = np.random.default_rng(7)
    count = int(rows.positive.sum())
    bodies = _draw(random, rows, np.flatnonzero(payloads), count)
    hosts = _draw(random, rows, np.flatnonzero(~rows.positive), count)
    carried = [
        position
        for position, name in enumerate(names)
        if schema[name].group in (Group.CODE, Group.TEXT) and schema[name].fold is not Fold.VALUE
    ]
    columns = [*carried, rows.inputs.shape[1] - 1]
    inputs = rows.inputs[hosts].copy()
    inputs[:, columns] = np.maximum(inputs[:, columns], rows.inputs[bodies][:, columns])
    weight = GRAFT_SHARE * rows.weights[rows.positive].sum() / count
    return Rows(
        inputs=np.concatenate([rows.inputs, inputs]),
        positive=np.concatenate([rows.positive, np.ones(count, dtype=bool)]),
        weights=np.concatenate([rows.weights, np.full(count, weight)]),
        groups=np.concatenate([rows.groups, rows.groups[bodies]]),
    )


def _draw(
    random: np.random.Generator, rows: Rows, among: NDArray[np.intp], count: int
) -> NDArray[np.intp]:
    likely = rows.weights[among] / rows.weights[among].sum()
    return np.asarray(random.choice(among, size=count, p=likely), dtype=np.intp)
