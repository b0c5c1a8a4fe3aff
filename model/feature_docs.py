"""Write docs/features.md from the schema: one row a feature, in the order of the vector.

python -m model.feature_docs           # writes the file
python -m model.feature_docs --check   # exits 1 if the file is not what would be written
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path

from safe_pip.extractors import SCHEMA
from safe_pip.feature import Feature, FeatureSchema, Fold, Group

PATH = Path(__file__).resolve().parents[1] / "docs" / "features.md"

_FOLDS = {
    Fold.ANY: "1 if seen anywhere",
    Fold.COUNT: "logarithm of the count in the worst file",
    Fold.MAX: "largest value",
    Fold.VALUE: "one value",
}
_INTRODUCTION = """\
# Features

What safe-pip observes in a distribution, generated from `safe_pip.extractors.SCHEMA` by
`python -m model.feature_docs`. Nothing of a distribution is run to find any of it.

A feature is the fold of its evidence, and each piece of evidence has a file and, where there is
one, a line; so a number in the vector always has a place in the code. **Up only** means that more
of it never lowers the score, whatever else the distribution holds. **At most** is where the value
stops to count.
"""


def render(schema: FeatureSchema) -> str:
    """The whole document; ends with a line end."""
    sections = [_INTRODUCTION, f"{len(schema.features)} features; schema `{schema.digest[:12]}`.\n"]
    for group in Group:
        members = [feature for feature in schema.features if feature.group is group]
        if members:
            rows = "\n".join(_row(feature) for feature in members)
            sections.append(
                f"## {group.value.capitalize()} ({len(members)})\n\n"
                "| feature | a distribution that has it … | value | at most | up only | reason |\n"
                f"|---|---|---|---|---|---|\n{rows}\n"
            )
    return "\n".join(sections)


def _row(feature: Feature) -> str:
    cells = (
        f"`{feature.name}`",
        feature.says,
        _FOLDS[feature.fold],
        "" if math.isinf(feature.clip) else f"{feature.clip:.3g}",
        "yes" if feature.is_monotone else "",
        feature.reason,
    )
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m model.feature_docs")
    parser.add_argument("--check", action="store_true", help="write nothing, compare")
    chosen = parser.parse_args(arguments)
    text = render(SCHEMA)
    if chosen.check:
        is_current = PATH.is_file() and PATH.read_text(encoding="utf-8") == text
        if not is_current:
            sys.stderr.write("docs/features.md is old: run python -m model.feature_docs\n")
        return 0 if is_current else 1
    PATH.parent.mkdir(exist_ok=True)
    PATH.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
