"""Measures of a score on rows, by family and by sample."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta
from sklearn.metrics import average_precision_score

from model.ensemble import Floats

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """A share of weighted units with its Clopper-Pearson interval.

    ``units`` is the number of families (or samples) behind it; a family that is caught in part
    counts in part, and the interval is of its rounded count.
    """

    share: float
    low: float
    high: float
    units: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Confusion:
    """Malicious-class figures at one threshold, weighted."""

    precision: float
    recall: float
    f1: float
    macro_f1: float


def rate(hits: NDArray[np.bool_], weights: Floats | None = None) -> Rate:
    """The weighted share of hits; weights are of units, so they sum to the number of units."""
    if not len(hits):
        return Rate(share=float("nan"), low=0.0, high=1.0, units=0)
    weights = np.ones(len(hits)) if weights is None else weights
    units = max(1, round(float(weights.sum())))
    share = float(np.average(hits, weights=weights))
    caught = round(share * units)
    tail = (1 - CONFIDENCE) / 2
    low = float(beta.ppf(tail, caught, units - caught + 1)) if caught else 0.0
    high = float(beta.ppf(1 - tail, caught + 1, units - caught)) if caught < units else 1.0
    return Rate(share=share, low=low, high=high, units=units)


def threshold_at(benign: Floats, false_positive_rate: float) -> float:
    """The lowest score that at most this share of the benign scores exceeds."""
    ordered = np.sort(benign)[::-1]
    return float(ordered[int(len(ordered) * false_positive_rate)])


def confusion(
    malicious: Floats, benign: Floats, threshold: float, *, weights: Floats | None = None
) -> Confusion:
    """Figures for "malicious above the threshold"; malicious rows weigh as given."""
    weights = np.ones(len(malicious)) if weights is None else weights
    caught = float(weights[malicious > threshold].sum())
    missed = float(weights.sum()) - caught
    alarms = float((benign > threshold).sum())
    quiet = len(benign) - alarms
    f1 = 2 * caught / max(1e-12, 2 * caught + alarms + missed)
    benign_f1 = 2 * quiet / max(1e-12, 2 * quiet + alarms + missed)
    return Confusion(
        precision=caught / max(1e-12, caught + alarms),
        recall=caught / max(1e-12, caught + missed),
        f1=f1,
        macro_f1=(f1 + benign_f1) / 2,
    )


def pr_auc(
    malicious: Floats, benign: Floats, weights: Floats, *, prevalence: float | None = None
) -> float:
    """Average precision, at the rows' own prevalence or re-weighted to another."""
    scores = np.concatenate([malicious, benign])
    truth = np.concatenate([np.ones(len(malicious)), np.zeros(len(benign))])
    heavy = weights
    if prevalence is not None:
        heavy = weights / weights.sum() * len(benign) * prevalence / (1 - prevalence)
    return float(
        average_precision_score(
            truth, scores, sample_weight=np.concatenate([heavy, np.ones(len(benign))])
        )
    )


def calibration(
    scores: Floats, positive: NDArray[np.bool_], weights: Floats, *, bins: int = 10
) -> list[tuple[float, float, int]]:
    """Mean score, share of malicious and number of rows, by equal-width bin of the score."""
    places = np.minimum((scores * bins).astype(int), bins - 1)
    table = []
    for place in range(bins):
        mine = places == place
        if mine.any():
            table.append(
                (
                    float(np.average(scores[mine], weights=weights[mine])),
                    float(np.average(positive[mine], weights=weights[mine])),
                    int(mine.sum()),
                )
            )
    return table
