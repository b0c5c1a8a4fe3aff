"""The exported ONNX graph in an onnxruntime session: the only onnxruntime import.

The graph has two halves. ``units`` (float32, shape (n, unit inputs)) gives ``unit_score``
(shape (n,)); ``packages`` (float32, shape (n, inputs + 1), the last column being the worst
unit's score) gives ``score`` and ``log_odds`` (shape (n,)).
"""

from __future__ import annotations

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from safe_pip.errors import ModelError
from safe_pip.scoring.manifest import REINSTALL

Matrix = NDArray[np.float32]


class Network:
    """A loaded graph; safe to call from several threads."""

    def __init__(self, graph: bytes, *, n_inputs: int, n_unit_inputs: int) -> None:
        """Raises ModelError if the bytes are no model, or one of another shape."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 4
        # There is nothing to gain in a graph of tree ensembles: the same numbers in the same
        # time, after a fifth less of loading.
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        try:
            self._session = onnxruntime.InferenceSession(
                graph, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime's errors share no base but Exception
            raise ModelError(f"the model cannot be loaded: {error}", hint=REINSTALL) from error
        self._n_inputs = n_inputs
        self._n_unit_inputs = n_unit_inputs
        found = {item.name: item.shape[-1] for item in self._session.get_inputs()}
        if found != {"packages": n_inputs + 1, "units": n_unit_inputs}:
            raise ModelError(f"the model has other inputs than its manifest: {found}",
                             hint=REINSTALL)  # fmt: skip
        outputs = {item.name for item in self._session.get_outputs()}
        if outputs != {"unit_score", "score", "log_odds"}:
            raise ModelError(f"the model has unexpected outputs: {sorted(outputs)}",
                             hint=REINSTALL)  # fmt: skip

    def score_units(self, units: Matrix) -> Matrix:
        """Probability of malice of each file; shape (n,)."""
        if not len(units):
            return np.zeros(0, dtype=np.float32)
        idle = np.zeros((1, self._n_inputs + 1), dtype=np.float32)
        (scores,) = self._session.run(["unit_score"], {"units": units, "packages": idle})
        return _finite(scores)

    def score_packages(self, packages: Matrix) -> tuple[Matrix, Matrix]:
        """Calibrated probability of malice and log-odds of each row; each of shape (n,)."""
        idle = np.zeros((1, self._n_unit_inputs), dtype=np.float32)
        scores, log_odds = self._session.run(
            ["score", "log_odds"], {"units": idle, "packages": packages}
        )
        return _finite(scores), _finite(log_odds)


def _finite(values: object) -> Matrix:
    flat = np.asarray(values, dtype=np.float32).reshape(-1)
    if not np.isfinite(flat).all():
        raise ModelError(
            "the model gave a score that is not a number, so it is not used",
            hint="report this with the artifact's digest",
        )
    return flat
