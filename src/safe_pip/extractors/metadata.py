"""Metadata features: what a distribution says about itself.

All of it is written by whoever uploaded it, so maturity signals are capped and carry little;
only what an attack cannot do without (a near name, an extreme version, a foreign dependency)
may move a score upward.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from packaging.version import InvalidVersion, Version

from safe_pip.distribution import Distribution, DistributionKind
from safe_pip.evidence import MAX_EXCERPT_CHARS, Evidence, Location
from safe_pip.extractors import contacts, dependencies, description, licences, names
from safe_pip.extractors.fact import fact
from safe_pip.feature import Feature, Fold, Group

_OWN_FEATURES = (
    Feature(
        name="min_build_config",
        group=Group.METADATA,
        fold=Fold.VALUE,
        clip=1.0,
        reason="the paper's minimal set-up config, extended to pyproject.toml",
        says="has nothing but generated defaults in its build configuration",
    ),
    Feature(
        name="n_classifiers",
        group=Group.METADATA,
        fold=Fold.VALUE,
        clip=10.0,
        reason="weak context, capped: bots leave classifiers out",
        says="states classifiers",
    ),
    Feature(
        name="requires_python_present",
        group=Group.METADATA,
        fold=Fold.VALUE,
        clip=1.0,
        reason="weak context: most maintained projects state it",
        says="states which Pythons it supports",
    ),
    Feature(
        name="version_extreme",
        group=Group.METADATA,
        fold=Fold.VALUE,
        is_monotone=True,
        clip=1.0,
        reason="dependency confusion has to outbid the private index's version",
        says="has a version number chosen to beat every other",
    ),
    Feature(
        name="version_first_like",
        group=Group.METADATA,
        fold=Fold.VALUE,
        clip=1.0,
        reason="weak context: most malicious uploads are a first release",
        says="has the version number of a first release",
    ),
)

FEATURES: tuple[Feature, ...] = (
    *contacts.FEATURES,
    *licences.FEATURES,
    *description.FEATURES,
    *dependencies.FEATURES,
    *names.FEATURES,
    *_OWN_FEATURES,
)


def observe(distribution: Distribution) -> Iterator[Evidence]:
    """Evidence about metadata; reads licence files and build configuration, nothing else."""
    yield from contacts.observe(distribution)
    yield from licences.observe(distribution)
    yield from description.observe(distribution)
    yield from dependencies.observe(distribution)
    yield from names.observe(distribution)
    yield from _observe_version(distribution.version)
    yield from fact("n_classifiers", len(set(distribution.headers.get("classifier", ()))))
    yield from fact("requires_python_present", bool(distribution.header("requires-python")))
    if has_minimal_build_config(distribution):
        yield Evidence(feature="min_build_config", location=Location(path="setup.cfg"))


_TABLE = re.compile(r"^\[+([^\]\n]{1,200})\]", re.MULTILINE)
_GENERATED_SETTING = re.compile(
    r"(?:\[egg_info\]|tag_build ?=|tag_date ?= ?0|tag_svn_revision ?= ?0)"
)
_MAX_CONFIG_CHARS = 100_000


def has_minimal_build_config(distribution: Distribution) -> bool:
    """Whether a source tree's setup.cfg and pyproject.toml hold generated defaults at most."""
    if distribution.kind is DistributionKind.WHEEL:
        return False
    setup_cfg = _text_of(distribution, "setup.cfg").splitlines()
    tables = set(_TABLE.findall(_text_of(distribution, "pyproject.toml")))
    return tables <= {"build-system"} and all(
        not line.strip() or _GENERATED_SETTING.fullmatch(line.strip()) for line in setup_cfg
    )


def _text_of(distribution: Distribution, path: str) -> str:
    file = distribution.by_path.get(path)
    return "" if file is None else file.read().decode(errors="replace")[:_MAX_CONFIG_CHARS]


def _observe_version(version: str | None) -> Iterator[Evidence]:
    if version is None:
        return
    try:
        parsed = Version(version[:MAX_EXCERPT_CHARS])
    except InvalidVersion:
        return
    extremity = version_extremity(parsed)
    yield from fact("version_extreme", extremity, excerpt=version)
    yield from fact("version_first_like", is_first_like(parsed), excerpt=version)


_ALL_NINES = re.compile(r"9{2,}")


def version_extremity(version: Version) -> float:
    """1 for a major version of nines or of 1,000 and more, 0.5 from 90, else 0.

    Years and dates (2024.1, 20240131) are calendar versions and count as 0, and so does a nine
    below a small major version.
    """
    major = version.release[0]
    if 1970 <= major <= 2100 or 19700101 <= major <= 21001231 or major < 90:
        return 0.0
    return 1.0 if major >= 1000 or _ALL_NINES.fullmatch(str(major)) else 0.5


def is_first_like(version: Version) -> bool:
    """0.0.x, 0.1, 0.1.0, 1.0 or 1.0.0."""
    major, minor, *rest = (*version.release, 0, 0)
    return (major, minor) == (0, 0) or ((major, minor) in ((0, 1), (1, 0)) and not any(rest))
