"""Whom code talks to, when the code fixes it."""

from __future__ import annotations

import pytest

from safe_pip.evidence import Evidence
from safe_pip.extractors import code
from safe_pip.extractors.hosts import fixed_host, registered_domain
from safe_pip.extractors.literals import Literal
from safe_pip.extractors.text_hosts import observe_chat_accounts
from safe_pip.extractors.unit import python_units
from tests.sources import distribution_of

HOSTS = {
    "https://a.collector.dev/in?x={}": "a.collector.dev",
    "http://user@Collector.dev:8080/": "collector.dev",
    "('45.9.148.1', 443)": "45.9.148.1",
    "('c2.collector.dev', 443)": "c2.collector.dev",
    "https://{}/in": "",
    "https://{}.collector.dev/in": "",
    "http://localhost:8000/": "",
    "http://10.0.0.1/": "",
    "https://api.example.com/": "",
    "no address at all": "",
}


@pytest.mark.parametrize(("text", "host"), HOSTS.items())
def test_a_fixed_host_is_written_out_and_public(text: str, host: str) -> None:
    assert fixed_host(text) == host


@pytest.mark.parametrize(
    ("host", "domain"),
    [("a.b.dev", "b.dev"), ("b.dev", "b.dev"), ("x.b.co.uk", "b.co.uk"), ("45.9.1.1", "45.9.1.1")],
)
def test_the_registered_part_of_a_host(host: str, domain: str) -> None:
    assert registered_domain(host) == domain


def _found(source: str, described: str) -> list[Evidence]:
    (unit,) = python_units(distribution_of({"demo/__init__.py": source}))
    found = code.observe_unit(unit, described=described)
    return [item for item in found if item.feature.startswith("net_unnamed_host")]


CALL = 'import requests\nrequests.get("https://api.service.dev/v1")\n'


def test_a_host_that_the_description_is_silent_about_is_evidence() -> None:
    assert {item.feature for item in _found(CALL, "a parser of dates")} == {
        "net_unnamed_host",
        "net_unnamed_host_unasked",
    }


def test_a_host_that_the_description_names_is_none() -> None:
    assert not _found(CALL, "a client of https://service.dev")


def test_in_a_function_that_is_called_it_counts_once() -> None:
    source = f"def f():\n    {CALL.splitlines()[1]}\n"
    (item,) = _found("import requests\n" + source, "")
    assert (item.feature, item.location.line) == ("net_unnamed_host", 3)


def test_a_chat_account_is_one_that_carries_its_key() -> None:
    key = "1234567890:AA" + "x" * 33
    carried = Literal(text=f"https://api.telegram.org/bot{key}/sendMessage", line=3)
    asked = Literal(text="https://api.telegram.org/bot{token}/sendMessage", line=4)
    (found,) = observe_chat_accounts("demo.py", [carried, asked])
    assert (found.feature, found.location.line) == ("chat_account", 3)
