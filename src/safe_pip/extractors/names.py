"""What a project's name looks like: close to a popular one, or to nothing at all."""

from __future__ import annotations

import re
from collections.abc import Iterator

from packaging.utils import NormalizedName

from safe_pip.distribution import Distribution
from safe_pip.evidence import MAX_EXCERPT_CHARS, Evidence, Location
from safe_pip.extractors.popular import MAX_NAME_CHARS, PopularNames, popular_names
from safe_pip.extractors.top_level import top_level_modules
from safe_pip.feature import Feature, Fold, Group

FEATURES = (
    Feature(
        name="name_pop_dist",
        group=Group.METADATA,
        fold=Fold.VALUE,
        is_monotone=True,
        clip=1.0,
        reason="a squat has to be close to the name it preys on",
        says="has a name that is easily mistaken for a popular project's",
    ),
    Feature(
        name="name_affix_pop",
        group=Group.METADATA,
        fold=Fold.VALUE,
        clip=1.0,
        reason="combosquats add py-, -sdk or -2 to a popular name; so do honest add-ons",
        says="adds a common prefix or suffix to a popular project's name",
    ),
    Feature(
        name="name_surprisal",
        group=Group.METADATA,
        fold=Fold.VALUE,
        clip=8.0,
        reason="bots upload under random letters",
        says="has a name of unlikely letters",
    ),
    Feature(
        name="name_vs_module",
        group=Group.METADATA,
        fold=Fold.VALUE,
        is_monotone=True,
        clip=1.0,
        reason="a squat ships another project's module, or one for many names",
        says="installs modules that have nothing in common with its name",
    ),
)


def observe(distribution: Distribution) -> Iterator[Evidence]:
    """Evidence about the name of the distribution; none if it has no name."""
    name = distribution.project
    if name is None:
        return
    yield from _observe_likeness(name, popular_names())
    modules = top_level_modules(distribution)
    if modules and not any(shares_a_token(name, module) for module in modules):
        yield Evidence(
            feature="name_vs_module",
            location=Location(path=""),
            excerpt=", ".join(sorted(modules)[:5])[:MAX_EXCERPT_CHARS],
            detail=f"none of its top-level modules has anything in common with {name}",
        )


def _observe_likeness(name: NormalizedName, popular: PopularNames) -> Iterator[Evidence]:
    near = popular.nearest(name)
    if near is not None:
        yield Evidence(
            feature="name_pop_dist",
            location=Location(path=""),
            value=near.closeness,
            excerpt=name[:MAX_NAME_CHARS],
            detail=f"{near.manner} from {near.popular}, number {near.rank} by downloads",
        )
    extended = popular.extended(name)
    if extended is not None:
        yield Evidence(
            feature="name_affix_pop",
            location=Location(path=""),
            value=extended.closeness,
            excerpt=name[:MAX_NAME_CHARS],
            detail=f"{extended.manner} {extended.popular}, number {extended.rank} by downloads",
        )
    yield Evidence(
        feature="name_surprisal",
        location=Location(path=""),
        value=popular.surprisal(name),
        excerpt=name[:MAX_NAME_CHARS],
    )


_NOT_ALPHANUMERIC = re.compile(r"[^a-z0-9]+")
MIN_SHARED_CHARS = 3


def shares_a_token(name: str, module: str) -> bool:
    """Whether a project's name and a module's have a word, or its abbreviation, in common.

    A shared run of three letters does (pyyaml, yaml), and so does a module whose letters stand
    in the name in order (pillow, pil).
    """
    name = _NOT_ALPHANUMERIC.sub("", name.lower())[:MAX_NAME_CHARS]
    module = _NOT_ALPHANUMERIC.sub("", module.lower())[:MAX_NAME_CHARS]
    runs = (module[i : i + MIN_SHARED_CHARS] for i in range(len(module) - MIN_SHARED_CHARS + 1))
    if any(run in name for run in runs):
        return True
    letters = iter(name)
    return all(letter in letters for letter in module)
