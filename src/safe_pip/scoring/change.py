"""The change since another release of a project: what the new one shows and the old one did not.

The old release is as untrusted as the new one, so a change can only add to what the new release
says of itself: nothing that is found here makes a verdict milder.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from safe_pip.errors import ModelError
from safe_pip.evidence import Evidence
from safe_pip.feature import FeatureSchema
from safe_pip.scoring.explain import MAX_FEATURES, MAX_PLACES, MIN_CONTRIBUTION, by_file, strongest
from safe_pip.scoring.manifest import REINSTALL
from safe_pip.scoring.shipped import model_folder
from safe_pip.verdict import Change, Finding

CHANGE_MODEL = "change.json"
FORMAT = 1
# Files that no old file equals, most telling first; more would only be slower.
MAX_NEW_FILES = 1_000

Matrix = NDArray[np.float32]
Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What one release shows in the columns of a change. ``package``: float32, shape (n,);
    ``files``: float32, shape (files, n); ``paths`` are the files' own."""

    package: Matrix
    files: Matrix
    paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Gains:
    """How much more the new release shows, column by column; none is negative. ``by_file`` is
    the most that a file gained beside the old file most like it, ``carriers`` the rows of these
    files; ``by_package`` what the whole gained."""

    by_file: Vector
    by_package: Vector
    carriers: NDArray[np.intp]


def gains(old: Seen, new: Seen, *, importance: Vector) -> Gains:
    """The gains from one release to another; they depend on no order of files.

    A file is new if no old file shows the same. Files are compared by what they show and not by
    name: a module that was moved or renamed gains nothing. ``importance`` orders the new files,
    of which MAX_NEW_FILES are looked at.
    """
    columns = new.package.shape[0]
    by_file = np.zeros(columns)
    carriers = np.full(columns, -1, dtype=np.intp)
    known = np.unique(old.files, axis=0)
    for row in _new_rows(known, new.files, importance):
        shown = np.flatnonzero(new.files[row])
        more = new.files[row, shown].astype(float)[None, :]
        if len(known):
            beyond = np.maximum(0.0, more - known[:, shown])
            more = beyond[[int(beyond.sum(axis=1).argmin())]]
        is_most = more[0] > by_file[shown]
        by_file[shown[is_most]] = more[0][is_most]
        carriers[shown[is_most]] = row
    by_package = np.maximum(0.0, new.package.astype(float) - old.package)
    return Gains(by_file=by_file, by_package=by_package, carriers=carriers)


def _new_rows(known: Matrix, files: Matrix, importance: Vector) -> list[int]:
    seen = {row.tobytes() for row in known}
    first: dict[bytes, int] = {}
    for row, values in enumerate(files):
        if values.any() and (content := values.tobytes()) not in seen:
            first.setdefault(content, row)
    ordered = sorted(first.items(), key=lambda item: (-float(files[item[1]] @ importance), item[0]))
    return [row for _, row in ordered[:MAX_NEW_FILES]]


@dataclass(frozen=True, kw_only=True)
class ChangeModel:
    """Adds up gains, each with a weight that is not negative, into log-odds; ``ask_above`` is
    the score from which a change is worth a question."""

    names: tuple[str, ...]
    by_file: Vector
    by_package: Vector
    bias: float
    ask_above: float
    schema_digest: str

    def score(self, found: Gains) -> float:
        log_odds = self.bias + float(
            found.by_file @ self.by_file + found.by_package @ self.by_package
        )
        return 1 / (1 + math.exp(-max(-50.0, min(50.0, log_odds))))


class ChangeScorer:
    """A change model, bound to the schema that it was trained on."""

    def __init__(self, model: ChangeModel, *, schema: FeatureSchema) -> None:
        """Raises ModelError if it was trained on other features."""
        if model.schema_digest != schema.digest:
            raise ModelError(
                "the model of changes was trained on other features than this version has "
                f"(schema {model.schema_digest[:12]}, not {schema.digest[:12]})",
                hint=_HINT,
            )
        self._model = model
        self._schema = schema
        self._columns = [schema.positions[name] for name in model.names]

    @classmethod
    def load(cls, folder: Path | None = None, *, schema: FeatureSchema) -> ChangeScorer:
        """The model in a folder, by default the one that ships. Raises ModelError."""
        try:
            text = ((folder or model_folder()) / CHANGE_MODEL).read_text(encoding="utf-8")
        except (OSError, ModuleNotFoundError, UnicodeDecodeError) as error:
            raise ModelError(f"the model of changes cannot be read: {error}", hint=_HINT) from error
        return cls(parse_change_model(text), schema=schema)

    def most(self, new: Sequence[Evidence], *, previous: str) -> Change | None:
        """What the change comes to if that is below the question even were all of it new: then
        nobody has to open the old release."""
        seen = self._seen(new)
        nothing = Seen(package=np.zeros_like(seen.package), files=seen.files[:0])
        score = self._model.score(gains(nothing, seen, importance=self._importance))
        return None if score >= self._model.ask_above else self._change(previous, score)

    def judge(self, old: Sequence[Evidence], new: Sequence[Evidence], *, previous: str) -> Change:
        """How the change from one release's evidence to another's looks, and what carries it."""
        seen = self._seen(new)
        found = gains(self._seen(old), seen, importance=self._importance)
        score = self._model.score(found)
        return self._change(previous, score, self._findings(new, seen, found, score))

    @property
    def ask_above(self) -> float:
        return self._model.ask_above

    @property
    def _importance(self) -> Vector:
        return np.asarray(self._model.by_file + self._model.by_package)

    def _change(self, previous: str, score: float, findings: tuple[Finding, ...] = ()) -> Change:
        return Change(
            previous=previous, score=score, ask_above=self._model.ask_above, findings=findings
        )

    def _seen(self, evidence: Sequence[Evidence]) -> Seen:
        units = self._schema.fold_units(evidence)
        paths = tuple(sorted(units))
        files = np.zeros((len(paths), len(self._columns)), dtype=np.float32)
        for row, path in enumerate(paths):
            files[row] = units[path].values[self._columns]
        package = self._schema.fold(evidence).values[self._columns]
        return Seen(package=package, files=files, paths=paths)

    def _findings(
        self, new: Sequence[Evidence], seen: Seen, found: Gains, score: float
    ) -> tuple[Finding, ...]:
        """Evidence of the columns that gained, strongest first; that of the file that gained
        most before that of others."""
        model = self._model
        shares = found.by_file * model.by_file + found.by_package * model.by_package
        if not shares.any():
            return ()
        shares = shares / shares.sum() * max(0.0, score - 1 / (1 + math.exp(-model.bias)))
        by_feature: dict[str, list[Evidence]] = defaultdict(list)
        for item in new:
            by_feature[item.feature].append(item)
        findings: list[Finding] = []
        for column in np.argsort(-shares, kind="stable")[:MAX_FEATURES]:
            if shares[column] < MIN_CONTRIBUTION:
                break
            name, carrier = model.names[column], found.carriers[column]
            path = seen.paths[carrier] if carrier >= 0 else None
            ordered = strongest(by_feature[name])
            ordered.sort(key=lambda item: path is not None and item.location.path != path)
            findings += [
                Finding(
                    evidence=item,
                    group=self._schema[name].group,
                    contribution=float(shares[column]),
                )
                for item in ordered[:MAX_PLACES]
            ]
        return tuple(by_file(findings))


_HINT = REINSTALL.replace("model.export", "model.delta")


def parse_change_model(text: str) -> ChangeModel:
    """The model in a JSON text; raises ModelError if anything is missing or makes no sense."""
    try:
        document: Mapping[str, Any] = json.loads(text)
        if document["format"] != FORMAT:
            raise ValueError(f"format {document['format']}, not {FORMAT}")
        rows = [document["weights"][name] for name in document["names"]]
        model = ChangeModel(
            names=tuple(str(name) for name in document["names"]),
            by_file=np.array([float(row["by_file"]) for row in rows]),
            by_package=np.array([float(row["by_package"]) for row in rows]),
            bias=float(document["bias"]),
            ask_above=float(document["ask_above"]["score"]),
            schema_digest=str(document["schema_digest"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelError(f"the model of changes is damaged: {error!r}", hint=_HINT) from error
    weights = np.concatenate([model.by_file, model.by_package])
    # A negative weight would let a release buy itself a lower score.
    if not (np.isfinite(weights).all() and (weights >= 0).all() and math.isfinite(model.bias)):
        raise ModelError("the model of changes has weights that make no sense", hint=_HINT)
    if not 0 < model.ask_above < 1:
        raise ModelError(
            f"the model of changes asks from {model.ask_above}, which is no score", hint=_HINT
        )
    return model
