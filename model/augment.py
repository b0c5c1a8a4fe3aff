"""Rows made from rows: what an attacker can choose freely must not carry the decision.

A package's column of code or text is the largest of its files', so a payload inside a benign host
has, column by column, the larger of the two values: a graft without reading an archive again.
Metadata is whatever the attacker writes: rows also appear with metadata of the other class.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from model.ensemble import Rows
from safe_pip.feature import FeatureSchema, Fold, Group

GRAFT_SHARE = 0.8
FORGED_SHARE = 0.5
COPIES = 1


def augment(
    rows: Rows, payloads: NDArray[np.bool_], *, schema: FeatureSchema, names: Sequence[str]
) -> Rows:
    """The rows, then the made ones. ``payloads`` are the malicious rows that are not made already.

    The made rows of a class weigh a fixed share of its real ones.
    """
    random = np.random.default_rng(7)
    benign = np.flatnonzero(~rows.positive)
    malicious = np.flatnonzero(payloads)
    carried = [p for p, n in enumerate(names) if schema[n].group in (Group.CODE, Group.TEXT)
               and schema[n].fold is not Fold.VALUE]  # fmt: skip
    stated = [p for p, n in enumerate(names) if schema[n].group is Group.METADATA]
    made = [
        _grafts(rows, _draw(random, rows, malicious), _draw(random, rows, benign), carried),
        _forged(rows, _draw(random, rows, malicious), _draw(random, rows, benign), stated),
        _forged(rows, _draw(random, rows, benign), _draw(random, rows, malicious), stated),
    ]
    shares = (GRAFT_SHARE, FORGED_SHARE, FORGED_SHARE)
    weighed = [
        _weighing(part, share * rows.weights[rows.positive == part.positive[0]].sum())
        for part, share in zip(made, shares, strict=True)
    ]
    return _joined([rows, *weighed])


def _draw(random: np.random.Generator, rows: Rows, among: NDArray[np.intp]) -> NDArray[np.intp]:
    likely = rows.weights[among] / rows.weights[among].sum()
    drawn = random.choice(among, size=COPIES * int(rows.positive.sum()), p=likely)
    return np.asarray(drawn, dtype=np.intp)


def _grafts(
    rows: Rows, payloads: NDArray[np.intp], hosts: NDArray[np.intp], carried: Sequence[int]
) -> Rows:
    inputs = rows.inputs[hosts].copy()
    columns = [*carried, inputs.shape[1] - 1]
    inputs[:, columns] = np.maximum(inputs[:, columns], rows.inputs[payloads][:, columns])
    return Rows(
        inputs=inputs,
        positive=np.ones(len(payloads), dtype=bool),
        weights=np.ones(len(payloads)),
        groups=rows.groups[payloads],
    )


def _forged(
    rows: Rows, bodies: NDArray[np.intp], liars: NDArray[np.intp], stated: Sequence[int]
) -> Rows:
    inputs = rows.inputs[bodies].copy()
    inputs[:, stated] = rows.inputs[liars][:, stated]
    return Rows(
        inputs=inputs,
        positive=rows.positive[bodies],
        weights=np.ones(len(bodies)),
        groups=rows.groups[bodies],
    )


def _weighing(rows: Rows, total: float) -> Rows:
    weights = rows.weights * total / rows.weights.sum()
    return Rows(inputs=rows.inputs, positive=rows.positive, weights=weights, groups=rows.groups)


def _joined(parts: Sequence[Rows]) -> Rows:
    return Rows(
        inputs=np.concatenate([part.inputs for part in parts]),
        positive=np.concatenate([part.positive for part in parts]),
        weights=np.concatenate([part.weights for part in parts]),
        groups=np.concatenate([part.groups for part in parts]),
    )
