"""Explanations: whether the first place that a verdict names is in the file that was inserted.

``python -m model.explanations`` asks about every graft of the tables that the exported model asks
about, from the numbers and places that ``model.dataset`` left in the store: no sample is read, and
only figures are written. ``--harmless`` makes grafts of harmless look-alikes in local wheels
instead, and judges them whole; it needs neither store nor corpus.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from model.benign import local_wheels
from model.dataset import touched_paths
from model.ensemble import Matrix
from model.grafts import Place, graft
from model.lookalikes import LOOKALIKES
from model.measures import rate
from model.observing import opened
from model.plan import Origin, draw
from model.records import Record, Store, decode, extraction_digest
from model.tables import Tables, read_tables, row_key
from model.workspace import EXPORTED, MODEL_FOLDER, TABLES, open_workspace, stage_parser
from safe_pip.errors import UnscannableError
from safe_pip.evidence import Evidence, Location, Surface
from safe_pip.extractors import SCHEMA, observe
from safe_pip.scoring.scorer import Judged, Scorer
from safe_pip.verdict import by_place

FIGURES = MODEL_FOLDER / "explanations.json"
MAX_HOST_BYTES = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A graft that was detected: its split and place, and whether it was the first named."""

    split: str
    place: str
    is_first: bool


def vector_of(columns: Sequence[int], values: Sequence[float]) -> Matrix:
    vector = np.zeros(len(SCHEMA.features), dtype=np.float32)
    vector[list(columns)] = values
    return vector


def evidence_of(record: Record) -> Iterator[Evidence]:
    """What a record still tells of the evidence: its places in their order, then what is left,
    a file and feature each."""
    seen = set()
    for number, place in enumerate(record.places):
        seen.add((place.feature, place.path))
        yield Evidence(
            feature=place.feature,
            location=Location(path=place.path, line=place.line),
            # The order of the places is that of their strength, which is not kept itself.
            value=float(len(record.places) - number),
            surface=Surface[place.surface],
        )
    for unit in record.units:
        for column in unit.columns:
            name = SCHEMA.names[column]
            if (name, unit.path) not in seen:
                yield Evidence(feature=name, location=Location(path=unit.path))
    with_place = {place.feature for place in record.places}
    with_place |= {SCHEMA.names[column] for unit in record.units for column in unit.columns}
    for column in record.columns:
        if SCHEMA.names[column] not in with_place:
            yield Evidence(feature=SCHEMA.names[column], location=Location(path=""))


def judged_record(record: Record, scorer: Scorer) -> Judged:
    return scorer.judge_vectors(
        list(evidence_of(record)),
        package=vector_of(record.columns, record.values),
        files={
            unit.path: vector_of(unit.columns, unit.values) for unit in record.units if unit.path
        },
    )


def is_first_named(judged: Judged, touched: Sequence[str]) -> bool:
    """RECORD lists every file that is added, and is not what was inserted."""
    places = by_place(judged.findings)
    inserted = {path for path in touched if not path.endswith("/RECORD")}
    return bool(places) and places[0][0].evidence.location.path in inserted


def from_store(tables: Tables, store: Store, scorer: Scorer) -> Iterator[Named]:
    rows = {str(tables.facts["key"][row]): row
            for row in np.flatnonzero(tables.from_origin(Origin.GRAFT))}  # fmt: skip
    keys = sorted(key for key in store.keys() if row_key(key) in rows)  # noqa: SIM118
    for key, document in tqdm(store.items(keys), total=len(keys), unit="graft"):
        record = decode(document)
        judged = judged_record(record, scorer)
        if judged.score >= scorer.thresholds.ask:
            row = rows[row_key(key)]
            yield Named(
                split=str(tables.facts["split"][row]),
                place=str(tables.facts["variant"][row]),
                is_first=is_first_named(judged, record.touched),
            )


def from_lookalikes(scorer: Scorer, hosts: Mapping[str, Path], *, count: int) -> Iterator[Named]:
    """Grafts of harmless payloads, in memory, judged as an artifact would be."""
    small = [name for name, path in hosts.items() if path.stat().st_size < MAX_HOST_BYTES]
    chosen = sorted(small, key=lambda name: draw("explained host", name))[:count]
    for number, name in enumerate(tqdm(chosen, unit="host")):
        try:
            with opened(hosts[name].read_bytes(), name) as host:
                for place in Place:
                    payload = LOOKALIKES[(number + len(place.value)) % len(LOOKALIKES)]
                    made = graft(host, payload, place, number)
                    if made is None:
                        continue
                    judged = scorer.judge(observe(made))
                    if judged.score >= scorer.thresholds.ask:
                        is_first = is_first_named(judged, touched_paths(made, host))
                        yield Named(split="harmless", place=place.value, is_first=is_first)
        except UnscannableError:
            continue  # A host that cannot be read explains nothing.


def figures(named: Sequence[Named]) -> dict[str, dict[str, object]]:
    """By split, the shares of all places and of each."""
    hits: dict[str, dict[str, list[bool]]] = defaultdict(lambda: defaultdict(list))
    for one in named:
        hits[one.split]["all"].append(one.is_first)
        hits[one.split][one.place].append(one.is_first)
    return {
        split: {place: asdict(rate(np.array(found))) for place, found in sorted(places.items())}
        for split, places in sorted(hits.items())
    }


def main() -> None:
    parser = stage_parser("model.explanations", "Is the inserted file the first place named?")
    parser.add_argument("--tables", type=Path, default=TABLES, help="where the tables are")
    parser.add_argument("--model", type=Path, default=EXPORTED, help="folder of the exported model")
    parser.add_argument("--store", type=Path, help="store of model.dataset (default: this code's)")
    parser.add_argument(
        "--harmless", type=int, metavar="HOSTS", help="graft look-alikes into local wheels instead"
    )
    parser.add_argument("--to", type=Path, default=FIGURES, help="where the figures go")
    arguments = parser.parse_args()
    workspace = open_workspace(arguments)
    scorer = Scorer.load(arguments.model, schema=SCHEMA)
    if arguments.harmless:
        found = figures(list(from_lookalikes(scorer, local_wheels(), count=arguments.harmless)))
    else:
        path = arguments.store or workspace.observations / f"{extraction_digest()}.sqlite"
        if not path.exists():
            sys.exit(f"{path.name}: there is no such store; run `python -m model.dataset`")
        tables = read_tables(arguments.tables)
        found = figures(list(from_store(tables, Store(path), scorer)))
        document = {"tables_digest": tables.digest, "first_named": found}
        arguments.to.write_text(json.dumps(document, indent=1) + "\n")
    for split, places in found.items():
        for place, row in places.items():
            print(f"{split} {place}: {row}")


if __name__ == "__main__":
    main()
