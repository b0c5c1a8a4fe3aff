"""Export: the fitted models as one ONNX file and its manifest, checked against scikit-learn.

``python -m model.export`` fails, and leaves the exported model as it was, if any test row's score
differs by more than 1e-5 or the file is over 5 MB.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import sys
from pathlib import Path

import numpy as np

from model.fitted import (
    Fitted,
    load_fitted,
    package_inputs,
    unit_scores,
    worst_units,
)
from model.graph import build_graph
from model.plan import Split
from model.tables import Tables, read_tables
from model.workspace import EXPORTED, TABLES, open_workspace, stage_parser
from safe_pip.extractors import SCHEMA
from safe_pip.scoring.network import Network

MAX_BYTES = 5_000_000
PARITY = 1e-5
METRICS = Path(__file__).parent / "metrics.json"
_LIBRARIES = ("numpy", "onnx", "onnxruntime", "scikit-learn", "skl2onnx")


def parity(fitted: Fitted, graph: bytes, tables: Tables) -> float:
    """The largest difference between onnxruntime and scikit-learn over all test rows."""
    columns = fitted.columns
    network = Network(graph, n_inputs=len(columns.package), n_unit_inputs=len(columns.unit))
    expected_units = unit_scores(fitted.unit_model, columns, tables)
    inputs = package_inputs(columns, tables, worst_units(expected_units, tables))
    test = tables.in_split(Split.TEST)
    units = np.flatnonzero(test[tables.unit_package])
    positions = [SCHEMA.positions[name] for name in columns.unit]
    dense = tables.unit_values[units][:, positions].toarray().astype(np.float32)
    unit_difference = np.abs(network.score_units(dense) - expected_units[units]).max(initial=0)
    scores, _ = network.score_packages(inputs[test])
    difference = np.abs(scores - fitted.stack.score(inputs[test])).max(initial=0)
    return float(max(unit_difference, difference))


def manifest_of(fitted: Fitted, graph: bytes, *, difference: float) -> dict[str, object]:
    """The manifest's document; see safe_pip.scoring.manifest for what is read at run time."""
    sha256 = hashlib.sha256(graph).hexdigest()
    return {
        "format": 1,
        "model_id": f"stack-{sha256[:12]}",
        "onnx": {"file": "safe_pip.onnx", "sha256": sha256, "bytes": len(graph)},
        "schema": {"digest": fitted.schema_digest, "names": list(SCHEMA.names)},
        "inputs": list(fitted.columns.package),
        "unit_inputs": list(fitted.columns.unit),
        "masked": list(fitted.masked),
        "telling": [fitted.columns.package[column] for column in fitted.stack.telling],
        "benign_medians": {"package": dict(fitted.medians), "unit": dict(fitted.unit_medians)},
        "thresholds": {
            name: {
                "score": threshold.score,
                "false_positive_rate": threshold.false_positive_rate,
                "set_on": threshold.set_on,
            }
            for name, threshold in (("ask", fitted.ask), ("block", fitted.block))
        },
        "corpus_digest": fitted.tables_digest,
        "libraries": {name: importlib.metadata.version(name) for name in _LIBRARIES},
        "parity": {"largest_difference": difference, "allowed": PARITY},
        "metrics": json.loads(METRICS.read_text()) if METRICS.exists() else {},
    }


def main() -> None:
    parser = stage_parser("model.export", "Write the ONNX file and its manifest.")
    parser.add_argument("--tables", type=Path, default=TABLES, help="where the tables are")
    parser.add_argument("--to", type=Path, default=EXPORTED, help="folder of the exported model")
    arguments = parser.parse_args()
    workspace = open_workspace(arguments)
    fitted = load_fitted(workspace.fitted)
    tables = read_tables(arguments.tables)
    if (tables.digest, SCHEMA.digest) != (fitted.tables_digest, fitted.schema_digest):
        sys.exit("the fitted models are of other tables or features: run `python -m model.train`")
    graph = build_graph(
        fitted.unit_model,
        fitted.stack,
        n_unit_inputs=len(fitted.columns.unit),
        n_inputs=len(fitted.columns.package) + 1,
    ).SerializeToString()
    if len(graph) > MAX_BYTES:
        sys.exit(f"the model has {len(graph):,} bytes, more than {MAX_BYTES:,}")
    difference = parity(fitted, graph, tables)
    if not difference <= PARITY:
        sys.exit(f"onnxruntime and scikit-learn differ by {difference:.2g}, more than {PARITY}")
    arguments.to.mkdir(parents=True, exist_ok=True)
    (arguments.to / "safe_pip.onnx").write_bytes(graph)
    document = manifest_of(fitted, graph, difference=difference)
    (arguments.to / "manifest.json").write_text(json.dumps(document, indent=1) + "\n")
    print(f"{document['model_id']}: {len(graph):,} bytes, largest difference {difference:.2g}")


if __name__ == "__main__":
    main()
