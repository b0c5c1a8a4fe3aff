"""Evaluation: the model card, its plots and metrics.json, from the tables and the fitted models.

``python -m model.evaluate`` is the only stage that scores the test split, and no choice is made
from what it prints.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model.card import write_card
from model.ensemble import Floats, boosting, fit_weighted, monotone_signs, sigmoid
from model.fitted import Fitted, load_fitted, package_inputs, unit_scores, worst_units
from model.grafts import size_band
from model.hard_rules import could_show, shows
from model.labels import Label
from model.measures import (
    Confusion,
    Rate,
    calibration,
    confusion,
    pr_auc,
    rate,
    threshold_at,
)
from model.plan import Origin, Split
from model.plots import draw_plots
from model.tables import Tables, read_tables
from model.train import learnable
from model.weights import group_weights, shortcut_inputs, training_weights
from model.workspace import MODEL_FOLDER, TABLES, open_workspace, stage_parser
from safe_pip.extractors import SCHEMA
from safe_pip.feature import Group
from safe_pip.scoring.hard_rules import BLOCKING

RATES = (1e-2, 1e-3, 1e-4)
POPULAR_KINDS = ("popular",)


@dataclass(frozen=True, kw_only=True)
class Judged:
    """One model's scores for every row, log-odds or probabilities: only order matters."""

    name: str
    scores: Floats


class Trial:
    """The test split, and questions about it."""

    def __init__(self, tables: Tables, fitted: Fitted) -> None:
        self.tables = tables
        self.fitted = fitted
        worst = worst_units(unit_scores(fitted.unit_model, fitted.columns, tables), tables)
        self.inputs = package_inputs(fitted.columns, tables, worst)
        self.score = fitted.stack.score(self.inputs)
        test = tables.in_split(Split.TEST)
        is_malicious = tables.facts["label"] == Label.MALICIOUS.value
        self.benign = test & tables.is_benign
        self.new = test & is_malicious & tables.from_origin(Origin.CORPUS)
        self.known = tables.in_split(Split.KNOWN) & is_malicious
        self.beacons = test & (tables.facts["label"] == Label.BEACON.value)
        self.grafts = test & tables.from_origin(Origin.GRAFT)
        self.transforms = test & tables.from_origin(Origin.TRANSFORM)

    def weights(self, rows: NDArray[np.bool_]) -> Floats:
        """Family weights of the rows alone, so that they sum to the number of families."""
        return group_weights(self.tables, rows)[rows]

    def recall(
        self, rows: NDArray[np.bool_], threshold: float, scores: Floats | None = None
    ) -> Rate:
        """Family-weighted recall."""
        scores = self.score if scores is None else scores
        return rate(scores[rows] > threshold, self.weights(rows))

    def threshold(self, false_positive_rate: float, scores: Floats | None = None) -> float:
        scores = self.score if scores is None else scores
        return threshold_at(scores[self.benign], false_positive_rate)


def models(trial: Trial) -> list[Judged]:
    """The stack and what stands beside it."""
    fitted, tables = trial.fitted, trial.tables
    return [
        Judged(name="stack", scores=trial.score),
        Judged(
            name="single gradient boosting",
            scores=fitted.boosting.predict_proba(trial.inputs)[:, 1],
        ),
        Judged(name="worst file alone", scores=trial.inputs[:, -1].astype(float)),
        Judged(name="paper8", scores=fitted.paper8.predict_proba(tables.paper8)[:, 1]),
        Judged(
            name="shortcut probe",
            scores=fitted.probe.predict_proba(shortcut_inputs(tables))[:, 1],
        ),
    ]


def compare(trial: Trial, judged: Judged) -> dict[str, object]:
    """One model's row: recall at the rates, PR-AUC, F1 at its own 1 % threshold."""
    scores = judged.scores
    malicious, benign = scores[trial.new], scores[trial.benign]
    weights = trial.weights(trial.new)
    at_1e2 = trial.threshold(1e-2, scores)
    return {
        "model": judged.name,
        "recall": {
            f"{limit:g}": asdict(trial.recall(trial.new, trial.threshold(limit, scores), scores))
            for limit in RATES
        },
        "recall_by_sample": {
            f"{limit:g}": asdict(rate(malicious > trial.threshold(limit, scores)))
            for limit in RATES
        },
        "at_1e-2": asdict(confusion(malicious, benign, at_1e2, weights=weights)),
        "pr_auc": pr_auc(malicious, benign, weights),
        "pr_auc_at_0.1%": pr_auc(malicious, benign, weights, prevalence=1e-3),
        "grafts_at_1e-2": asdict(trial.recall(trial.grafts, at_1e2, scores)),
    }


def by_value(
    trial: Trial, rows: NDArray[np.bool_], values: NDArray[np.str_], thresholds: Mapping[str, float]
) -> dict[str, dict[str, object]]:
    """Recall at each threshold for each value of a fact."""
    table: dict[str, dict[str, object]] = {}
    for value in sorted(set(values[rows].tolist())):
        mine = rows & (values == value)
        table[value] = {
            name: asdict(trial.recall(mine, threshold)) for name, threshold in thresholds.items()
        }
        table[value]["rows"] = int(mine.sum())
    return table


def by_surface(trial: Trial, thresholds: Mapping[str, float]) -> dict[str, dict[str, object]]:
    """Recall by surface with evidence of group code; a sample may stand in several rows."""
    surfaces = trial.tables.facts["surfaces"]
    names = sorted({name for text in surfaces[trial.new].tolist() for name in text.split()})
    table: dict[str, dict[str, object]] = {}
    for name in [*names, ""]:
        mine = trial.new & np.array(
            [name in text.split() if name else not text for text in surfaces.tolist()]
        )
        if mine.any():
            table[name or "none"] = {
                key: asdict(trial.recall(mine, limit)) for key, limit in thresholds.items()
            }
    return table


def size_deciles(trial: Trial) -> NDArray[np.str_]:
    sizes = trial.tables.numbers["size"]
    edges = np.quantile(sizes[trial.new], np.linspace(0.1, 0.9, 9))
    places = np.searchsorted(edges, sizes)
    return np.array([f"decile {place + 1:02d}" for place in places])


def host_bands(trial: Trial) -> NDArray[np.str_]:
    return np.array([size_band(int(count)) for count in trial.tables.numbers["n_files"]])


def ablation(trial: Trial) -> dict[str, dict[str, float]]:
    """A single gradient boosting without each group, and with each group alone."""
    tables, columns = trial.tables, trial.fitted.columns
    rows = learnable(tables, Split.TRAIN, Split.VALIDATION)
    weights = training_weights(tables, rows)
    table: dict[str, dict[str, float]] = {}
    groups: Mapping[str, set[Group]] = {
        "all": set(Group),
        **{f"without {group.value}": set(Group) - {group} for group in Group},
        **{f"only {group.value}": {group} for group in Group},
    }
    for name, kept in groups.items():
        names = [n for n in columns.package if SCHEMA[n].group in kept]
        # The worst file's score is made of code, file and text, so it is left out throughout.
        inputs = tables.values[:, [SCHEMA.positions[n] for n in names]]
        model = boosting(monotone_signs(SCHEMA, names, extra=0), rounds=150)
        fit_weighted(model, inputs[rows], tables.is_positive[rows], weights[rows])
        scores = model.predict_proba(inputs)[:, 1]
        limit = trial.threshold(1e-2, scores)
        table[name] = {
            "recall_at_1e-2": trial.recall(trial.new, limit, scores).share,
            "grafts_at_1e-2": trial.recall(trial.grafts, limit, scores).share,
            "pr_auc": pr_auc(scores[trial.new], scores[trial.benign], trial.weights(trial.new)),
        }
    return table


def false_positives(trial: Trial, threshold: float) -> Iterator[dict[str, object]]:
    """Every benign test file at or above the ask threshold, with its evidence."""
    facts = trial.tables.facts
    rows = np.flatnonzero(trial.benign & (trial.score >= threshold))
    for row in rows[np.argsort(-trial.score[rows])]:
        yield {
            "file": str(facts["filename"][row]),
            "kind": str(facts["kind"][row]),
            "score": float(trial.score[row]),
            "evidence": trial.tables.places.get(str(facts["key"][row]), [])[:6],
        }


def at_thresholds(trial: Trial) -> dict[str, dict[str, object]]:
    """What the shipped thresholds do on test, the score alone."""
    table: dict[str, dict[str, object]] = {}
    for name, threshold in (("ask", trial.fitted.ask), ("block", trial.fitted.block)):
        limit = threshold.score
        figures: Confusion = confusion(
            trial.score[trial.new],
            trial.score[trial.benign],
            limit,
            weights=trial.weights(trial.new),
        )
        table[name] = {
            "score": limit,
            "set_on": threshold.set_on,
            "wanted_false_positive_rate": threshold.false_positive_rate,
            "false_positive_rate": asdict(rate(trial.score[trial.benign] >= limit)),
            "new_families": asdict(trial.recall(trial.new, limit)),
            "known_families": asdict(trial.recall(trial.known, limit)),
            "beacons": asdict(trial.recall(trial.beacons, limit)),
            "grafts": asdict(trial.recall(trial.grafts, limit)),
            "figures": asdict(figures),
        }
    return table


def with_rules(trial: Trial) -> dict[str, dict[str, object]]:
    """What a decision does on test: the score, or a rule that blocks by itself. Of malware, the
    rules that surely hold are counted; of benign files, those that could."""
    tables = trial.tables
    held = np.any([shows(rule, tables) for rule in BLOCKING], axis=0)
    possible = np.any([could_show(rule, tables) for rule in BLOCKING], axis=0)
    table: dict[str, dict[str, object]] = {}
    for name, threshold in (
        ("asked or blocked", trial.fitted.ask),
        ("blocked", trial.fitted.block),
    ):
        reached = trial.score >= threshold.score
        table[name] = {
            "false_positive_rate": asdict(rate((reached | possible)[trial.benign])),
            **{
                group: asdict(rate((reached | held)[rows], trial.weights(rows)))
                for group, rows in (
                    ("new_families", trial.new), ("known_families", trial.known),
                    ("beacons", trial.beacons), ("grafts", trial.grafts),
                )
            },
        }  # fmt: skip
    return table


def grouped_cv(trial: Trial) -> dict[str, object]:
    """Family-grouped cross-validation on the rows that were learnt: out-of-fold figures."""
    tables, fitted = trial.tables, trial.fitted
    score = np.zeros(len(tables))
    score[fitted.held_out_rows] = sigmoid(fitted.held_out)
    rows = tables.in_split(Split.TRAIN) | tables.in_split(Split.VALIDATION)
    benign = score[rows & tables.is_benign]
    malicious = (
        rows & tables.from_origin(Origin.CORPUS) & (tables.facts["label"] == Label.MALICIOUS.value)
    )
    weights = group_weights(tables, malicious)[malicious]
    # Families against projects, each weighing one, at the threshold that F1 likes best is not a
    # choice anybody can make beforehand: the ask threshold is.
    figures = confusion(score[malicious], benign, fitted.ask.score, weights=weights)
    return {
        "families": round(float(weights.sum())),
        "benign_files": len(benign),
        "at_ask": asdict(figures),
        "recall_at_1e-2": asdict(rate(score[malicious] > threshold_at(benign, 1e-2), weights)),
    }


def measure(tables: Tables, fitted: Fitted) -> tuple[dict[str, object], Trial]:
    """Every figure of the card."""
    trial = Trial(tables, fitted)
    thresholds = {
        "1e-2": trial.threshold(1e-2), "1e-3": trial.threshold(1e-3), "ask": fitted.ask.score,
    }  # fmt: skip
    both = trial.new | trial.benign
    heavy = group_weights(tables, both)[both]
    metrics: dict[str, object] = {
        "tables": {
            "digest": tables.digest,
            "rows": len(tables),
            "test_benign": int(trial.benign.sum()),
            "test_families": round(float(trial.weights(trial.new).sum())),
            "test_malicious": int(trial.new.sum()),
            "test_grafts": int(trial.grafts.sum()),
            "test_transformed": int(trial.transforms.sum()),
        },
        "models": [compare(trial, judged) for judged in models(trial)],
        "thresholds": at_thresholds(trial),
        "decisions": with_rules(trial),
        "cross_validation": grouped_cv(trial),
        "by_surface": by_surface(trial, thresholds),
        "by_quarter": by_value(trial, trial.new, _quarters(tables), thresholds),
        "by_format": by_value(trial, trial.new, tables.facts["format"], thresholds),
        "by_size": by_value(trial, trial.new, size_deciles(trial), thresholds),
        "grafts_by_place": by_value(trial, trial.grafts, tables.facts["variant"], thresholds),
        "grafts_by_host": by_value(trial, trial.grafts, host_bands(trial), thresholds),
        "transforms": by_value(trial, trial.transforms, tables.facts["variant"], thresholds),
        "benign_by_kind": {
            kind: asdict(rate(trial.score[trial.benign & (tables.facts["kind"] == kind)]
                              >= fitted.ask.score))
            for kind in sorted(set(tables.facts["kind"][trial.benign].tolist()))
        },
        "ablation": ablation(trial),
        "calibration": calibration(trial.score[both], tables.is_positive[both], heavy),
        "false_positives": list(false_positives(trial, fitted.ask.score)),
    }  # fmt: skip
    return metrics, trial


def figures_of_stage(name: str, fitted: Fitted) -> object:
    """What another stage left for the card, if it ran on these tables."""
    path = MODEL_FOLDER / name
    metrics = json.loads(path.read_text()) if path.exists() else {}
    return metrics if metrics.get("tables_digest") == fitted.tables_digest else None


def _quarters(tables: Tables) -> NDArray[np.str_]:
    dates = tables.facts["first_seen"].tolist()
    return np.array([f"{date[:4]} Q{(int(date[5:7]) + 2) // 3}" if date else "" for date in dates])


def main() -> None:
    parser = stage_parser("model.evaluate", "Write MODEL_CARD.md, its plots and metrics.json.")
    parser.add_argument("--tables", type=Path, default=TABLES, help="where the tables are")
    parser.add_argument("--to", type=Path, default=MODEL_FOLDER, help="where the card goes")
    arguments = parser.parse_args()
    workspace = open_workspace(arguments)
    fitted = load_fitted(workspace.fitted)
    metrics, trial = measure(read_tables(arguments.tables), fitted)
    metrics["change"] = figures_of_stage("change_metrics.json", fitted)
    metrics["explanations"] = figures_of_stage("explanations.json", fitted)
    arguments.to.mkdir(parents=True, exist_ok=True)
    (arguments.to / "metrics.json").write_text(json.dumps(metrics, indent=1) + "\n")
    draw_plots(
        arguments.to / "plots",
        [(judged.name, judged.scores) for judged in models(trial)],
        malicious=trial.new,
        benign=trial.benign,
        weights=trial.weights(trial.new),
        metrics=metrics,
    )
    write_card(arguments.to / "MODEL_CARD.md", metrics, fitted)
    print(f"wrote {arguments.to / 'MODEL_CARD.md'}")


if __name__ == "__main__":
    main()
