"""The benchmarks' own arithmetic, and the two tiers compared on harmless packages."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.figures import quantile, spread
from benchmarks.growth import make_wheel
from benchmarks.processes import timed
from benchmarks.same_vector import PROMISED, compare, differences, found_in
from benchmarks.scan_cost import inflate
from benchmarks.subjects import add_subjects, choose_subjects, linked
from safe_pip.extractors import SCHEMA
from tests.builders import write_sdist, write_wheel

ACTING = "import subprocess\n\n\ndef go(url):\n    subprocess.run(['ls', url])\n"
CALCULATING = "def total(numbers):\n    return sum(numbers)\n"


def test_promised_columns_exist() -> None:
    assert {feature.name for feature in SCHEMA.features} >= PROMISED


@pytest.mark.parametrize("make", [write_wheel, write_sdist])
def test_both_paths_find_the_same_in_what_acts(make: Callable[..., Path], tmp_path: Path) -> None:
    files = {"demo/__init__.py": "", "demo/run.py": ACTING, "demo/sums.py": CALCULATING}
    archive = make(tmp_path, files=files)
    differs = differences(found_in(archive, reads_all=True), found_in(archive, reads_all=False))
    assert not PROMISED & differs.keys()
    assert "proc_spawn" in found_in(archive, reads_all=False)


def test_evidence_that_only_one_path_finds_is_told_by_column() -> None:
    one = {"net_out": [["a.py", 1]], "decode": [["a.py", 2]]}
    other = {"net_out": [["a.py", 1]], "decode": [["a.py", 3]], "dyn_exec": [["a.py", 4]]}
    assert differences(one, other) == {"decode": (1, 1), "dyn_exec": (0, 1)}


def test_comparison_is_taken_up_where_it_ended(tmp_path: Path) -> None:
    archive = write_wheel(tmp_path, files={"demo/__init__.py": ACTING})
    memory = tmp_path / "memory.jsonl"
    first = compare([archive], against=None, memory=memory)
    archive.write_bytes(b"no archive any more")
    assert compare([archive], against=None, memory=memory) == first


def test_another_checkout_is_compared_by_its_own_code(tmp_path: Path) -> None:
    archive = write_wheel(tmp_path, files={"demo/__init__.py": ACTING})
    source = Path(__file__).parents[2] / "src"
    (line,) = compare([archive], against=source, memory=None)
    assert '"differs": {}' in line


def test_sample_depends_on_names_and_seed_alone(tmp_path: Path) -> None:
    for number in range(20):
        write_wheel(tmp_path, f"demo{number}")
    parser = argparse.ArgumentParser()
    add_subjects(parser, sample=5)
    chosen = [choose_subjects(parser.parse_args([str(tmp_path), "--seed", "3"])) for _ in "ab"]
    assert chosen[0] == chosen[1]
    assert len(chosen[0]) == 5
    folder = tmp_path / "links"
    folder.mkdir()
    assert [path.name for path in linked(chosen[0], folder)] == [s.name for s in chosen[0]]


def test_spread_of_figures() -> None:
    values = [float(number) for number in range(1, 11)]
    assert spread(values) == {"median": 5.5, "p90": 10.0, "worst": 10.0}
    assert quantile([], 0.5) != quantile([], 0.5)


def test_made_wheel_has_as_much_source_as_asked(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "demo", n_bytes=200_000)
    assert inflate(wheel) > 200_000
    assert {"proc_spawn"} <= found_in(wheel, reads_all=False).keys()


def test_process_is_timed_with_its_output_and_status(tmp_path: Path) -> None:
    timing = timed([sys.executable, "-c", "print('out'); raise SystemExit(3)"], work=tmp_path)
    assert (timing.code, timing.output.strip()) == (3, "out")
    assert timing.wall > 0 and timing.peak_mb > 1
    assert not list(tmp_path.iterdir())
