"""What extraction leaves behind: numbers and places, never text of a sample."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import safe_pip
from safe_pip.extractors import SCHEMA

_SOURCES = ("archive", "extractors", "distribution.py", "evidence.py", "feature.py")
_OBSERVERS = ("paper8.py", "observing.py")
_MAKERS = ("grafts.py", "transforms.py", "payloads.py")


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """One file's vector, sparse: ``columns`` of the schema and their ``values``.

    ``surfaces`` are the names of the surfaces on which it has evidence.
    """

    path: str
    surfaces: tuple[str, ...]
    columns: tuple[int, ...]
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where evidence of a feature was seen; no excerpt."""

    feature: str
    path: str
    line: int
    surface: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Everything that training and evaluation know about one item.

    ``error`` is empty, or why there is no vector; then the rest is empty too. ``year`` is that
    of the newest member, 0 if unknown; ``size`` is that of the archive, in bytes. ``touched``
    are the paths that a graft or transformation wrote.
    """

    item: str
    error: str = ""
    kind: str = ""
    n_files: int = 0
    size: int = 0
    year: int = 0
    seconds: float = 0.0
    columns: tuple[int, ...] = ()
    values: tuple[float, ...] = ()
    units: tuple[Unit, ...] = ()
    places: tuple[Place, ...] = ()
    touched: tuple[str, ...] = ()
    paper8: dict[str, object] = field(default_factory=dict)


def extraction_digest() -> str:
    """Hex digest of all code that the record of a real archive depends on, and of the schema."""
    package, folder = Path(safe_pip.__file__).parent, Path(__file__).parent
    digest = hashlib.sha256(SCHEMA.digest.encode())
    for path in [package / name for name in _SOURCES] + [folder / name for name in _OBSERVERS]:
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        for file in files:
            if file.suffix in (".py", ".txt", ".gz"):
                digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:16]


def making_digest() -> str:
    """Hex digest of the code that grafts and transforms: part of the names of made items."""
    contents = b"".join((Path(__file__).parent / name).read_bytes() for name in _MAKERS)
    return hashlib.sha256(contents).hexdigest()[:8]


class Store:
    """JSON documents by key, in one SQLite file; a run that was stopped goes on where it was."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, timeout=60)
        self._connection.execute("create table if not exists documents (key primary key, body)")

    def keys(self) -> set[str]:
        return {key for (key,) in self._connection.execute("select key from documents")}

    def put(self, key: str, document: object) -> None:
        body = zlib.compress(json.dumps(document).encode())
        with self._connection:
            self._connection.execute("insert or replace into documents values (?, ?)", (key, body))

    def items(self, keys: Iterable[str]) -> Iterator[tuple[str, object]]:
        for key in keys:
            row = self._connection.execute(
                "select body from documents where key = ?", (key,)
            ).fetchone()
            if row is not None:
                yield key, json.loads(zlib.decompress(row[0]))


def encode(record: Record) -> dict[str, object]:
    return asdict(record)


def decode(document: object) -> Record:
    if not isinstance(document, dict):
        raise TypeError("a record is an object")
    units = tuple(
        Unit(
            path=unit["path"],
            surfaces=tuple(unit["surfaces"]),
            columns=tuple(unit["columns"]),
            values=tuple(unit["values"]),
        )
        for unit in document["units"]
    )
    places = tuple(Place(**place) for place in document["places"])
    rest = {k: v for k, v in document.items() if k not in ("units", "places")}
    for name in ("columns", "values", "touched"):
        rest[name] = tuple(rest[name])
    return Record(units=units, places=places, **rest)
