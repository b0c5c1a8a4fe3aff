"""The model card: metrics.json as prose and tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from model.fitted import Fitted
from model.grafts import Place

Metrics = Mapping[str, Any]


def write_card(path: Path, metrics: Metrics, fitted: Fitted) -> None:
    path.write_text("\n".join(_lines(metrics, fitted)) + "\n", encoding="utf-8")


def share(figure: Mapping[str, Any]) -> str:
    """A rate with its interval, such as ``.91 (.85-.95, n 88)``."""
    if not figure["units"]:
        return "-"
    low, high = (f"{figure[name]:.3f}".lstrip("0") for name in ("low", "high"))
    return f"{figure['share']:.3f} ({low}-{high}, n {figure['units']})"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield "| " + " | ".join(head) + " |"
    yield "|" + "---|" * len(head)
    for row in rows:
        yield "| " + " | ".join(row) + " |"
    yield ""


def _recalls(table: Mapping[str, Mapping[str, Any]], what: str) -> Iterator[str]:
    columns = ("1e-2", "1e-3", "ask")
    yield from _table(
        [what, *(f"at {name}" for name in columns)],
        [[name, *(share(row[column]) for column in columns)] for name, row in table.items()],
    )


def _lines(metrics: Metrics, fitted: Fitted) -> Iterator[str]:
    counts = metrics["tables"]
    yield "# Model card"
    yield ""
    yield "Written by `python -m model.evaluate`; do not edit. The method is in"
    yield "`model/README.md`. One family (or benign file) is one unit; intervals are"
    yield "Clopper-Pearson at 95 %."
    yield ""
    yield (
        f"Test: {counts['test_families']} malicious families first seen 2025-01 to 2026-05 and "
        f"unseen before ({counts['test_malicious']} samples), {counts['test_benign']} benign files "
        f"of projects that training never saw, {counts['test_grafts']} grafts and "
        f"{counts['test_transformed']} transformed samples made from test families and test hosts."
    )
    yield ""
    yield from _comparison(metrics)
    yield from _thresholds(metrics)
    yield "![precision and recall](plots/precision_recall.png)"
    yield "![recall by false-positive rate](plots/recall_by_rate.png)"
    yield ""
    yield "## Where it catches, and where not"
    yield ""
    yield "Columns: recall at 1 % and 0.1 % false positives on test, and at the ask threshold."
    yield ""
    for key, title in (
        ("grafts_by_place", "graft: place"),
        ("grafts_by_host", "graft: files of the host"),
        ("transforms", "transformation"),
        ("by_surface", "surface with evidence"),
        ("by_quarter", "first seen"),
        ("by_format", "format"),
        ("by_size", "archive size"),
    ):
        yield from _recalls(metrics[key], title)
    yield "![recall at the ask threshold](plots/recall_by_row.png)"
    yield ""
    yield from change_lines(metrics["change"]) if metrics.get("change") else ()
    yield from explanation_lines(metrics["explanations"]) if metrics.get("explanations") else ()
    yield from _ablation(metrics)
    yield from _calibration(metrics)
    yield from _false_positives(metrics)
    yield from _limits(fitted)


def _comparison(metrics: Metrics) -> Iterator[str]:
    yield "## The stack and what stands beside it"
    yield ""
    rows = []
    for row in metrics["models"]:
        figures = row["at_1e-2"]
        rows.append(
            [
                row["model"],
                share(row["recall"]["0.01"]),
                share(row["recall"]["0.001"]),
                share(row["recall"]["0.0001"]),
                f"{figures['precision']:.3f} / {figures['f1']:.3f} / {figures['macro_f1']:.3f}",
                f"{row['pr_auc']:.3f} / {row['pr_auc_at_0.1%']:.3f}",
                share(row["grafts_at_1e-2"]),
            ]
        )
    yield from _table(
        [
            "model", "recall at FPR 1e-2", "at 1e-3", "at 1e-4",
            "precision / F1 / macro-F1 at 1e-2", "PR-AUC / at 0.1 % malicious", "grafts at 1e-2",
        ],
        rows,
    )  # fmt: skip
    yield (
        f"With {metrics['tables']['test_benign']} benign test files, 1e-3 allows "
        f"{int(metrics['tables']['test_benign'] * 1e-3)} and 1e-4 none of them. `paper8` is the "
        "stack of arXiv 2412.05259 on its eight inputs, trained on the same rows without grafts. "
        "The shortcut probe sees format, size, file count and year alone, trained with the same "
        "balancing weights as the stack."
    )
    yield ""
    yield "By sample instead of by family:"
    yield ""
    yield from _table(
        ["model", "recall at FPR 1e-2", "at 1e-3"],
        [
            [row["model"], *(share(row["recall_by_sample"][key]) for key in ("0.01", "0.001"))]
            for row in metrics["models"]
        ],
    )
    cv = metrics["cross_validation"]
    figures = cv["at_ask"]
    yield (
        f"Family-grouped cross-validation on training and validation ({cv['families']} families, "
        f"{cv['benign_files']} benign files), at the ask threshold: precision "
        f"{figures['precision']:.3f}, recall {figures['recall']:.3f}, F1 {figures['f1']:.3f}, "
        f"macro-F1 {figures['macro_f1']:.3f}; recall at 1e-2 {share(cv['recall_at_1e-2'])}."
    )
    yield ""


def _thresholds(metrics: Metrics) -> Iterator[str]:
    yield "## The thresholds that ship"
    yield ""
    names = (
        "false_positive_rate", "new_families", "known_families", "beacons", "grafts",
    )  # fmt: skip
    yield from _table(
        ["", "score", *(name.replace("_", " ") for name in names), "F1"],
        [
            [
                name,
                f"{row['score']:.4f}",
                *(share(row[column]) for column in names),
                f"{row['figures']['f1']:.3f}",
            ]
            for name, row in metrics["thresholds"].items()
        ],
    )
    for name, row in metrics["thresholds"].items():
        yield f"- {name}: wanted {row['wanted_false_positive_rate']:g}, set {row['set_on']}."
    yield ""
    yield (
        "With the hard rules, which block by themselves (`python -m model.hard_rules` counts each; "
        "of malware at least so much, of benign files at most):"
    )
    yield ""
    yield from _table(
        ["", *(name.replace("_", " ") for name in names)],
        [
            [name, *(share(row[column]) for column in names)]
            for name, row in metrics["decisions"].items()
        ],
    )
    yield "False positives at the ask threshold by kind of benign project:"
    yield ""
    yield from _table(
        ["kind", "share asked"],
        [[kind, share(row)] for kind, row in metrics["benign_by_kind"].items()],
    )


def change_lines(metrics: Metrics) -> Iterator[str]:
    """The section about the delta head, from the figures of ``model.delta``."""
    yield "## The change since the previous release"
    yield ""
    yield (
        f"Written by `python -m model.delta`. {metrics['upgrades']} pairs of consecutive releases "
        f"of {metrics['projects']} test projects, mostly years apart, and test grafts after the "
        "release before their host's, or after their host itself, so that the payload is all that "
        f"changed. The change asks from {metrics['ask_above']['score']:.4f} "
        f"(wanted {metrics['ask_above']['false_positive_rate']:g}, set "
        f"{metrics['ask_above']['set_on']}); it never makes a decision milder."
    )
    yield ""
    tables = {
        "**false alarms in upgrades**": metrics["false_alarms"],
        **{f"**grafts {words}**": table for words, table in metrics["recall"].items()},
        **{
            f"{place}, after an older release": row
            for place, row in metrics["by_place"].items()
            if Place(place).is_tested
        },
    }
    names = list(metrics["false_alarms"])
    yield from _table(
        ["", *names],
        [[words, *(share(row[name]) for name in names)] for words, row in tables.items()],
    )


def explanation_lines(metrics: Metrics) -> Iterator[str]:
    """The section about what verdicts name first, from the figures of ``model.explanations``."""
    yield "## What a verdict names first"
    yield ""
    yield "Of the grafts that are asked about: is the first place named in the inserted file?"
    yield "Written by `python -m model.explanations`."
    yield ""
    places = metrics["first_named"]["test"]
    yield from _table(
        ["graft", "named first"], [[name, share(row)] for name, row in places.items()]
    )


def _ablation(metrics: Metrics) -> Iterator[str]:
    yield "## Ablation by group"
    yield ""
    yield "A single gradient boosting on the package vector alone, without the file-level model."
    yield ""
    yield from _table(
        ["inputs", "recall at 1e-2", "grafts at 1e-2", "PR-AUC"],
        [
            [
                name,
                f"{row['recall_at_1e-2']:.3f}",
                f"{row['grafts_at_1e-2']:.3f}",
                f"{row['pr_auc']:.3f}",
            ]
            for name, row in metrics["ablation"].items()
        ],
    )


def _calibration(metrics: Metrics) -> Iterator[str]:
    yield "## Calibration"
    yield ""
    yield "Platt scaling out of fold on the later slice, both classes equally heavy: a score is a"
    yield "probability at even odds, not at an index's prevalence."
    yield ""
    yield from _table(
        ["mean score", "share malicious", "rows"],
        [[f"{mean:.3f}", f"{part:.3f}", str(rows)] for mean, part, rows in metrics["calibration"]],
    )
    yield "![calibration](plots/calibration.png)"
    yield ""


def _false_positives(metrics: Metrics) -> Iterator[str]:
    yield "## Every false positive at the ask threshold"
    yield ""
    if not metrics["false_positives"]:
        yield "None."
        yield ""
    for row in metrics["false_positives"]:
        yield f"- `{row['file']}` ({row['kind']}), score {row['score']:.4f}"
        for place in row["evidence"]:
            yield f"  - {place}"
    yield ""


def _limits(fitted: Fitted) -> Iterator[str]:
    yield "## What these figures do not say"
    yield ""
    yield "- The test period holds few samples; the intervals say how few."
    yield "- Grafts stand in for compromised releases: their hosts and payloads are real, the"
    yield "  combination is ours. The payload is taken where a word of behaviour is in it."
    yield "- The malicious corpus is what was reported and removed: what nobody found is not in it."
    yield "- Benign labels are trust in the index, not an audit."
    yield f"- Not read by the model, though in the schema: {', '.join(fitted.masked)}."
    yield ""
    yield f"Tables {fitted.tables_digest[:16]}, schema {fitted.schema_digest[:16]}."
