"""Text features: obfuscation, addresses and command lines in the sources of a distribution."""

from __future__ import annotations

from collections.abc import Iterator

from safe_pip.distribution import Distribution, SourceFile
from safe_pip.evidence import Evidence, Surface
from safe_pip.extractors import text_commands, text_hosts, text_layout, text_literals
from safe_pip.extractors.literals import Literal, UnitText
from safe_pip.extractors.unit import PythonUnit
from safe_pip.feature import Feature

FEATURES: tuple[Feature, ...] = (
    *text_layout.FEATURES,
    *text_literals.FEATURES,
    *text_hosts.FEATURES,
    *text_commands.FEATURES,
)

_SCRIPT_SUFFIX_WORDS = (
    ".sh .bash .zsh .command .ps1 .psm1 .bat .cmd .vbs .vbe .js .mjs .cjs .jse .wsf .hta "
    ".applescript .scpt .rb .pl .php"
)
SCRIPT_SUFFIXES = tuple(_SCRIPT_SUFFIX_WORDS.split())


def observe_unit(unit: PythonUnit) -> Iterator[Evidence]:
    """Evidence about the text of one Python unit, with or without a tree."""
    view = UnitText(unit=unit)
    yield from text_layout.observe_layout(view)
    payloads = text_literals.hidden_payloads(view)
    yield from text_literals.observe_literals(view, payloads)
    literals = (*view.literals, *(payload.as_literal for payload in payloads))
    yield from text_hosts.observe_hosts(unit.path, unit.surface, literals)
    yield from text_hosts.observe_socket_addresses(unit.path, unit.surface, unit.source)
    yield from text_commands.observe_commands(unit.path, unit.surface, literals)


def observe(distribution: Distribution) -> Iterator[Evidence]:
    """Evidence about scripts in other languages: addresses and command lines only."""
    for file in distribution.files:
        if file.path.lower().endswith(SCRIPT_SUFFIXES):
            yield from _observe_script(file)


def _observe_script(file: SourceFile) -> Iterator[Evidence]:
    whole = (Literal(text=file.read().decode(errors="replace"), line=1),)
    yield from text_hosts.observe_hosts(file.path, Surface.OTHER, whole)
    yield from text_commands.observe_commands(file.path, Surface.OTHER, whole)
