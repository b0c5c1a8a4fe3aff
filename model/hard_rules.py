"""Hard rules against the tables: a rule may block only if no benign row shows it.

``python -m model.hard_rules`` prints, for each blocking rule, the benign files that could show it,
and the grafts and families that do; it fails if a benign file of training and validation could.
Rules are made without a look at test: its counts stand beside, for the reader.

The tables know the rules of the places that a row keeps, which is at least what holds, and the
surfaces and features of a whole package, which is at most what could: of malware the first is
counted, of benign files the second.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model.plan import Origin, Split
from model.tables import Tables, read_tables
from model.workspace import TABLES, open_workspace, stage_parser
from safe_pip.extractors import SCHEMA
from safe_pip.feature import Fold
from safe_pip.scoring.hard_rules import BLOCKING, HardRule

Rows = NDArray[np.bool_]


def could_show(rule: HardRule, tables: Tables) -> Rows:
    """The rows with one of the features somewhere, and code on one of the surfaces somewhere. Of a
    rule about data files only the kept places tell."""
    if rule.in_data:
        return shows(rule, tables)
    found = np.zeros(len(tables), dtype=bool)
    for name in rule.features:
        least = 0.0 if SCHEMA[name].fold is Fold.COUNT else rule.least
        values = tables.values[:, SCHEMA.positions[name]]
        found |= (values > 0) & (values >= least)
    names = {surface.name for surface in rule.surfaces}
    surfaces = tables.facts["surfaces"].tolist()
    runs_there = np.array([not names.isdisjoint(text.split()) for text in surfaces])
    return np.asarray(found & runs_there, dtype=bool)


def shows(rule: HardRule, tables: Tables) -> Rows:
    """The rows whose kept places show the rule."""
    return np.array([rule.name in text.split() for text in tables.facts["rules"].tolist()])


def learnt(tables: Tables) -> Rows:
    return tables.in_split(Split.TRAIN) | tables.in_split(Split.VALIDATION)


def count_line(rule: HardRule, tables: Tables) -> str:
    benign, grafts = could_show(rule, tables) & tables.is_benign, tables.from_origin(Origin.GRAFT)
    found = shows(rule, tables) & tables.is_positive
    groups = tables.facts["group"]
    parts = []
    for name, rows in (
        ("training and validation", learnt(tables)), ("test", tables.in_split(Split.TEST))
    ):  # fmt: skip
        families = rows & tables.is_positive & tables.from_origin(Origin.CORPUS)
        parts.append(
            f"{name} {(benign & rows).sum()} of {(tables.is_benign & rows).sum()} benign files, "
            f"{(found & grafts & rows).sum()} of {(grafts & rows).sum()} grafts, "
            f"{len(set(groups[found & families].tolist()))} of "
            f"{len(set(groups[families].tolist()))} families"
        )
    return f"{rule.name}: {'; '.join(parts)}"


def main() -> None:
    parser = stage_parser("model.hard_rules", "Count the rows that show each blocking rule.")
    parser.add_argument("--tables", type=Path, default=TABLES, help="where the tables are")
    arguments = parser.parse_args()
    open_workspace(arguments)
    tables = read_tables(arguments.tables)
    for rule in BLOCKING:
        print(count_line(rule, tables))
    benign = learnt(tables) & tables.is_benign
    bad = [rule.name for rule in BLOCKING if (could_show(rule, tables) & benign).any()]
    if bad:
        sys.exit(f"benign files show {', '.join(bad)}: it may not block")


if __name__ == "__main__":
    main()
