"""A tiny exported model over three features, written by hand, for the tests of scoring."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from onnx import TensorProto, ValueInfoProto, helper, numpy_helper

from safe_pip.feature import Feature, FeatureSchema, Fold, Group

SCHEMA = FeatureSchema(
    features=(
        Feature(name="mail", group=Group.METADATA, fold=Fold.ANY, reason="test"),
        Feature(name="spawn", group=Group.CODE, fold=Fold.ANY, reason="test", is_monotone=True),
        Feature(name="blob", group=Group.TEXT, fold=Fold.MAX, reason="test", is_monotone=True),
    )
)


def tiny_graph(*, weights: Sequence[float] = (-1.0, 2.0, 0.5, 4.0), bias: float = -3.0) -> bytes:
    """Units: sigmoid(spawn + blob - 2). Packages: sigmoid of the weighted sum of the three
    features and the worst unit."""

    def floats(values: object, name: str) -> TensorProto:
        return numpy_helper.from_array(np.asarray(values, dtype=np.float32), name)

    def shaped(name: str, width: int) -> ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, width])

    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["units", "unit_weights"], ["unit_sum"]),
            helper.make_node("Add", ["unit_sum", "unit_bias"], ["unit_log_odds"]),
            helper.make_node("Sigmoid", ["unit_log_odds"], ["unit_score"]),
            helper.make_node("MatMul", ["packages", "weights"], ["sum"]),
            helper.make_node("Add", ["sum", "bias"], ["log_odds"]),
            helper.make_node("Sigmoid", ["log_odds"], ["score"]),
        ],
        "tiny",
        [shaped("units", 2), shaped("packages", 4)],
        [shaped("unit_score", 1), shaped("score", 1), shaped("log_odds", 1)],
        [
            floats([[1.0], [1.0]], "unit_weights"),
            floats([[-2.0]], "unit_bias"),
            floats([[weight] for weight in weights], "weights"),
            floats([[bias]], "bias"),
        ],
    )
    opsets = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    return bytes(model.SerializeToString())


def tiny_manifest(graph: bytes) -> dict[str, object]:
    return {
        "format": 1,
        "model_id": "tiny-1",
        "onnx": {"sha256": hashlib.sha256(graph).hexdigest()},
        "schema": {"digest": SCHEMA.digest, "names": list(SCHEMA.names)},
        "inputs": list(SCHEMA.names),
        "unit_inputs": ["spawn", "blob"],
        "benign_medians": {"package": {"mail": 1.0}, "unit": {}},
        "thresholds": {"ask": {"score": 0.5}, "block": {"score": 0.9}},
    }


def write_tiny_model(
    folder: Path, *, graph: bytes | None = None, changes: Mapping[str, object] | None = None
) -> Path:
    """The model in a folder; ``changes`` replace entries of the manifest."""
    content = tiny_graph() if graph is None else graph
    (folder / "safe_pip.onnx").write_bytes(content)
    manifest = {**tiny_manifest(content), **(changes or {})}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder
