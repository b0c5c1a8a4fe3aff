"""The model card's plots."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib import pyplot
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_curve, roc_curve

from model.ensemble import Floats

matplotlib.use("Agg")
DOTS_PER_INCH = 90


def draw_plots(
    folder: Path,
    judged: Sequence[tuple[str, Floats]],
    *,
    malicious: NDArray[np.bool_],
    benign: NDArray[np.bool_],
    weights: Floats,
    metrics: dict[str, Any],
) -> None:
    """Precision and recall, recall by false-positive rate, calibration and recall by place."""
    folder.mkdir(parents=True, exist_ok=True)
    both = [(name, np.concatenate([s[malicious], s[benign]])) for name, s in judged]
    truth = np.concatenate([np.ones(malicious.sum()), np.zeros(benign.sum())])
    heavy = np.concatenate([weights, np.ones(benign.sum())])
    _curves(folder / "precision_recall.png", both, truth, heavy, is_roc=False)
    _curves(folder / "recall_by_rate.png", both, truth, heavy, is_roc=True)
    _calibration(folder / "calibration.png", metrics["calibration"])
    _bars(
        folder / "recall_by_row.png",
        {**metrics["grafts_by_place"], **metrics["transforms"]},
    )


def _curves(
    path: Path,
    judged: Sequence[tuple[str, Floats]],
    truth: Floats,
    weights: Floats,
    *,
    is_roc: bool,
) -> None:
    figure, axes = pyplot.subplots(figsize=(6, 4))
    for name, scores in judged:
        if is_roc:
            x, y, _ = roc_curve(truth, scores, sample_weight=weights)
            x = np.maximum(x, 1e-4)
        else:
            y, x, _ = precision_recall_curve(truth, scores, sample_weight=weights)
        axes.plot(x, y, label=name, drawstyle="steps-post")
    if is_roc:
        axes.set(xscale="log", xlabel="false-positive rate", ylabel="recall, new families")
    else:
        axes.set(xlabel="recall, new families", ylabel="precision")
    axes.set_ylim(0, 1.02)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=7)
    _save(figure, path)


def _calibration(path: Path, table: Sequence[tuple[float, float, int]]) -> None:
    figure, axes = pyplot.subplots(figsize=(4, 4))
    axes.plot([0, 1], [0, 1], color="grey", linewidth=0.8)
    axes.plot([row[0] for row in table], [row[1] for row in table], marker="o")
    axes.set(xlabel="score", ylabel="share of malicious, by family")
    axes.grid(alpha=0.3)
    _save(figure, path)


def _bars(path: Path, table: dict[str, dict[str, Any]]) -> None:
    figure, axes = pyplot.subplots(figsize=(7, 4))
    names = list(table)
    shares = [table[name]["ask"]["share"] for name in names]
    low = [share - table[name]["ask"]["low"] for name, share in zip(names, shares, strict=True)]
    high = [table[name]["ask"]["high"] - share for name, share in zip(names, shares, strict=True)]
    error = np.maximum(0, np.array([low, high]))
    axes.barh(names, shares, xerr=error, color="steelblue", ecolor="grey")
    axes.set(xlabel="recall at the ask threshold", xlim=(0, 1))
    axes.invert_yaxis()
    _save(figure, path)


def _save(figure: Any, path: Path) -> None:
    figure.tight_layout()
    figure.savefig(path, dpi=DOTS_PER_INCH, metadata={"Software": None})
    pyplot.close(figure)
