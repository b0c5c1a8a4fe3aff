"""The scorer: evidence in, a calibrated score and its explanation out."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from safe_pip.errors import ModelError
from safe_pip.evidence import Evidence
from safe_pip.feature import FeatureSchema
from safe_pip.scoring.explain import Columns, Measured, explain
from safe_pip.scoring.hard_rules import rule_hits
from safe_pip.scoring.manifest import REINSTALL, Manifest, Thresholds, parse_manifest
from safe_pip.scoring.network import Matrix, Network
from safe_pip.scoring.shipped import GRAPH, MANIFEST, model_folder
from safe_pip.verdict import Finding, RuleHit


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """``score``: calibrated probability of malice, 0 to 1. ``findings``: strongest first.
    ``rules``: the hard rules that hold."""

    score: float
    findings: tuple[Finding, ...]
    rules: tuple[RuleHit, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedModel:
    """A manifest and the graph that it describes, ready to run. ``Scorer`` looks whether they are
    for the features that there are."""

    manifest: Manifest
    network: Network


def load_model(folder: Path | None = None) -> LoadedModel:
    """The model in a folder, by default the one that ships with safe-pip. Most of its time goes
    by without the interpreter's lock.

    Raises ModelError if it is missing or damaged.
    """
    try:
        home = folder or model_folder()
        text = (home / MANIFEST).read_text(encoding="utf-8")
        graph = (home / GRAPH).read_bytes()
    except (OSError, ModuleNotFoundError, UnicodeDecodeError) as error:
        raise ModelError(f"the model cannot be read: {error}", hint=REINSTALL) from error
    manifest = parse_manifest(text)
    sha256 = hashlib.sha256(graph).hexdigest()
    if sha256 != manifest.onnx_sha256:
        raise ModelError(
            f"the model file has the digest {sha256[:16]}…, "
            f"but its manifest says {manifest.onnx_sha256[:16]}…",
            hint=REINSTALL,
        )
    network = Network(graph, n_inputs=len(manifest.inputs), n_unit_inputs=len(manifest.unit_inputs))
    return LoadedModel(manifest=manifest, network=network)


class Scorer:
    """A verified model, bound to the schema that it was trained on."""

    def __init__(self, model: LoadedModel, *, schema: FeatureSchema) -> None:
        """Raises ModelError if the model was made for another schema."""
        manifest = model.manifest
        _verify_schema(manifest, schema)
        self._manifest = manifest
        self._schema = schema
        self._network = model.network
        self._inputs = [schema.positions[name] for name in manifest.inputs]
        self._unit_inputs = [schema.positions[name] for name in manifest.unit_inputs]
        self._columns = Columns(
            package=_columns(manifest.inputs, manifest.medians),
            unit=_columns(manifest.unit_inputs, manifest.unit_medians),
        )

    @classmethod
    def load(cls, folder: Path | None = None, *, schema: FeatureSchema) -> Scorer:
        """The model in a folder, by default the one that ships with safe-pip, for the columns
        that the extractors fill.

        Raises ModelError if it is missing, damaged or made for another schema.
        """
        return cls(load_model(folder), schema=schema)

    @property
    def model_id(self) -> str:
        return self._manifest.model_id

    @property
    def thresholds(self) -> Thresholds:
        return self._manifest.thresholds

    def judge(self, evidence: Sequence[Evidence]) -> Judged:
        """The score of one distribution's evidence, and what moved it.

        Raises ModelError if the model gives anything but a finite number.
        """
        return self.judge_vectors(
            evidence,
            package=self._schema.fold(evidence).values,
            files={
                path: vector.values for path, vector in self._schema.fold_units(evidence).items()
            },
        )

    def judge_vectors(
        self, evidence: Sequence[Evidence], *, package: Matrix, files: Mapping[str, Matrix]
    ) -> Judged:
        """As ``judge``, from vectors that were folded before; the evidence gives the places."""
        measured = self._measure(package, files)
        findings = explain(
            evidence,
            measured,
            schema=self._schema,
            columns=self._columns,
            network=self._network,
        )
        return Judged(
            score=measured.score,
            findings=findings,
            rules=rule_hits(evidence, telling=self._manifest.telling),
        )

    def _measure(self, folded: Matrix, files: Mapping[str, Matrix]) -> Measured:
        units: Matrix = np.zeros((len(files), len(self._unit_inputs)), dtype=np.float32)
        for row, vector in enumerate(files.values()):
            units[row] = vector[self._unit_inputs]
        unit_scores = self._network.score_units(units)
        worst = unit_scores.max(initial=0.0)
        package = np.append(folded[self._inputs], worst).astype(np.float32)
        scores, log_odds = self._network.score_packages(package[None, :])
        return Measured(
            package=package,
            units=units,
            unit_scores=unit_scores,
            paths=tuple(files),
            score=min(1.0, max(0.0, float(scores[0]))),
            log_odds=float(log_odds[0]),
        )


def _verify_schema(manifest: Manifest, schema: FeatureSchema) -> None:
    if manifest.schema_digest != schema.digest or manifest.schema_names != schema.names:
        raise ModelError(
            f"the model {manifest.model_id} was trained on other features than this version has "
            f"(schema {manifest.schema_digest[:12]}, not {schema.digest[:12]})",
            hint=REINSTALL,
        )


def _columns(names: Sequence[str], medians: Mapping[str, float]) -> dict[str, tuple[int, float]]:
    return {name: (position, medians.get(name, 0.0)) for position, name in enumerate(names)}
