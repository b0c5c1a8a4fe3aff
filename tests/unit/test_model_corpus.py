"""The corpora: dates, families, labels and splits. The samples here are harmless look-alikes."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from model.benign import BREADTH_MANIFEST, MANIFEST, read_manifest
from model.families import Fingerprint, cluster, fingerprint
from model.labels import Label, label_malicious
from model.observing import opened
from model.plan import (
    FAMILY_CAP,
    Judgement,
    Split,
    malicious_items,
    split_of_date,
    split_of_project,
)
from model.registry import RESERVED_FROM, Sample, list_samples, read_samples
from tests.builders import make_sdist, sdist_filename

SETUP = "from setuptools import setup\nimport os\nos.system('echo {}')\nsetup(name='{}')\n"


def commit(repository: Path, files: Mapping[str, bytes], date: str) -> None:
    for path, content in files.items():
        target = repository / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    environment = {
        "GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date, "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_AUTHOR_NAME": "t", "GIT_AUTHOR_EMAIL": "t@example.org", "PATH": "/usr/bin:/bin",
        "GIT_COMMITTER_NAME": "t", "GIT_COMMITTER_EMAIL": "t@example.org",
    }  # fmt: skip
    for arguments in (["add", "-A"], ["commit", "-q", "-m", "more"]):
        subprocess.run(["git", *arguments], cwd=repository, check=True, env=environment)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    return tmp_path


def test_a_sample_is_dated_by_its_first_addition(repository: Path) -> None:
    commit(repository, {"Bad_Name/1.0/bad-1.0.tar.gz": b"one"}, "2024-03-01T00:00:00+00:00")
    commit(repository, {"other/1/o-1.whl": b"two"}, "2025-02-01T00:00:00+00:00")
    commit(repository, {"Bad_Name/1.0/bad-1.0.tar.gz": b"new"}, "2025-05-01T00:00:00+00:00")
    samples = list_samples(repository)
    assert [(s.project, s.first_seen) for s in samples] == [
        ("bad-name", "2024-03-01"),
        ("other", "2025-02-01"),
    ]
    assert [content for _, content in read_samples(repository, samples)] == [b"new", b"two"]


def test_reserved_samples_are_not_even_listed(repository: Path) -> None:
    commit(repository, {"a/1/a-1.zip": b"a"}, "2026-05-31T12:00:00+00:00")
    commit(repository, {"b/1/b-1.zip": b"b"}, f"{RESERVED_FROM}T00:00:00+00:00")
    assert [sample.project for sample in list_samples(repository)] == ["a"]


def test_odd_paths_survive_the_listing(repository: Path) -> None:
    commit(repository, {"réquests/1/réq uests-1.zip": b"a"}, "2024-05-31T12:00:00+00:00")
    (sample,) = list_samples(repository)
    assert [content for _, content in read_samples(repository, [sample])] == [b"a"]


def fingerprint_of(files: Mapping[str, str]) -> Fingerprint:
    with opened(make_sdist("demo", "1.0", files=files), sdist_filename("demo", "1.0")) as opened_:
        return fingerprint(opened_)


def test_other_literals_and_names_of_files_are_the_same_family() -> None:
    first = fingerprint_of({"setup.py": SETUP.format("one", "a"), "a/__init__.py": "x = 1\n"})
    second = fingerprint_of({"setup.py": SETUP.format("two", "b"), "b/__init__.py": "x = 2\n"})
    assert first.code != second.code
    assert cluster([first, second]) == [0, 0]


def test_other_code_is_another_family() -> None:
    other = "import socket\ns = socket.socket()\nfor n in range(9):\n    s.send(b'x')\n"
    first = fingerprint_of({"setup.py": SETUP.format("one", "a")})
    second = fingerprint_of({"setup.py": other})
    assert cluster([first, second]) == [0, 1]


def test_archives_without_python_are_not_one_family() -> None:
    nothing = fingerprint_of({"README": "hello"})
    assert cluster([nothing, nothing]) == [0, 1]


@pytest.mark.parametrize(
    ("source", "label"),
    [
        ("from setuptools import setup\nsetup(name='x')\n", Label.EMPTY),
        ("import subprocess\nsubprocess.run(['x'])\n", Label.MALICIOUS),
        ("import sys\nprint 'hello'\n", Label.EMPTY),
        ("import urllib2\nprint urllib2.urlopen('http://x.example').read()\n", Label.MALICIOUS),
        ("NAME = 'demo'\nversion = __import__(NAME).__version__\n", Label.EMPTY),
        ("version = __import__('demo.version').__version__\n", Label.EMPTY),
        ("NAME = input()\n__import__(NAME).run()\n", Label.MALICIOUS),
        ("NAME = 'demo'\nNAME += input()\n__import__(NAME)\n", Label.MALICIOUS),
        ("__import__('subprocess').run(['x'])\n", Label.MALICIOUS),
        (
            "# dependency confusion test, security research\nimport socket\nsocket.gethostname()\n",
            Label.BEACON,
        ),
        (
            "# security research\nimport base64\nexec(base64.b64decode('eA=='))\n",
            Label.MALICIOUS,
        ),
    ],
)
def test_labels_follow_behaviour(source: str, label: Label) -> None:
    content = make_sdist("demo", "1.0", files={"setup.py": source})
    with opened(content, sdist_filename("demo", "1.0")) as distribution:
        assert label_malicious(distribution) is label


def sample(number: int, first_seen: str) -> Sample:
    return Sample(
        path=f"p{number}/1/p{number}-1.tar.gz",
        blob=f"{number:040x}",
        size=1,
        project=read_manifest(MANIFEST)[0].project,  # type: ignore[arg-type]
        first_seen=first_seen,
    )


def judgement(code: str) -> Judgement:
    print_ = Fingerprint(code=code, skeleton=code, minhash=())
    return Judgement(fingerprint=print_, label=Label.MALICIOUS)


def test_a_late_sample_of_an_old_family_is_not_in_the_test_split() -> None:
    samples = [sample(1, "2024-01-01"), sample(2, "2025-03-01"), sample(3, "2025-03-01")]
    judgements = {
        samples[0].path: judgement("old"),
        samples[1].path: judgement("old"),
        samples[2].path: judgement("new"),
    }
    splits = {item.source[-1]: item.split for item in malicious_items(samples, judgements)}
    assert splits == {"1": Split.TRAIN, "2": Split.KNOWN, "3": Split.TEST}


def test_no_family_has_more_than_its_cap() -> None:
    samples = [sample(number, "2024-01-01") for number in range(FAMILY_CAP * 3)]
    judgements = {item.path: judgement("one") for item in samples}
    assert len(list(malicious_items(samples, judgements))) == FAMILY_CAP


def test_unreadable_samples_are_left_out() -> None:
    item = sample(1, "2024-01-01")
    broken = Judgement(fingerprint=Fingerprint(code="", skeleton="", minhash=()),
                       label=Label.MALICIOUS, error="broken")  # fmt: skip
    assert not list(malicious_items([item], {item.path: broken}))


def test_splits_follow_the_calendar() -> None:
    assert split_of_date("2024-06-30") is Split.TRAIN
    assert split_of_date("2024-07-01") is Split.VALIDATION
    assert split_of_date("2025-01-01") is Split.TEST


def test_benign_releases_are_pinned_and_split_by_project() -> None:
    pins = [*read_manifest(MANIFEST), *read_manifest(BREADTH_MANIFEST)]
    assert len({pin.project for pin in pins}) >= 800
    assert all(len(pin.sha256) == 64 for pin in pins)
    assert len({pin.filename for pin in pins}) == len(pins)
    shares = [split_of_project(project) for project in {pin.project for pin in pins}]
    assert 0.4 < shares.count(Split.TRAIN) / len(shares) < 0.7


def test_projects_that_are_there_for_breadth_are_no_others() -> None:
    hosts = {pin.project for pin in read_manifest(MANIFEST)}
    assert hosts.isdisjoint(pin.project for pin in read_manifest(BREADTH_MANIFEST))
