"""Explanations: the file that was inserted is the first that a verdict names."""

from __future__ import annotations

import pytest

from model.dataset import touched_paths
from model.explanations import is_first_named, judged_record
from model.grafts import Place, graft
from model.lookalikes import LOOKALIKES
from model.observing import opened, record_of
from safe_pip.distribution import Distribution
from safe_pip.evidence import Evidence, Location, Surface
from safe_pip.extractors import SCHEMA, observe
from safe_pip.feature import Group
from safe_pip.scoring.explain import by_file
from safe_pip.scoring.scorer import Scorer
from safe_pip.terminal.sentences import found_words
from safe_pip.verdict import Finding
from tests.builders import make_sdist, make_wheel, sdist_filename, wheel_filename

MODULE = "import os, subprocess, requests\n\n\ndef run(name):\n    subprocess.run([name, os.environ.get('HOME')])\n\n\ndef get(url):\n    return requests.get(url, timeout=9).text\n"
FILES = {"demo/__init__.py": "from demo.run import run\n", "demo/run.py": MODULE} | {
    f"demo/part_{number}.py": f"{MODULE}\nN = {number}\n" for number in range(20)
}


@pytest.fixture(scope="module")
def scorer() -> Scorer:
    return Scorer.load(schema=SCHEMA)


def grafts() -> list[tuple[Place, Distribution, Distribution]]:
    """Every payload at every place of a wheel and a source with code of their own."""
    archives = {
        wheel_filename("demo", "1.0"): make_wheel(files=FILES),
        sdist_filename("demo", "1.0"): make_sdist(files=FILES),
    }
    made = []
    for name, data in archives.items():
        with opened(data, name) as host:
            for place in Place:
                for number, payload in enumerate(LOOKALIKES):
                    grafted = graft(host, payload, place, number)
                    if grafted is not None:
                        made.append((place, grafted, host))
    return made


def test_the_inserted_file_is_the_first_place_named(scorer: Scorer) -> None:
    detected, first = 0, 0
    for _, made, host in grafts():
        judged = scorer.judge(observe(made))
        if judged.score >= scorer.thresholds.ask:
            detected += 1
            first += is_first_named(judged, touched_paths(made, host))
    assert detected > 40
    assert first >= 0.95 * detected


def test_the_store_of_numbers_tells_what_the_whole_evidence_tells(scorer: Scorer) -> None:
    for _, made, host in grafts()[::7]:
        touched = touched_paths(made, host)
        whole = scorer.judge(observe(made))
        record = record_of("item", made, size=1, year=2026, touched=touched)
        kept = judged_record(record, scorer)
        assert kept.score == pytest.approx(whole.score, abs=1e-6)
        assert is_first_named(kept, touched) == is_first_named(whole, touched)


def finding(feature: str, path: str, contribution: float, *, detail: str = "") -> Finding:
    evidence = Evidence(
        feature=feature, location=Location(path=path, line=3), surface=Surface.SETUP, detail=detail
    )
    return Finding(evidence=evidence, group=Group.CODE, contribution=contribution)


def test_the_file_of_an_attack_stands_before_one_strong_find() -> None:
    found = [
        finding("net_out", "ordinary.py", 0.3),
        finding("decode", "setup.py", 0.2),
        finding("dyn_exec", "setup.py", 0.2),
    ]
    assert [one.evidence.location.path for one in by_file(found)] == [
        "setup.py",
        "setup.py",
        "ordinary.py",
    ]


def test_a_chain_is_said_first_and_without_its_links() -> None:
    found = [
        finding("decode", "setup.py", 0.3, detail="decodes data"),
        finding("sink_aliasing", "setup.py", 0.2, detail="hides a name"),
        finding(
            "chain_decode_exec_unasked", "setup.py", 0.1,
            detail="decodes data and executes it; it runs while installing",
        ),
    ]  # fmt: skip
    words = "runs while installing: decodes data and executes it; hides a name"
    assert found_words(found, str) == words


def test_lookalikes_name_only_reserved_hosts() -> None:
    assert not [text for text in LOOKALIKES if ".com" in text or ".org" in text]
