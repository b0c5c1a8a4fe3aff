"""The README's plot of what a scan costs, from the figures of ``benchmarks.scan_cost``.

    python -m benchmarks.plot SCAN_COST.json PICTURE.svg

Needs matplotlib, which the ``train`` extra brings.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import matplotlib

matplotlib.use("svg")

import matplotlib.pyplot as plt


def main() -> int:
    figures = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    wheels = [wheel for wheel in figures["wheels"] if wheel["text_bytes"]]
    picture, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
    sizes = [wheel["text_bytes"] / 1e6 for wheel in wheels]
    left.loglog(sizes, [wheel["scan"] for wheel in wheels], ".", alpha=0.6, label="scan")
    left.loglog(sizes, [wheel["inflate"] for wheel in wheels], ".", alpha=0.6, label="inflate")
    left.set_xlabel("text in the wheel, MB")
    left.set_ylabel("processor time, s")
    left.legend(frameon=False)
    stages = sorted(figures["stages"].items(), key=lambda item: item[1])
    whole = sum(figures["stages"].values())
    right.barh([name for name, _ in stages], [100 * seconds / whole for _, seconds in stages])
    right.set_xlabel("share of the scan, %")
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    picture.suptitle(f"{len(wheels)} wheels from the index: what a scan costs, and where it goes")
    picture.savefig(sys.argv[2], metadata={"Date": None})
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
