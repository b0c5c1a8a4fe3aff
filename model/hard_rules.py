"""Hard rules against the tables: a rule may block only if no benign row shows it.

``python -m model.hard_rules`` prints, for each blocking rule, the benign files and projects that
show it, and the grafts and families that it finds; it fails if a benign file does. The tables know
the surfaces of a file's evidence and its features, not which goes with which: what is counted is at
least what the rule finds.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model.plan import Origin
from model.tables import Tables, read_tables
from model.workspace import TABLES, open_workspace, stage_parser
from safe_pip.extractors import SCHEMA
from safe_pip.scoring.hard_rules import BLOCKING, HardRule


def on_surface(rule: HardRule, tables: Tables) -> NDArray[np.bool_]:
    surfaces = tables.facts["surfaces"].tolist()
    return np.array([rule.surface.name in text.split() for text in surfaces])


def showing(rule: HardRule, tables: Tables) -> NDArray[np.bool_]:
    """The rows that could show the rule."""
    columns = [SCHEMA.positions[name] for name in sorted(rule.features)]
    has_feature = (tables.values[:, columns] > 0).any(axis=1)
    return np.asarray(has_feature & on_surface(rule, tables), dtype=bool)


def count_line(rule: HardRule, tables: Tables) -> str:
    shown, grafts = showing(rule, tables), tables.from_origin(Origin.GRAFT)
    startup = grafts & (tables.facts["variant"] == "pth")
    families = set(tables.facts["group"][shown & tables.is_positive & ~grafts].tolist())
    return (
        f"{rule.name}: {(shown & tables.is_benign).sum()} of {tables.is_benign.sum()} benign files "
        f"({(on_surface(rule, tables) & tables.is_benign).sum()} with code that runs there), "
        f"{(shown & startup).sum()} of {startup.sum()} grafted start-up files, "
        f"{len(families)} families"
    )


def main() -> None:
    parser = stage_parser("model.hard_rules", "Count the rows that show each blocking rule.")
    parser.add_argument("--tables", type=Path, default=TABLES, help="where the tables are")
    arguments = parser.parse_args()
    open_workspace(arguments)
    tables = read_tables(arguments.tables)
    for rule in BLOCKING:
        print(count_line(rule, tables))
    bad = [rule.name for rule in BLOCKING if (showing(rule, tables) & tables.is_benign).any()]
    if bad:
        sys.exit(f"benign files show {', '.join(bad)}: it may not block")


if __name__ == "__main__":
    main()
