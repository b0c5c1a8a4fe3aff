"""Figures: what was measured, as a table for people and as JSON for the next run."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

Row = Mapping[str, object]


def add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures there")


def quantile(values: Sequence[float], share: float) -> float:
    """The value that ``share`` of the values do not exceed; nan of none."""
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else float("nan")


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, ninth decile and worst."""
    return {
        "median": median(values) if values else float("nan"),
        "p90": quantile(values, 0.9),
        "worst": max(values, default=float("nan")),
    }


def print_table(rows: Sequence[Row]) -> None:
    """One line a row; columns are the keys of the first row."""
    if not rows:
        print("nothing was measured")
        return
    columns = list(rows[0])
    table = [columns, *([_shown(row.get(column, "")) for column in columns] for row in rows)]
    widths = [max(len(line[index]) for line in table) for index in range(len(columns))]
    for line in table:
        cells = [
            cell.ljust(width) if index == 0 else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        print("  ".join(cells).rstrip())


def write_json(path: Path | None, name: str, figures: Mapping[str, object]) -> None:
    """The figures with the machine that they are true of."""
    if path is None:
        return
    document = {"benchmark": name, "machine": machine(), **figures}
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def machine() -> dict[str, object]:
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "load": round(load, 1),
        "executable_bits": 64 if sys.maxsize > 2**32 else 32,
    }


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.2f}" if abs(value) < 100 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
