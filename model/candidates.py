"""Which model? Candidates fitted on training, judged on validation: what choices go by.

``python -m model.candidates`` never looks at test. Rates of false positives are of validation's
own benign files; malicious families, and grafts and transformed samples by family, weigh one each.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model.controls import fit_paper8
from model.ensemble import Floats, choose_columns, fit_stack
from model.fitted import package_inputs, unit_scores, worst_units
from model.labels import Label
from model.measures import confusion, rate, threshold_at
from model.plan import Origin, Split
from model.tables import Tables, read_tables
from model.train import MASKED, OF_STARTUP, learn, learnable, telling_features
from model.weights import group_weights
from model.workspace import TABLES, stage_parser
from safe_pip.extractors import SCHEMA

RATES = (1e-2, 5e-3, 2e-3)


def candidates(tables: Tables) -> Iterator[tuple[str, Floats]]:
    """Names of models, each with its scores of all rows."""
    rows = learnable(tables, Split.TRAIN)
    columns = choose_columns(SCHEMA, tuple(MASKED))
    learned = learn(tables, columns, rows)
    worst = worst_units(unit_scores(learned.unit_model, columns, tables), tables)
    inputs = package_inputs(columns, tables, worst)
    yield "stack with the file-level model", learned.stack.log_odds(inputs)
    # The worst file is the last input.
    without = replace(learned.rows, inputs=learned.rows.inputs[:, :-1])
    stack, _ = fit_stack(without, learned.signs[:-1])
    yield "stack without it", stack.log_odds(inputs[:, :-1])
    yield "file-level model alone", worst
    for name, base in learned.stack.bases.items():
        yield f"{name} alone", base.predict_proba(inputs)[:, 1]
    yield "paper8", fit_paper8(tables, rows).predict_proba(tables.paper8)[:, 1]


def judge(tables: Tables, scores: Floats) -> list[str]:
    """Recall of new families at RATES, F1 at the first, and of made items the recall at it."""
    validation = tables.in_split(Split.VALIDATION)
    benign = scores[validation & tables.is_benign]
    limits = [threshold_at(benign, share) for share in RATES]
    samples, weights = _of(tables, validation, Origin.CORPUS)
    cells = [f"{rate(scores[samples] > limit, weights).share:.3f}" for limit in limits]
    cells.append(f"{confusion(scores[samples], benign, limits[0], weights=weights).f1:.3f}")
    for origin in (Origin.GRAFT, Origin.TRANSFORM):
        made, weights = _of(tables, validation, origin)
        cells.append(f"{rate(scores[made] > limits[0], weights).share:.3f}")
    return cells


def judge_telling(tables: Tables, scores: Floats) -> Iterator[str]:
    """What is gained by asking about behaviour that no benign project of training shows, and what
    it costs, beside a limit that one benign file in a thousand reaches."""
    validation = tables.in_split(Split.VALIDATION)
    benign = validation & tables.is_benign
    is_missed = scores <= threshold_at(scores[benign], 1e-3)
    for says, prefixes in (("at every start", OF_STARTUP), ("anywhere", ("",))):
        names = telling_features(tables, tables.in_split(Split.TRAIN), prefixes)
        columns = [tables.names.index(name) for name in names]
        adds = (tables.values[:, columns] > 0).any(axis=1) & is_missed
        shares = []
        for origin in (Origin.CORPUS, Origin.GRAFT):
            rows, weights = _of(tables, validation, origin)
            shares.append(f"{rate(adds[rows], weights).share:.3f}")
        yield (
            f"telling {says} ({', '.join(names)}): {shares[0]} of families and {shares[1]} of "
            f"grafts more, {(adds & benign).sum()} of {benign.sum()} benign files"
        )


def _of(
    tables: Tables, rows: NDArray[np.bool_], origin: Origin
) -> tuple[NDArray[np.bool_], Floats]:
    is_malicious = tables.facts["label"] == Label.MALICIOUS.value
    mine = rows & tables.from_origin(origin) & is_malicious
    return mine, group_weights(tables, mine)[mine]


def main() -> None:
    parser = stage_parser("model.candidates", "Compare models on validation, fitted on training.")
    parser.add_argument("--tables", type=Path, default=TABLES, help="where the tables are")
    tables = read_tables(parser.parse_args().tables)
    heads = [f"recall at {share:g}" for share in RATES]
    print("| model |", " | ".join([*heads, "F1 at 0.01", "grafts", "transformed"]), "|")
    print("|---" * (len(RATES) + 4) + "|")
    telling: list[str] = []
    for name, scores in candidates(tables):
        print(f"| {name} |", " | ".join(judge(tables, scores)), "|", flush=True)
        telling = telling or list(judge_telling(tables, scores))
    print("", *telling, sep="\n")


if __name__ == "__main__":
    main()
