"""Golden vectors: every column that is not zero, and every place, of some small distributions.

They are compared in each Python that runs the tests. After a wanted change of an extractor::

    python -m tests.golden.vectors            # writes them anew, names those that changed
    git diff tests/golden/vectors             # to be read, not waved through
"""

from __future__ import annotations

from pathlib import Path

from safe_pip.archive import DEFAULT_LIMITS, read_archive
from safe_pip.extractors import SCHEMA, observe
from tests.golden.cases import CASES, Case

FOLDER = Path(__file__).parent / "vectors"


def golden_path(case: Case) -> Path:
    return FOLDER / f"{case.name}.txt"


def places(case: Case) -> list[str]:
    """Every place with its feature, surface and value, a line each, in the order of the file."""
    with read_archive(case.build(), case.filename, DEFAULT_LIMITS) as distribution:
        found = sorted(
            (item.location.path, item.location.line, item.feature, item.surface.name, item.value)
            for item in observe(distribution)
        )
    return [
        f"{path}:{line} {feature} {surface} {_number(value)}"
        for path, line, feature, surface, value in found
    ]


def golden_text(case: Case) -> str:
    """What the golden file of a case holds."""
    with read_archive(case.build(), case.filename, DEFAULT_LIMITS) as distribution:
        vector = SCHEMA.fold(observe(distribution)).values
    columns = [
        f"{name} {_number(float(value))}"
        for name, value in zip(SCHEMA.names, vector, strict=True)
        if value
    ]
    return "\n".join([case.filename, "", *columns, "", *places(case), ""])


def _number(value: float) -> str:
    # Six digits: a logarithm's last bits are the platform's own.
    return f"{value:.6g}"


def main() -> None:
    changed = 0
    for case in CASES:
        path = golden_path(case)
        text = golden_text(case)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            changed += 1
            print(f"changed: {path.name}")
    for path in sorted(set(FOLDER.iterdir()) - set(map(golden_path, CASES))):
        print(f"of no case, to be removed: {path.name}")
    print(f"{changed} of {len(CASES)} changed")


if __name__ == "__main__":
    main()
