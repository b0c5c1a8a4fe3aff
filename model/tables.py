"""The numeric tables: all that training and evaluation need, without a word of any sample.

``packages.npz`` holds a sparse matrix and a column of facts for each package, ``units.npz`` the
files with evidence, ``paper8.npz`` the control's inputs, ``places.json.gz`` where evidence stands
in benign files, for the list of false positives.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from model.labels import Label
from model.plan import Item, Origin, Split
from model.records import Record, Store, decode
from safe_pip.evidence import Surface
from safe_pip.extractors import SCHEMA
from safe_pip.feature import Feature, Fold, Group
from safe_pip.scoring.hard_rules import BLOCKING, HardRule

BAG_WORDS = 500
_FLAGS = ("homepage", "email", "install_command", "suspicious_url", "long_string",
          "minimal_config", "licence_mismatch")  # fmt: skip
_FACTS = ("key", "label", "split", "origin", "group", "project", "version", "filename", "kind",
          "variant", "first_seen", "format", "surfaces", "rules")  # fmt: skip
_NUMBERS = ("n_files", "size", "year", "seconds")


@dataclass(frozen=True, kw_only=True)
class Tables:
    """Rows in one order everywhere. ``values``: float32, shape (packages, features);
    ``unit_values``: float32 and sparse, shape (units, features); ``unit_package``: the row of the
    package that each unit belongs to."""

    names: tuple[str, ...]
    schema_digest: str
    values: NDArray[np.float32]
    facts: dict[str, NDArray[np.str_]]
    numbers: dict[str, NDArray[np.float64]]
    unit_values: csr_matrix
    unit_package: NDArray[np.int64]
    unit_is_touched: NDArray[np.bool_]
    paper8: NDArray[np.float32]
    places: dict[str, list[str]]
    digest: str

    def __len__(self) -> int:
        return len(self.values)

    @cached_property
    def is_positive(self) -> NDArray[np.bool_]:
        return np.isin(self.facts["label"], [label.value for label in Label if label.is_positive])

    @cached_property
    def is_benign(self) -> NDArray[np.bool_]:
        return np.asarray(self.facts["label"] == Label.BENIGN.value, dtype=bool)

    def in_split(self, split: Split) -> NDArray[np.bool_]:
        return np.asarray(self.facts["split"] == split.value, dtype=bool)

    def from_origin(self, *origins: Origin) -> NDArray[np.bool_]:
        return np.isin(self.facts["origin"], [origin.value for origin in origins])


def write_tables(items: Sequence[Item], store: Store, *, folder: Path) -> str:
    """Write the tables of all items that have a vector; gives a line about them."""
    folder.mkdir(parents=True, exist_ok=True)
    by_key = {item.key: item for item in items}
    records: list[Record] = []
    for _, document in store.items(by_key):
        record = decode(document)
        if not record.error:
            records.append(record)
    ordered = [by_key[record.item] for record in records]
    _write_packages(folder / "packages.npz", ordered, records)
    _write_units(folder / "units.npz", records)
    _write_paper8(folder / "paper8.npz", ordered, records)
    _write_places(folder / "places.json.gz", ordered, records)
    size = sum(path.stat().st_size for path in folder.glob("*.*z"))
    return f"{len(records)} rows of {len(items)} items, {size / 1e6:.1f} MB in {folder.name}"


def _sparse(rows: Sequence[tuple[tuple[int, ...], tuple[float, ...]]]) -> csr_matrix:
    lengths = [len(columns) for columns, _ in rows]
    return csr_matrix(
        (
            np.array([value for _, values in rows for value in values], dtype=np.float32),
            np.array([column for columns, _ in rows for column in columns], dtype=np.int32),
            np.concatenate([[0], np.cumsum(lengths)]),
        ),
        shape=(len(rows), len(SCHEMA.features)),
    )


def row_key(item_key: str) -> str:
    """What a row is called in the tables, by the key of its item."""
    return hashlib.sha256(item_key.encode()).hexdigest()[:20]


def _surfaces(record: Record) -> str:
    found = {p.surface for p in record.places if SCHEMA[p.feature].group is Group.CODE}
    return " ".join(sorted(found))


def _rules(record: Record) -> Iterator[str]:
    """The hard rules that the kept places show: of few places a feature at most, so there may be
    more, and none that does not hold."""
    values = dict(zip(record.columns, record.values, strict=True))
    for rule in BLOCKING:
        if any(
            rule.is_about(place.feature, Surface[place.surface], place.path)
            and _is_enough(values[SCHEMA.positions[place.feature]], rule, SCHEMA[place.feature])
            for place in record.places
        ):
            yield rule.name


def _is_enough(value: float, rule: HardRule, feature: Feature) -> bool:
    """A count is of evidence that is worth one each."""
    return feature.fold is Fold.COUNT or value >= rule.least


def _write_packages(path: Path, items: Sequence[Item], records: Sequence[Record]) -> None:
    facts = {name: [] for name in _FACTS}  # type: dict[str, list[str]]
    for item, record in zip(items, records, strict=True):
        is_public = item.label is Label.BENIGN or item.origin is Origin.GRAFT
        row = {
            "key": row_key(item.key),
            "label": item.label.value,
            "split": item.split.value,
            "origin": item.origin.value,
            "group": item.group,
            "project": item.project if is_public else "",
            "version": item.version if is_public else "",
            "filename": item.filename if is_public else "",
            "kind": item.kind,
            "variant": item.variant,
            "first_seen": item.first_seen,
            "format": record.kind,
            "surfaces": _surfaces(record),
            "rules": " ".join(_rules(record)),
        }
        for name, value in row.items():
            facts[name].append(value)
    matrix = _sparse([(record.columns, record.values) for record in records])
    arrays: dict[str, NDArray[Any]] = {
        "names": np.array(SCHEMA.names),
        "schema_digest": np.array(SCHEMA.digest),
        "data": matrix.data,
        "indices": matrix.indices.astype(np.int16),
        "indptr": matrix.indptr,
    }
    arrays |= {name: np.array(values) for name, values in facts.items()}
    for name in _NUMBERS:
        arrays[name] = np.array([getattr(record, name) for record in records], dtype=float)
    _save(path, arrays)


def _save(path: Path, arrays: dict[str, NDArray[Any]]) -> None:
    # Through an open file: the keyword arguments of numpy's function are typed as flags.
    with path.open("wb") as stream:
        np.savez_compressed(stream, allow_pickle=False, **arrays)


def _write_units(path: Path, records: Sequence[Record]) -> None:
    units = [(row, record, unit) for row, record in enumerate(records) for unit in record.units]
    matrix = _sparse([(unit.columns, unit.values) for _, _, unit in units])
    touched = [set(record.touched) for record in records]
    np.savez_compressed(
        path,
        data=matrix.data,
        indices=matrix.indices.astype(np.int16),
        indptr=matrix.indptr,
        package=np.array([row for row, _, _ in units], dtype=np.int32),
        is_touched=np.array([unit.path in touched[row] for row, _, unit in units], dtype=bool),
    )


def _write_paper8(path: Path, items: Sequence[Item], records: Sequence[Record]) -> None:
    """Seven flags and the bag: the words in most training documents, as in scikit-learn's
    CountVectorizer(max_features=500, binary=True)."""
    frequency: Counter[int] = Counter()
    bags = [set(_words(record)) for record in records]
    for item, bag in zip(items, bags, strict=True):
        if item.split is Split.TRAIN and not item.host:
            frequency.update(bag)
    vocabulary = [word for word, _ in frequency.most_common(BAG_WORDS)]
    rows = np.zeros((len(records), len(_FLAGS) + len(vocabulary)), dtype=bool)
    for row, (record, bag) in enumerate(zip(records, bags, strict=True)):
        flags = [bool(record.paper8[name]) for name in _FLAGS]
        rows[row] = flags + [word in bag for word in vocabulary]
    np.savez_compressed(path, bits=np.packbits(rows, axis=1), n_columns=np.array(rows.shape[1]))


def _words(record: Record) -> list[int]:
    words = record.paper8["words"]
    if not isinstance(words, list):
        raise TypeError("the control's words are a list")
    return words


def _write_places(path: Path, items: Sequence[Item], records: Sequence[Record]) -> None:
    places = {
        row_key(item.key): [
            f"{p.feature} {p.path}:{p.line} {p.surface}"
            for p in record.places
            if SCHEMA[p.feature].is_monotone
        ][:25]
        for item, record in zip(items, records, strict=True)
        if item.label is Label.BENIGN
    }
    # A fixed time stamp, so that equal tables are equal files.
    path.write_bytes(gzip.compress(json.dumps(places).encode(), mtime=0))


def read_tables(folder: Path) -> Tables:
    """The tables in a folder; raises ValueError if they are not of this version's schema."""
    with np.load(folder / "packages.npz") as packages:
        digest = str(packages["schema_digest"])
        if digest != SCHEMA.digest:
            raise ValueError(
                f"the tables are of schema {digest[:12]}, this version has {SCHEMA.digest[:12]}: "
                "run `python -m model.dataset` again"
            )
        values = csr_matrix(
            (packages["data"], packages["indices"].astype(np.int32), packages["indptr"]),
            shape=(len(packages["key"]), len(SCHEMA.features)),
        )
        facts = {name: packages[name] for name in _FACTS}
        numbers = {name: packages[name] for name in _NUMBERS}
    with np.load(folder / "units.npz") as units:
        unit_values = csr_matrix(
            (units["data"], units["indices"].astype(np.int32), units["indptr"]),
            shape=(len(units["package"]), len(SCHEMA.features)),
        )
        unit_package, touched = units["package"].astype(np.int64), units["is_touched"]
    with np.load(folder / "paper8.npz") as control:
        bits = np.unpackbits(control["bits"], axis=1)[:, : int(control["n_columns"])]
    sources = [folder / name for name in ("packages.npz", "units.npz", "paper8.npz")]
    return Tables(
        names=SCHEMA.names,
        schema_digest=digest,
        values=np.asarray(values.todense(), dtype=np.float32),
        facts=facts,
        numbers=numbers,
        unit_values=unit_values,
        unit_package=unit_package,
        unit_is_touched=touched,
        paper8=bits.astype(np.float32),
        places=json.loads(gzip.decompress((folder / "places.json.gz").read_bytes())),
        digest=hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest(),
    )
