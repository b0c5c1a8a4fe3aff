"""Each metadata feature sees what it is for, and not what only looks like it."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version

from safe_pip.distribution import Distribution, DistributionKind, SourceFile
from safe_pip.evidence import MAX_EXCERPT_CHARS, Evidence
from safe_pip.extractors import metadata
from safe_pip.extractors.contacts import DISPOSABLE_DOMAINS, is_plausible_address, web_host
from safe_pip.extractors.dated_list import load_list
from safe_pip.extractors.licences import licence_agreement, licence_families
from safe_pip.extractors.metadata import is_first_like, version_extremity
from safe_pip.feature import FeatureSchema

SCHEMA = FeatureSchema(features=metadata.FEATURES)
SDIST = DistributionKind.SDIST
MIT = "MIT License\n\nPermission is hereby granted, free of charge, to any person"
PROSE = (
    "A small library that reads configuration files, checks every value against a schema and "
    "reports mistakes in plain words with line numbers."
)
GIBBERISH = "xqzvkj wqpfhz kjxvbq zzqwxj vkqjhx qxzjwk pfqzvx"


def distribution(
    *,
    name: str = "demo-tool",
    version: str = "2.3",
    headers: Mapping[str, str | tuple[str, ...]] | None = None,
    description: str = "",
    files: Mapping[str, str] | None = None,
    kind: DistributionKind = DistributionKind.WHEEL,
) -> Distribution:
    return Distribution(
        kind=kind,
        sha256="",
        filename="",
        project=canonicalize_name(name),
        version=version,
        headers={
            field: (value,) if isinstance(value, str) else value
            for field, value in (headers or {}).items()
        },
        description=description,
        files=tuple(
            SourceFile(path=path, size=len(text), load=text.encode)
            for path, text in (files or {}).items()
        ),
    )


def value_of(feature: str, subject: Distribution) -> float:
    return float(SCHEMA.fold(metadata.observe(subject)).values[SCHEMA.positions[feature]])


# Feature → (a distribution that has it, one that looks like it).
CASES: dict[str, tuple[Distribution, Distribution]] = {
    "homepage_valid": (
        distribution(headers={"project-url": "Documentation, https://demo.dev/docs"}),
        distribution(headers={"home-page": "UNKNOWN", "project-url": "x, http://localhost"}),
    ),
    "email_valid": (
        distribution(headers={"author-email": '"A. Person" <a.person@demo.dev>'}),
        distribution(headers={"author-email": "your@email.com, name@nowhere"}),
    ),
    "n_project_urls": (
        distribution(headers={"project-url": ("a, https://a.dev", "b, https://b.dev")}),
        distribution(headers={"project-url": "a, ftp://a.dev"}),
    ),
    "repo_name_match": (
        distribution(headers={"home-page": "https://github.com/someone/demo_tool.git"}),
        distribution(headers={"home-page": "https://demo-tool.dev/someone/demo-tool"}),
    ),
    "disposable_email": (
        distribution(headers={"author-email": "me@mail.0-mail.com"}),
        distribution(headers={"author-email": "me@gmail.com"}),
    ),
    "licence_agreement": (
        distribution(headers={"license-expression": "MIT"}, files={"LICENSE": MIT}),
        distribution(headers={"license": "Apache-2.0"}, files={"LICENSE": MIT}),
    ),
    "licence_any": (
        distribution(headers={"classifier": "License :: OSI Approved :: BSD License"}),
        distribution(headers={"license": "UNKNOWN"}),
    ),
    "min_build_config": (
        distribution(kind=SDIST, files={"setup.cfg": "[egg_info]\ntag_build = \ntag_date = 0\n\n"}),
        distribution(kind=SDIST, files={"pyproject.toml": "[build-system]\n[project]\n"}),
    ),
    "summary_len": (distribution(headers={"summary": "Reads files"}), distribution()),
    "desc_len": (distribution(description=PROSE), distribution(description=" \n")),
    "desc_gibberish": (
        distribution(description=GIBBERISH),
        distribution(description="\u4e2d\u6587\u63cf\u8ff0 " * 20),
    ),
    "desc_mentions_self": (
        distribution(description="Install Demo Tool today"),
        distribution(description="Install Requests today"),
    ),
    "desc_other_pkg": (
        distribution(name="reqests", description="# Requests\n\n    pip install requests\n"),
        distribution(
            name="requests-extra",
            description="# Requests\n\n`pip install -U pip`\n`pip install requests-extra[all]`",
        ),
    ),
    "n_classifiers": (distribution(headers={"classifier": ("a", "b")}), distribution()),
    "requires_python_present": (
        distribution(headers={"requires-python": ">=3.9"}),
        distribution(),
    ),
    "n_requires": (distribution(headers={"requires-dist": "requests>=2"}), distribution()),
    "req_near_popular": (
        distribution(headers={"requires-dist": ("flask", "reqeusts>=2 ; os_name == 'nt'")}),
        distribution(
            headers={"requires-dist": ("requests", "urllib3", "reqeusts ; extra == 'dev'")}
        ),
    ),
    "req_direct_url": (
        distribution(headers={"requires-dist": "helper @ https://files.dev/helper.zip"}),
        distribution(headers={"requires-dist": "helper[x] >= 1"}),
    ),
    "version_extreme": (distribution(version="9999.0"), distribution(version="2024.9.9")),
    "version_first_like": (distribution(version="0.0.4"), distribution(version="1.4")),
    "name_pop_dist": (distribution(name="reqeusts"), distribution(name="requests")),
    "name_affix_pop": (distribution(name="requests-sdk"), distribution(name="flask-shop-site")),
    "name_surprisal": (distribution(name="xkqzvjwpfh"), distribution(name="")),
    "name_vs_module": (
        distribution(name="pkg-fallback", files={"string_kit/__init__.py": ""}),
        distribution(
            name="scikit-learn", files={"sklearn/__init__.py": "", "tests/__init__.py": ""}
        ),
    ),
}


@pytest.mark.parametrize("feature", CASES)
def test_it_is_seen(feature: str) -> None:
    assert value_of(feature, CASES[feature][0]) > 0


@pytest.mark.parametrize("feature", [name for name in CASES if name != "name_surprisal"])
def test_what_looks_like_it_is_not_it(feature: str) -> None:
    assert value_of(feature, CASES[feature][1]) == 0


def test_every_feature_has_its_cases() -> None:
    assert set(CASES) == set(SCHEMA.names)


def test_maturity_saturates() -> None:
    rich = distribution(
        headers={
            "summary": "word " * 500,
            "classifier": tuple(f"Topic :: {i}" for i in range(300)),
            "project-url": tuple(f"{i}, https://site{i}.dev" for i in range(300)),
            "requires-dist": tuple(f"project-{i}" for i in range(300)),
        },
        description=PROSE * 100,
    )
    assert SCHEMA.fold(metadata.observe(rich)).values.max() <= 10


def test_what_only_an_attack_needs_may_not_lower_a_score() -> None:
    monotone = {feature.name for feature in metadata.FEATURES if feature.is_monotone}
    assert monotone == {
        "desc_other_pkg",
        "disposable_email",
        "name_pop_dist",
        "name_vs_module",
        "req_direct_url",
        "req_near_popular",
        "version_extreme",
    }


def test_nothing_is_known_of_an_empty_distribution() -> None:
    bare = Distribution(
        kind=DistributionKind.DIRECTORY,
        sha256="",
        filename="",
        project=None,
        version=None,
        headers={},
        description="",
        files=(),
    )
    assert [item.feature for item in metadata.observe(bare)] == ["min_build_config"]


def hostile() -> Distribution:
    long = "A" * 100_000
    return distribution(
        name="a" * 500,
        version="9" * 5_000,
        headers={
            "home-page": "https://[::1" + long,
            "project-url": ("," + long,) * 1_000,
            "author-email": "<" * 10_000 + "@" * 10_000,
            "requires-dist": ("(" * 10_000, "a @ " + long, *[f"reqeusts{i}" for i in range(2000)]),
            "classifier": (long,) * 1_000,
            "license": long,
            "summary": "\x00\u202e" + long,
        },
        description="# " + "=" * 100_000 + "\n" + "pip install " * 50_000,
    )


def test_hostile_metadata_is_survived() -> None:
    found = list(metadata.observe(hostile()))
    assert all(len(item.excerpt) <= MAX_EXCERPT_CHARS for item in found)
    assert SCHEMA.fold(found).values.shape == (len(SCHEMA.names),)


@pytest.mark.parametrize(
    ("version", "extremity"),
    [
        ("9999.9.9", 1.0),
        ("99.99.99", 1.0),
        ("99", 1.0),
        ("1234.0", 1.0),
        ("306", 0.5),
        ("120.0.6099.109", 0.5),
        ("24.9.99", 0.0),
        ("2026.1", 0.0),
        ("20240131", 0.0),
        ("1.99.99", 0.0),
    ],
)
def test_extreme_versions(version: str, extremity: float) -> None:
    assert version_extremity(Version(version)) == extremity


@pytest.mark.parametrize(
    ("version", "is_first"),
    [("0.0.1", True), ("0.1", True), ("0.1.0", True), ("1.0.0", True), ("0.1.1", False)],
)
def test_first_versions(version: str, is_first: bool) -> None:
    assert is_first_like(Version(version)) is is_first


@pytest.mark.parametrize(
    ("text", "families"),
    [
        ("MIT", {"mit"}),
        ("Apache-2.0 OR BSD-3-Clause", {"apache", "bsd"}),
        ("GNU Lesser General Public License v3", {"lgpl"}),
        ("Permission is limited", set()),
        ("UNKNOWN", set()),
    ],
)
def test_licences_are_recognised(text: str, families: set[str]) -> None:
    assert licence_families(text) == families


def test_licences_that_differ_do_not_agree() -> None:
    mit, bsd, none = frozenset({"mit"}), frozenset({"bsd"}), frozenset[str]()
    assert licence_agreement((mit, mit, mit)) == 3
    assert licence_agreement((mit, none, none)) == 1
    assert licence_agreement((mit, bsd, none)) == 0
    assert licence_agreement((mit, bsd, mit)) == 2
    assert licence_agreement((none, none, none)) == 0


@pytest.mark.parametrize("url", ["javascript:alert(1)", "https://", "http://a", "//x.dev", "x.dev"])
def test_what_is_no_web_address(url: str) -> None:
    assert web_host(url) == ""


@pytest.mark.parametrize("address", ["a", "@demo.dev", "a b@demo.dev", "a@example.com", "a@b@c"])
def test_what_is_no_mail_address(address: str) -> None:
    assert not is_plausible_address(address)


def test_the_list_of_mail_domains_states_its_date_and_source() -> None:
    shipped = load_list(DISPOSABLE_DOMAINS)
    assert "as of 20" in shipped.origin
    assert "Source:" in shipped.origin
    assert len(shipped.entries) > 8_000


def test_evidence_says_which_name_is_near() -> None:
    found: list[Evidence] = list(metadata.observe(distribution(name="reqeusts")))
    near = next(item for item in found if item.feature == "name_pop_dist")
    assert "two swapped letters away from requests" in near.detail
