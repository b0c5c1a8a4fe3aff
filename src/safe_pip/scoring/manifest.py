"""The manifest of an exported model: what the model is bound to, and what it was measured at."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass

from safe_pip.errors import ModelError

FORMAT = 1
REINSTALL = "reinstall safe-pip, or export the model again with `python -m model.export`"


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """Scores from which the built-in policy asks and blocks, 0 < ask <= block <= 1."""

    ask: float
    block: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What an exported model says about itself.

    ``inputs`` are the columns of the schema that the package model reads, in its order (its last
    input is the worst unit's score); ``unit_inputs`` are those of the unit model. The medians
    are those of benign training data, by feature name. Each of ``telling`` lifts the score to the
    question by itself.
    """

    model_id: str
    onnx_sha256: str
    schema_digest: str
    schema_names: tuple[str, ...]
    inputs: tuple[str, ...]
    unit_inputs: tuple[str, ...]
    medians: Mapping[str, float]
    unit_medians: Mapping[str, float]
    thresholds: Thresholds
    telling: tuple[str, ...] = ()


def parse_manifest(text: str) -> Manifest:
    """The manifest in a JSON text; raises ModelError if anything is missing or malformed."""
    try:
        document = json.loads(text)
        if document["format"] != FORMAT:
            raise ModelError(
                f"the model's manifest has format {document['format']}, not {FORMAT}",
                hint=REINSTALL,
            )
        thresholds = Thresholds(
            ask=float(document["thresholds"]["ask"]["score"]),
            block=float(document["thresholds"]["block"]["score"]),
        )
        manifest = Manifest(
            model_id=str(document["model_id"]),
            onnx_sha256=str(document["onnx"]["sha256"]),
            schema_digest=str(document["schema"]["digest"]),
            schema_names=_names(document["schema"]["names"]),
            inputs=_names(document["inputs"]),
            unit_inputs=_names(document["unit_inputs"]),
            medians=_numbers(document["benign_medians"]["package"]),
            unit_medians=_numbers(document["benign_medians"]["unit"]),
            thresholds=thresholds,
            telling=_names(document.get("telling", [])),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelError(f"the model's manifest is damaged: {error!r}", hint=REINSTALL) from error
    if not 0 < thresholds.ask <= thresholds.block <= 1:
        raise ModelError(
            f"the model's thresholds are out of order: ask {thresholds.ask}, "
            f"block {thresholds.block}",
            hint=REINSTALL,
        )
    unknown = (
        {*manifest.inputs, *manifest.unit_inputs, *manifest.medians, *manifest.unit_medians,
         *manifest.telling}
        - {*manifest.schema_names}
    )  # fmt: skip
    if unknown:
        raise ModelError(
            f"the model reads features that its schema lacks: {', '.join(sorted(unknown))}",
            hint=REINSTALL,
        )
    return manifest


def _names(values: object) -> tuple[str, ...]:
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise TypeError("a list of feature names was expected")
    return tuple(values)


def _numbers(values: object) -> dict[str, float]:
    if not isinstance(values, dict):
        raise TypeError("an object of numbers was expected")
    numbers = {str(name): float(value) for name, value in values.items()}
    if not all(math.isfinite(number) for number in numbers.values()):
        raise ValueError("a median is not finite")
    return numbers
