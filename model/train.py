"""Training: from the tables to fitted models, in the work folder.

``python -m model.train`` reads only training and validation rows. What it fits: the file-level
model, the stack, and beside them the control ``paper8``, a single gradient boosting and the
shortcut probe. What choices are made by is ``model.candidates``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from tqdm import tqdm

from model.augment import augment
from model.controls import fit_paper8
from model.ensemble import (
    Columns,
    Floats,
    Matrix,
    Rows,
    Stack,
    boosting,
    choose_columns,
    fit_stack,
    fit_weighted,
    monotone_signs,
)
from model.fitted import (
    Fitted,
    Threshold,
    package_inputs,
    save_fitted,
    worst_units,
)
from model.labels import Label
from model.plan import Origin, Split
from model.tables import Tables, read_tables
from model.unit_model import UnitTraining
from model.weights import group_weights, probe, shortcut_inputs, training_weights
from model.workspace import TABLES, open_workspace, stage_parser
from safe_pip.extractors import SCHEMA, text_commands, text_hosts, text_literals
from safe_pip.feature import Group

# What tells format, size or maturity more than intent: kept in the schema as context for people,
# not read by the model, because the corpora differ in it for reasons of their own.
MASKED = frozenset(
    {
        "is_wheel", "n_files", "n_py", "total_py_bytes", "max_py_bytes", "has_tests_docs",
        "py_frac_in_setup", "empty_package", "n_classifiers", "requires_python_present",
        "summary_len", "desc_len", "n_project_urls", "min_build_config", "version_first_like",
    }
)  # fmt: skip
# Behaviour of a file that runs at every start which no benign project of training and validation
# shows, and so many families do, is worth a question by itself, whatever else is in the package.
# Of behaviour anywhere this does not pay (``model.candidates``): a feature that no benign project
# shows may well be shown by the next one, and the models see what it adds.
MIN_TOLD_FAMILIES = 15
OF_STARTUP = ("pth_", "startup_")
# Data at rest is no behaviour: a token or an address may stand in an example of a manual.
AT_REST = frozenset(
    feature.name
    for feature in (*text_literals.FEATURES, *text_hosts.FEATURES, *text_commands.FEATURES)
)
# How far above the question they lift the log-odds.
TELLING_MARGIN = 0.02
ASK_RATE, BLOCK_RATE = 1e-3, 1e-4
# How far the block threshold lies above every benign score, in log-odds.
BLOCK_MARGIN = 0.5


def calibrated(
    stack: Stack, log_odds: Floats, positive: NDArray[np.bool_], weights: Floats
) -> Stack:
    """The stack with Platt's scale and shift from the later slice, both classes equally heavy."""
    platt = LogisticRegression(C=10.0).fit(log_odds[:, None], positive, sample_weight=weights)
    return Stack(
        bases=stack.bases,
        weights=stack.weights,
        bias=stack.bias,
        scale=max(0.2, float(platt.coef_[0, 0])),
        shift=float(platt.intercept_[0]),
    )


def telling_features(
    tables: Tables, rows: NDArray[np.bool_], prefixes: tuple[str, ...] = OF_STARTUP
) -> tuple[str, ...]:
    """What MIN_TOLD_FAMILIES families among the rows show, as samples or grafted into something
    benign, and no benign project. Metadata tells nothing by itself, for anybody may write it, nor
    does data at rest. ``prefixes`` are of the features that may tell; "" of all."""
    families = rows & tables.is_positive & tables.from_origin(Origin.CORPUS, Origin.GRAFT)
    benign = rows & tables.is_benign
    return tuple(
        feature.name
        for feature, shows in zip(SCHEMA.features, tables.values.T > 0, strict=True)
        if feature.name.startswith(prefixes)
        and feature.group is not Group.METADATA
        and feature.name not in AT_REST
        and feature.is_monotone
        and not shows[benign].any()
        and len(set(tables.facts["group"][families & shows].tolist())) >= MIN_TOLD_FAMILIES
    )


def with_floor(stack: Stack, telling: tuple[int, ...], ask: Threshold) -> Stack:
    """The stack that asks about telling behaviour whatever the models say."""
    return replace(
        stack, telling=telling, floor=float(np.log(ask.score / (1 - ask.score))) + TELLING_MARGIN
    )


def set_thresholds(benign_log_odds: Floats) -> tuple[Threshold, Threshold]:
    """Ask and block from the out-of-fold scores of benign files, calibrated log-odds.

    Ask: the score that one in a thousand of them reaches. A rate of 1e-4 cannot be seen in so
    few: block lies a margin above all of them.
    """
    count = len(benign_log_odds)
    what = f"{count} benign files of training and validation, out of fold"
    ordered = np.sort(benign_log_odds)[::-1]
    allowed = int(count * ASK_RATE)
    ask = (ordered[allowed] + ordered[max(0, allowed - 1)]) / 2 if allowed else ordered[0] + 0.01
    block = max(ordered[0], ask) + BLOCK_MARGIN

    def threshold(log_odds: float, rate: float, how: str) -> Threshold:
        score = float(1 / (1 + np.exp(-log_odds)))
        return Threshold(score=score, false_positive_rate=rate, set_on=f"{how} of {what}")

    return (
        threshold(ask, ASK_RATE, f"between numbers {allowed} and {allowed + 1}"),
        threshold(block, BLOCK_RATE, f"{BLOCK_MARGIN} in log-odds above the highest"),
    )


@dataclass(frozen=True, kw_only=True)
class Learned:
    """What was fitted on some rows. ``held_out`` are the out-of-fold log-odds of those at
    ``positions``, before calibration."""

    unit_model: Any
    stack: Stack
    rows: Rows
    signs: list[int]
    held_out: Floats
    positions: NDArray[np.intp]


def learn(tables: Tables, columns: Columns, rows: NDArray[np.bool_]) -> Learned:
    """The file-level model and the stack on some rows."""
    weights = training_weights(tables, rows)
    units = UnitTraining(tables, columns, weights)
    kept = units.worst_of_each(units.held_out())
    held_out_units = units.held_out(kept=kept)
    unit_model = units.fit(units.rows, kept=kept)
    inputs = package_inputs(columns, tables, worst_units(held_out_units, tables))[rows]
    positive = tables.is_positive[rows]
    signs = monotone_signs(SCHEMA, columns.package, extra=1)
    real = Rows(
        inputs=inputs,
        positive=positive,
        weights=weights[rows],
        groups=tables.facts["group"][rows],
    )
    learned = augment(real, positive & ~is_made(tables)[rows], schema=SCHEMA, names=columns.package)
    stack, held_out = fit_stack(learned, signs)
    return Learned(
        unit_model=unit_model,
        stack=stack,
        rows=learned,
        signs=signs,
        held_out=held_out[: len(inputs)],
        positions=np.flatnonzero(rows),
    )


def learnable(tables: Tables, *splits: Split) -> NDArray[np.bool_]:
    usable = tables.is_benign | tables.is_positive
    among = np.logical_or.reduce([tables.in_split(split) for split in splits])
    return np.asarray(among & usable, dtype=bool)


def train(tables: Tables) -> Fitted:
    """Everything that is shipped, from training and validation rows together.

    What it is made of was chosen on validation, with models that had not seen it, by
    ``model.candidates``.
    Calibration and thresholds are set on scores out of fold.
    """
    steps = tqdm(total=4, desc="training", unit="step")
    columns = choose_columns(SCHEMA, tuple(MASKED))
    rows = learnable(tables, Split.TRAIN, Split.VALIDATION)
    learned = learn(tables, columns, rows)
    steps.update()
    single = fit_weighted(
        boosting(learned.signs), learned.rows.inputs, learned.rows.positive, learned.rows.weights
    )
    steps.update()
    paper8 = fit_paper8(tables, rows)
    steps.update()
    positive = tables.is_positive[rows]
    shortcuts = probe().fit(
        shortcut_inputs(tables)[rows],
        positive,
        # The made grafts stand behind the real rows.
        sample_weight=learned.rows.weights[: len(positive)],
    )
    later = tables.in_split(Split.VALIDATION)[rows]
    stack = calibrated(
        learned.stack,
        learned.held_out[later],
        positive[later],
        class_weights(tables, learnable(tables, Split.VALIDATION)),
    )
    held_out = stack.scale * learned.held_out + stack.shift
    ask, block = set_thresholds(held_out[~positive])
    telling = telling_features(tables, rows)
    stack = with_floor(stack, tuple(map(columns.package.index, telling)), ask)
    steps.update()
    steps.close()
    benign_rows = rows & tables.is_benign
    benign_units = benign_rows[tables.unit_package]
    return Fitted(
        columns=columns,
        unit_model=learned.unit_model,
        stack=stack,
        boosting=single,
        paper8=paper8,
        probe=shortcuts,
        medians=_medians(tables.values[benign_rows], columns.package),
        unit_medians=_medians(tables.unit_values[benign_units].toarray(), columns.unit),
        ask=ask,
        block=block,
        tables_digest=tables.digest,
        schema_digest=tables.schema_digest,
        masked=tuple(sorted(MASKED & set(SCHEMA.names))),
        held_out=held_out,
        held_out_rows=learned.positions,
    )


def class_weights(tables: Tables, rows: NDArray[np.bool_]) -> Floats:
    """Weights of the rows alone: groups as units, both classes equally heavy, 1 on average."""
    weights = group_weights(tables, rows)[rows]
    for side in (tables.is_positive[rows], tables.is_benign[rows]):
        weights[side] *= len(weights) / 2 / weights[side].sum()
    return weights


def _medians(values: Matrix, names: tuple[str, ...]) -> dict[str, float]:
    positions = [SCHEMA.positions[name] for name in names]
    medians = np.median(values[:, positions], axis=0)
    return {name: float(median) for name, median in zip(names, medians, strict=True)}


def is_made(tables: Tables) -> NDArray[np.bool_]:
    return tables.from_origin(Origin.GRAFT, Origin.TRANSFORM)


def summarise(fitted: Fitted, tables: Tables) -> str:
    """Out-of-fold figures; nothing of the test split."""
    weights = dict(zip(fitted.stack.bases, fitted.stack.weights.round(2), strict=True))
    scores = np.zeros(len(tables))
    scores[fitted.held_out_rows] = fitted.held_out
    return "\n".join(
        [
            f"ask {fitted.ask.score:.4f}, block {fitted.block.score:.4f}",
            f"meta weights {weights}",
            f"telling: {', '.join(fitted.columns.package[n] for n in fitted.stack.telling)}",
            recalls(scores, tables),
        ]
    )


def recalls(scores: Floats, tables: Tables) -> str:
    """Family-weighted recall at two rates of each split's own benign files."""
    lines: list[str] = []
    for split in (Split.TRAIN, Split.VALIDATION):
        rows = tables.in_split(split)
        benign = scores[rows & tables.is_benign]
        for origin in (Origin.CORPUS, Origin.GRAFT, Origin.TRANSFORM):
            malicious = (
                rows & tables.from_origin(origin) & (tables.facts["label"] == Label.MALICIOUS.value)
            )
            if not malicious.any():
                continue
            weights = group_weights(tables, malicious)[malicious]
            limits = np.quantile(benign, [1 - 1e-2, 1 - 2e-3])
            shares = [np.average(scores[malicious] > limit, weights=weights) for limit in limits]
            lines.append(
                f"{split.value} {origin.value}: recall {shares[0]:.3f} at 1e-2, "
                f"{shares[1]:.3f} at 2e-3 ({malicious.sum()} rows, {len(benign)} benign)"
            )
    return "\n".join(lines)


def main() -> None:
    parser = stage_parser("model.train", "Fit the models on training and validation rows.")
    parser.add_argument("--tables", type=Path, default=TABLES, help="where the tables are")
    arguments = parser.parse_args()
    workspace = open_workspace(arguments)
    tables = read_tables(arguments.tables)
    fitted = train(tables)
    save_fitted(fitted, workspace.fitted)
    print(summarise(fitted, tables))


if __name__ == "__main__":
    main()
