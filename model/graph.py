"""The ONNX graph: every fitted part converted by skl2onnx, joined by hand-written arithmetic.

Inputs ``units`` and ``packages``; outputs ``unit_score``, ``score`` and ``log_odds``. See
safe_pip.scoring.network for their shapes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, compose, helper, numpy_helper
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.pipeline import Pipeline

from model.ensemble import CLIP, Stack

OPSET = {"": 17, "ai.onnx.ml": 3}
FLOAT = TensorProto.FLOAT


def build_graph(
    unit_model: Any, stack: Stack, *, n_unit_inputs: int, n_inputs: int
) -> onnx.ModelProto:
    """The whole model as one checked graph. ``n_inputs`` counts the worst unit's score."""
    parts = {"unit": (unit_model, "units", n_unit_inputs)}
    for number, model in enumerate(stack.bases.values()):
        parts[f"base{number}"] = (model, "packages", n_inputs)
    nodes: list[onnx.NodeProto] = []
    initializers: list[onnx.TensorProto] = []
    for prefix, (model, name, width) in parts.items():
        graph = _converted(model, prefix, name, width)
        nodes += graph.node
        initializers += graph.initializer
    nodes += _joining(len(stack.bases), has_floor=bool(stack.telling))
    initializers += _constants(stack)
    graph = helper.make_graph(
        nodes,
        "safe_pip",
        [
            helper.make_tensor_value_info("units", FLOAT, [None, n_unit_inputs]),
            helper.make_tensor_value_info("packages", FLOAT, [None, n_inputs]),
        ],
        [
            helper.make_tensor_value_info("unit_score", FLOAT, [None, 1]),
            helper.make_tensor_value_info("score", FLOAT, [None, 1]),
            helper.make_tensor_value_info("log_odds", FLOAT, [None, 1]),
        ],
        initializers,
    )
    opsets = [helper.make_opsetid(domain, version) for domain, version in OPSET.items()]
    joined = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    onnx.checker.check_model(joined, full_check=True)
    return joined


def _converted(model: Any, prefix: str, input_name: str, width: int) -> onnx.GraphProto:
    """One classifier's nodes, its names under a prefix, its probabilities as ``<prefix>/both``."""
    last = model.steps[-1][1] if isinstance(model, Pipeline) else model
    converted = to_onnx(
        model,
        initial_types=[("inputs", FloatTensorType([None, width]))],
        options={id(last): {"zipmap": False}},
        target_opset=OPSET,
    )
    named = compose.add_prefix(converted, f"{prefix}/").graph
    _fit_thresholds(named)
    probabilities = f"{prefix}/probabilities"
    for node in named.node:
        for position, name in enumerate(node.input):
            if name == f"{prefix}/inputs":
                node.input[position] = input_name
    named.node.append(helper.make_node("Identity", [probabilities], [f"{prefix}/both"]))
    return named


def _fit_thresholds(graph: onnx.GraphProto) -> None:
    """Nothing to do for float32 inputs today; the place to mend thresholds if parity fails."""


def _joining(n_bases: int, *, has_floor: bool) -> Iterator[onnx.NodeProto]:
    """Second column of each part; clipped log-odds of the bases; meta-learner; calibration; the
    floor under what a telling column says."""

    def column(source: str, target: str) -> onnx.NodeProto:
        return helper.make_node("Gather", [source, "second"], [target], axis=1)

    yield column("unit/both", "unit_score")
    for number in range(n_bases):
        yield column(f"base{number}/both", f"base{number}/likely")
    likely = [f"base{number}/likely" for number in range(n_bases)]
    yield helper.make_node("Concat", likely, ["likely"], axis=1)
    yield helper.make_node("Clip", ["likely", "lowest", "highest"], ["clipped"])
    yield helper.make_node("Sub", ["one", "clipped"], ["unlikely"])
    yield helper.make_node("Div", ["clipped", "unlikely"], ["odds"])
    yield helper.make_node("Log", ["odds"], ["base_log_odds"])
    yield helper.make_node("MatMul", ["base_log_odds", "weights"], ["weighted"])
    calibrated = "calibrated" if has_floor else "log_odds"
    yield helper.make_node("Add", ["weighted", "bias"], [calibrated])
    if has_floor:
        yield helper.make_node("Gather", ["packages", "telling"], ["told"], axis=1)
        yield helper.make_node("ReduceMax", ["told"], ["most_told"], axes=[1], keepdims=1)
        yield helper.make_node("Greater", ["most_told", "zero"], ["is_told"])
        yield helper.make_node("Max", ["calibrated", "floor"], ["raised"])
        yield helper.make_node("Where", ["is_told", "raised", "calibrated"], ["log_odds"])
    yield helper.make_node("Sigmoid", ["log_odds"], ["score"])


def _constants(stack: Stack) -> Iterator[onnx.TensorProto]:
    def floats(values: Any, name: str) -> onnx.TensorProto:
        return numpy_helper.from_array(np.asarray(values, dtype=np.float32), name)

    yield numpy_helper.from_array(np.array([1], dtype=np.int64), "second")
    yield floats(CLIP, "lowest")
    yield floats(1 - CLIP, "highest")
    yield floats(1, "one")
    # The calibration is folded into the meta-learner's weights: both are linear.
    yield floats(stack.scale * stack.weights[:, None], "weights")
    yield floats([[stack.scale * stack.bias + stack.shift]], "bias")
    if stack.telling:
        yield numpy_helper.from_array(np.array(stack.telling, dtype=np.int64), "telling")
        yield floats(0, "zero")
        yield floats([[stack.floor]], "floor")
