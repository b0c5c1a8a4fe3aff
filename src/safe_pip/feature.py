"""Features: named columns, each the fold of its evidence."""

from __future__ import annotations

import enum
import hashlib
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from safe_pip.evidence import Evidence

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Group(enum.Enum):
    """The paper's four groups (arXiv 2412.05259, section 3)."""

    METADATA = "metadata"
    FILE = "file"
    CODE = "code"
    TEXT = "text"


class Fold(enum.Enum):
    """How the evidence of one feature becomes one number.

    ANY: 1 if there is any. COUNT: log1p of the largest per-file sum, so that a payload in one of
    400 files counts as one in one. MAX: the largest value. VALUE: the only value; a second one
    is an error.
    """

    ANY = "any"
    COUNT = "count"
    MAX = "max"
    VALUE = "value"


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """One column. ``clip`` bounds the folded value from above. ``is_monotone`` says that more of
    it never makes a distribution less suspicious. A changed definition gets a new revision.

    ``says`` is the sentence a developer reads, such as "decodes data and executes it".
    """

    name: str
    group: Group
    fold: Fold
    reason: str
    says: str = ""
    is_monotone: bool = False
    clip: float = math.inf
    revision: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureVector:
    """``values``: float32, shape (n_features,), in the order of the schema; all finite."""

    values: NDArray[np.float32]
    schema_digest: str


@dataclass(frozen=True, kw_only=True)
class FeatureSchema:
    """The ordered columns that the extractors fill and the model reads."""

    features: tuple[Feature, ...]

    def __post_init__(self) -> None:
        if len({feature.name for feature in self.features}) != len(self.features):
            raise ValueError("a feature name is used twice")

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(feature.name for feature in self.features)

    @cached_property
    def positions(self) -> Mapping[str, int]:
        return {name: position for position, name in enumerate(self.names)}

    @cached_property
    def digest(self) -> str:
        """Hex SHA-256 over every column's definition: what a model is bound to."""
        lines = (
            f"{f.name} {f.group.value} {f.fold.value} {f.is_monotone} {f.clip} {f.revision}"
            for f in self.features
        )
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    def __getitem__(self, name: str) -> Feature:
        return self.features[self.positions[name]]

    def fold(self, evidence: Iterable[Evidence]) -> FeatureVector:
        """The vector of one distribution.

        Raises KeyError for evidence of an unknown feature and ValueError for a non-finite value
        or a second value of a VALUE feature: both are defects of an extractor.
        """
        # Only inspection workers fold; the process beside pip starts without the 0.1 s of numpy.
        import numpy as np

        by_feature: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
        for item in evidence:
            if not math.isfinite(item.value):
                raise ValueError(f"{item.feature}: evidence with the value {item.value}")
            by_feature[item.feature][item.location.path].append(item.value)
        values = np.zeros(len(self.features), dtype=np.float32)
        for name, by_path in by_feature.items():
            values[self.positions[name]] = _fold(self[name], by_path)
        return FeatureVector(values=values, schema_digest=self.digest)

    def fold_units(self, evidence: Iterable[Evidence]) -> dict[str, FeatureVector]:
        """The vector of each file for which there is evidence, by path."""
        by_path: dict[str, list[Evidence]] = defaultdict(list)
        for item in evidence:
            if item.location.path:
                by_path[item.location.path].append(item)
        return {path: self.fold(items) for path, items in by_path.items()}


def _fold(feature: Feature, by_path: Mapping[str, list[float]]) -> float:
    match feature.fold:
        case Fold.ANY:
            folded = 1.0
        case Fold.COUNT:
            folded = math.log1p(max(sum(values) for values in by_path.values()))
        case Fold.MAX:
            folded = max(max(values) for values in by_path.values())
        case Fold.VALUE:
            values = [value for found in by_path.values() for value in found]
            if len(values) != 1:
                raise ValueError(f"{feature.name}: {len(values)} values where one is defined")
            folded = values[0]
    return min(folded, feature.clip)
