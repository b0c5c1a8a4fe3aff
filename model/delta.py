"""The delta head: judges what changed since the previous release of a project.

``python -m model.delta`` trains, evaluates and exports in one go, from the tables and the exported
model alone: ``exported/change.json`` and ``change_metrics.json``, which the model card takes up.

A pair is two releases in the tables. Benign pairs are releases of one project in one format, years
apart more often than days. Malicious pairs are grafts after the release before their host's, or,
harder, after their host itself. What was chosen, on validation with weights fitted on training: the
columns, both kinds of gains, the penalty. What ships is fitted on both, and its threshold is set on
scores out of project-fold.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from sklearn.model_selection import GroupKFold

from model.ensemble import Floats, sigmoid
from model.measures import Rate, rate, threshold_at
from model.pairs import COLUMNS, Pair, benign_pairs, gains_of, graft_pairs
from model.plan import Split
from model.tables import Tables, read_tables
from model.workspace import EXPORTED, MODEL_FOLDER, TABLES, open_workspace, stage_parser
from safe_pip.extractors import SCHEMA
from safe_pip.scoring.change import CHANGE_MODEL, FORMAT
from safe_pip.scoring.manifest import parse_manifest
from safe_pip.scoring.network import Network
from safe_pip.scoring.shipped import GRAPH, MANIFEST

METRICS = MODEL_FOLDER / "change_metrics.json"
FOLDS = 5
PENALTY = 1e-3
# Beside the main model's 1e-3, both together stay below a false alarm in a hundred upgrades.
ASK_RATE = 7.5e-3
# What releases further apart weigh beside consecutive ones: they teach, and are not judged.
JUMP_SHARE = 0.5


def pair_weights(pairs: Sequence[Pair]) -> Floats:
    """One unit for each family, and for each project; both classes equally heavy."""
    weights = np.zeros(len(pairs))
    shares = {(True, True): 1.0, (True, False): 1.0, (False, True): JUMP_SHARE, (False, False): 1.0}
    for (is_malicious, is_jump), share in shares.items():
        mine = np.array(
            [p.is_malicious == is_malicious and (p.kind == "jump") == is_jump for p in pairs]
        )
        if mine.any():
            weights[mine] = _unit_weights(pairs, mine)
            weights[mine] *= share / weights[mine].sum()
    malicious = np.array([pair.is_malicious for pair in pairs])
    for side in (malicious, ~malicious):
        weights[side] /= weights[side].sum()
    return weights


def _unit_weights(pairs: Sequence[Pair], rows: NDArray[np.bool_]) -> Floats:
    groups = [pairs[row].group for row in np.flatnonzero(rows).tolist()]
    _, positions, counts = np.unique(groups, return_inverse=True, return_counts=True)
    return np.asarray(1.0 / counts[positions], dtype=float)


@dataclass(frozen=True, kw_only=True)
class Adder:
    """Weights of gains, none negative, and a bias: log-odds at even odds."""

    weights: Floats
    bias: float

    def log_odds(self, found: Floats) -> Floats:
        return np.asarray(found @ self.weights + self.bias, dtype=float)


def fit(found: Floats, malicious: NDArray[np.bool_], weights: Floats) -> Adder:
    """A logistic regression whose weights are not negative."""
    scale = np.maximum(found.std(axis=0), 1e-3)
    inputs, signs = found / scale, np.where(malicious, 1.0, -1.0)

    def loss(parameters: Floats) -> tuple[float, Floats]:
        margin = signs * (inputs @ parameters[:-1] + parameters[-1])
        slope = -weights * signs * sigmoid(-margin)
        held = PENALTY * parameters[:-1]
        value = float(weights @ np.logaddexp(0, -margin) + held @ parameters[:-1])
        return value, np.append(inputs.T @ slope + 2 * held, slope.sum())

    count = inputs.shape[1]
    solved = minimize(
        loss,
        np.zeros(count + 1),
        jac=True,
        method="L-BFGS-B",
        bounds=[(0.0, None)] * count + [(None, None)],
        options={"maxiter": 1_000},
    ).x
    return Adder(weights=solved[:-1] / scale, bias=float(solved[-1]))


@dataclass(frozen=True, kw_only=True)
class Trial:
    """All pairs, their gains, and questions about them."""

    pairs: Sequence[Pair]
    found: Floats

    def rows(
        self, *splits: Split, kind: str = "", is_host: bool | None = None
    ) -> NDArray[np.bool_]:
        """Benign consecutive pairs if ``kind`` is that; else malicious ones."""
        return np.array(
            [
                pair.split in splits
                and (pair.kind == kind if kind else pair.is_malicious)
                and (is_host is None or pair.is_host == is_host)
                for pair in self.pairs
            ]
        )

    def fitted(self, rows: NDArray[np.bool_]) -> Adder:
        pairs = [self.pairs[row] for row in np.flatnonzero(rows).tolist()]
        malicious = np.array([pair.is_malicious for pair in pairs])
        return fit(self.found[rows], malicious, pair_weights(pairs))

    def recall(self, hits: NDArray[np.bool_], rows: NDArray[np.bool_]) -> Rate:
        """Family-weighted."""
        return rate(hits[rows], _unit_weights(self.pairs, rows))

    def in_splits(self, *splits: Split) -> NDArray[np.bool_]:
        return np.array([pair.split in splits for pair in self.pairs])

    def held_out(self, rows: NDArray[np.bool_]) -> Floats:
        """Log-odds of the rows, each by weights that saw nothing of its project."""
        scores = np.zeros(len(self.pairs))
        chosen = np.flatnonzero(rows)
        projects = [self.pairs[row].project for row in chosen.tolist()]
        for learn, judge in GroupKFold(FOLDS).split(chosen, groups=projects):
            mask = np.zeros(len(self.pairs), dtype=bool)
            mask[chosen[learn]] = True
            scores[chosen[judge]] = self.fitted(mask).log_odds(self.found[chosen[judge]])
        return scores


def plain_scores(tables: Tables, folder: Path, rows: Sequence[int]) -> tuple[Floats, float]:
    """Log-odds that the exported model gives rows of the tables, and those of its ask threshold."""
    manifest = parse_manifest((folder / MANIFEST).read_text(encoding="utf-8"))
    if manifest.schema_digest != tables.schema_digest:
        raise SystemExit("the exported model is of other features: run `python -m model.export`")
    network = Network(
        (folder / GRAPH).read_bytes(),
        n_inputs=len(manifest.inputs),
        n_unit_inputs=len(manifest.unit_inputs),
    )
    wanted = np.zeros(len(tables), dtype=bool)
    wanted[list(rows)] = True
    units = np.flatnonzero(wanted[tables.unit_package])
    worst = np.zeros(len(tables), dtype=np.float32)
    columns = [SCHEMA.positions[name] for name in manifest.unit_inputs]
    for start in range(0, len(units), 20_000):
        some = units[start : start + 20_000]
        dense = tables.unit_values[some][:, columns].toarray().astype(np.float32)
        np.maximum.at(worst, tables.unit_package[some], network.score_units(dense))
    inputs = tables.values[:, [SCHEMA.positions[name] for name in manifest.inputs]]
    scores = np.full(len(tables), np.nan)
    _, scores[wanted] = network.score_packages(
        np.column_stack([inputs, worst])[wanted].astype(np.float32)
    )
    ask = manifest.thresholds.ask
    return scores, float(np.log(ask / (1 - ask)))


def threshold_of(benign: Floats) -> tuple[float, str]:
    """Log-odds that ASK_RATE of the scores exceed, and how it was set."""
    ordered = np.sort(benign)[::-1]
    allowed = int(len(ordered) * ASK_RATE)
    if not allowed:
        return float(ordered[0]) + 0.01, f"above the highest of {len(ordered)} upgrades"
    limit = float(ordered[allowed - 1] + ordered[allowed]) / 2
    return limit, f"between numbers {allowed} and {allowed + 1} of {len(ordered)} upgrades"


def measure(
    trial: Trial, scores: Floats, plain: Floats, *, limit: float, plain_limit: float
) -> Mapping[str, object]:
    """Test figures: either head at one false alarm in a hundred, and both as they ship."""
    benign = trial.rows(Split.TEST, kind="consecutive")
    at_1e2 = {name: threshold_at(values[benign], 1e-2)
              for name, values in (("delta", scores), ("plain", plain))}  # fmt: skip
    hits = {
        "plain at 1e-2": plain > at_1e2["plain"],
        "delta at 1e-2": scores > at_1e2["delta"],
        "plain asks": plain >= plain_limit,
        "delta asks": scores >= limit,
        "either asks": (plain >= plain_limit) | (scores >= limit),
    }
    kinds = sorted({pair.kind for pair in trial.pairs if pair.is_malicious})
    after = {"after an older release": False, "after the host itself": True}
    return {
        "upgrades": int(benign.sum()),
        "projects": len({trial.pairs[row].project for row in np.flatnonzero(benign).tolist()}),
        "false_alarms": {name: asdict(rate(hit[benign])) for name, hit in hits.items()},
        "recall": {
            words: {
                name: asdict(trial.recall(hit, trial.rows(Split.TEST, is_host=is_host)))
                for name, hit in hits.items()
            }
            for words, is_host in after.items()
        },
        "by_place": {
            kind: {
                name: asdict(trial.recall(hit, trial.rows(Split.TEST, kind=kind, is_host=False)))
                for name, hit in hits.items()
            }
            for kind in kinds
        },
        "alarms": sorted({trial.pairs[row].project
                          for row in np.flatnonzero(benign & hits["delta asks"]).tolist()}),
    }  # fmt: skip


def document_of(adder: Adder, tables: Tables, *, limit: float, how: str) -> dict[str, object]:
    """What ships; see safe_pip.scoring.change for what is read at run time."""
    count = len(COLUMNS)
    return {
        "format": FORMAT,
        "schema_digest": tables.schema_digest,
        "tables_digest": tables.digest,
        "ask_above": {
            "score": float(sigmoid(np.array(limit))),
            "false_positive_rate": ASK_RATE,
            "set_on": f"{how} of training and validation projects, out of fold",
        },
        "bias": adder.bias,
        "names": list(COLUMNS),
        "weights": {
            name: {
                "by_file": round(float(adder.weights[column]), 6),
                "by_package": round(float(adder.weights[count + column]), 6),
            }
            for column, name in enumerate(COLUMNS)
        },
    }


def told(metrics: Mapping[str, object]) -> Iterator[str]:
    """The figures as lines."""
    for words, table in (
        ("false alarms in upgrades", metrics["false_alarms"]),
        *(metrics["recall"].items() if isinstance(metrics["recall"], dict) else ()),
        *(metrics["by_place"].items() if isinstance(metrics["by_place"], dict) else ()),
    ):
        if isinstance(table, dict):
            shares = ", ".join(f"{name} {row['share']:.3f}" for name, row in table.items())
            yield f"{words}: {shares}"


def try_out(trial: Trial) -> str:
    """Validation figures of weights that were fitted on training alone."""
    adder = trial.fitted(trial.in_splits(Split.TRAIN))
    scores = adder.log_odds(trial.found)
    limit = threshold_at(scores[trial.rows(Split.VALIDATION, kind="consecutive")], 1e-2)
    shares = [
        trial.recall(scores > limit, trial.rows(Split.VALIDATION, is_host=is_host)).share
        for is_host in (False, True)
    ]
    older, host = (f"{share:.3f}" for share in shares)
    return f"validation at 1e-2: {older} after an older release, {host} after the host itself"


def main() -> None:
    parser = stage_parser("model.delta", "Train, evaluate and export the judge of changes.")
    parser.add_argument("--tables", type=Path, default=TABLES, help="where the tables are")
    parser.add_argument("--to", type=Path, default=EXPORTED, help="folder of the exported model")
    parser.add_argument("--metrics", type=Path, default=METRICS, help="where the figures go")
    parser.add_argument(
        "--try-out", action="store_true", help="print validation figures, keep nothing"
    )
    arguments = parser.parse_args()
    open_workspace(arguments)
    tables = read_tables(arguments.tables)
    pairs = [*benign_pairs(tables), *graft_pairs(tables)]
    trial = Trial(pairs=pairs, found=gains_of(tables, pairs))
    if arguments.try_out:
        print(try_out(trial))
        return
    learnt = trial.in_splits(Split.TRAIN, Split.VALIDATION)
    seen = trial.rows(Split.TRAIN, Split.VALIDATION, kind="consecutive")
    limit, how = threshold_of(trial.held_out(learnt)[seen])
    adder = trial.fitted(learnt)
    document = document_of(adder, tables, limit=limit, how=how)
    (arguments.to / CHANGE_MODEL).write_text(json.dumps(document, indent=1) + "\n")
    by_row, plain_limit = plain_scores(
        tables, arguments.to, [pair.new for pair in pairs if pair.split is Split.TEST]
    )
    metrics = {
        "tables_digest": tables.digest,
        "ask_above": document["ask_above"],
        **measure(
            trial,
            adder.log_odds(trial.found),
            by_row[[pair.new for pair in pairs]],
            limit=limit,
            plain_limit=plain_limit,
        ),
    }
    arguments.metrics.write_text(json.dumps(metrics, indent=1) + "\n")
    print("\n".join(told(metrics)))


if __name__ == "__main__":
    main()
