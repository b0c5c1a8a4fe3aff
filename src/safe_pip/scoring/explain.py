"""Which features moved a score: each is set to its benign median, and the score taken again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from safe_pip.evidence import Evidence
from safe_pip.feature import FeatureSchema
from safe_pip.scoring.network import Matrix, Network
from safe_pip.verdict import Finding

MAX_FEATURES = 8
MAX_PLACES = 2
MIN_CONTRIBUTION = 0.001
# What makes code of data: without it the finds in a data file are hard to understand.
_BRIDGE = "chain_file_exec"
# Only the worst files can carry the maximum; the others stay as they are.
MAX_ABLATED_UNITS = 8


@dataclass(frozen=True, kw_only=True)
class Measured:
    """The inputs that gave a score. ``package``: float32, shape (n_inputs + 1,); ``units``:
    float32, shape (n, n_unit_inputs); ``unit_scores``: shape (n,); ``paths`` are the units'."""

    package: Matrix
    units: Matrix
    unit_scores: Matrix
    paths: tuple[str, ...]
    score: float
    log_odds: float

    @property
    def scores_by_path(self) -> Mapping[str, float]:
        return dict(zip(self.paths, map(float, self.unit_scores), strict=True))


@dataclass(frozen=True, kw_only=True)
class Columns:
    """Where a feature stands in either model's input, and its benign median there."""

    package: Mapping[str, tuple[int, float]]
    unit: Mapping[str, tuple[int, float]]


def explain(
    evidence: Sequence[Evidence],
    measured: Measured,
    *,
    schema: FeatureSchema,
    columns: Columns,
    network: Network,
) -> tuple[Finding, ...]:
    """Evidence of the features that raised the score: that of the file first whose features
    raised it most together, and of each file the strongest first.

    A feature weighs what the log-odds fall without it, and what they rise by it alone: where two
    say the same, leaving one out moves nothing. Near a score of one nothing moves the score
    itself, so the distance between it and the score without all of these features is shared in
    proportion to the weights.
    """
    by_feature: dict[str, list[Evidence]] = defaultdict(list)
    for item in evidence:
        by_feature[item.feature].append(item)
    names = sorted(name for name in by_feature if name in columns.package or name in columns.unit)
    if not names:
        return ()
    without_one = [[name] for name in names]
    with_one = [[other for other in names if other != name] for name in names]
    rows = _ablated_rows([*without_one, *with_one, names], measured, columns=columns,
                         network=network)  # fmt: skip
    scores, log_odds = network.score_packages(rows)
    falls = np.maximum(0.0, measured.log_odds - log_odds[: len(names)])
    rises = np.maximum(0.0, log_odds[len(names) : -1] - log_odds[-1])
    weights = falls + rises
    total_fall = max(0.0, measured.score - float(scores[-1]))
    if not weights.sum() or not total_fall:
        return ()
    shares = weights / weights.sum() * total_fall
    findings: list[Finding] = []
    file_scores = measured.scores_by_path
    chosen = [
        position
        for position in np.argsort(-shares, kind="stable")[:MAX_FEATURES]
        if shares[position] >= MIN_CONTRIBUTION
    ]
    if chosen and _BRIDGE in names and names.index(_BRIDGE) not in chosen:
        chosen.append(names.index(_BRIDGE))
    for position in chosen:
        name = names[position]
        findings += [
            Finding(evidence=item, group=schema[name].group, contribution=float(shares[position]))
            for item in strongest(by_feature[name], file_scores)[:MAX_PLACES]
        ]
    return tuple(by_file(findings))


def by_file(findings: Sequence[Finding]) -> list[Finding]:
    """The findings of one file together; the files by what their features contribute, each
    feature once. One strong find in an ordinary file must not stand before a whole attack."""
    shares: dict[str, dict[str, float]] = defaultdict(dict)
    for finding in findings:
        evidence = finding.evidence
        shares[evidence.location.path][evidence.feature] = finding.contribution
    total = {path: sum(features.values()) for path, features in shares.items()}
    return sorted(
        findings,
        key=lambda finding: (
            -total[finding.evidence.location.path],
            finding.evidence.location.path,
            -finding.contribution,
        ),
    )


def strongest(
    evidence: Sequence[Evidence], file_scores: Mapping[str, float] | None = None
) -> list[Evidence]:
    """The evidence of one feature: what runs unasked first, then that in the file that scores
    highest, then by value, then by place."""
    scores = file_scores or {}
    return sorted(
        evidence,
        key=lambda item: (
            not item.surface.runs_unasked,
            -scores.get(item.location.path, 0.0),
            -item.value,
            item.location.path,
            item.location.line,
        ),
    )


def _ablated_rows(
    ablated: Sequence[Sequence[str]], measured: Measured, *, columns: Columns, network: Network
) -> Matrix:
    """One package row for each list of features that are set to their medians."""
    rows = np.repeat(measured.package[None, :], len(ablated), axis=0)
    order = np.argsort(-measured.unit_scores, kind="stable")
    worst, rest = order[:MAX_ABLATED_UNITS], order[MAX_ABLATED_UNITS:]
    floor = float(measured.unit_scores[rest].max()) if len(rest) else 0.0
    units = np.repeat(measured.units[worst][None, :, :], len(ablated), axis=0)
    for number, names in enumerate(ablated):
        for name in names:
            if name in columns.package:
                column, median = columns.package[name]
                rows[number, column] = min(rows[number, column], median)
            if name in columns.unit:
                column, median = columns.unit[name]
                units[number, :, column] = np.minimum(units[number, :, column], median)
    if len(worst):
        scores = network.score_units(units.reshape(-1, units.shape[-1]))
        by_row = scores.reshape(len(ablated), len(worst)).max(axis=1)
        rows[:, -1] = np.maximum(by_row, floor)
    return rows
