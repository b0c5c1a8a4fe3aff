"""Text features: obfuscation, addresses and command lines in the sources of a distribution."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from safe_pip.distribution import Distribution, SourceFile
from safe_pip.evidence import Evidence
from safe_pip.extractors import (
    hosts,
    text_characters,
    text_commands,
    text_hosts,
    text_layout,
    text_literals,
    text_statistics,
)
from safe_pip.extractors.literals import Literal, SpokenText
from safe_pip.extractors.unit import PythonUnit
from safe_pip.extractors.unit_text import UnitText
from safe_pip.feature import Feature

FEATURES: tuple[Feature, ...] = (
    *text_layout.FEATURES,
    *text_characters.FEATURES,
    *text_statistics.FEATURES,
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
    """Evidence about the text of one Python unit.

    A unit that earned no tree is asked by cheap tests first whether it can hold data, addresses
    or commands at all: it has no code that would use them, but another unit may.
    """
    view = UnitText(unit=unit)
    yield from text_layout.observe_layout(view)
    yield from text_characters.observe_characters(view)
    if view.is_earned:
        yield from text_statistics.observe_statistics(view)
    payloads: Sequence[text_literals.HiddenPayload] = ()
    if view.is_earned or view.may_hold_data:
        payloads = text_literals.hidden_payloads(view)
        yield from text_literals.observe_literals(view, payloads)
    is_read = view.is_earned or bool(payloads)
    names_hosts = is_read or hosts.may_mention(view.lowered)
    holds_account = bool(payloads) or text_hosts.may_hold_chat_account(unit.source)
    holds_command = is_read or text_commands.may_hold_command(view.lowered)
    if not (names_hosts or holds_account or holds_command):
        return
    # What a reader of the decoded source would see.
    literals = (*view.literals, *(payload.as_literal for payload in payloads))
    spoken = SpokenText(literals)
    if names_hosts:
        yield from text_hosts.observe_hosts(unit.path, spoken)
        yield from text_hosts.observe_socket_addresses(unit.path, literals, unit.source)
    if holds_account:
        yield from text_hosts.observe_chat_accounts(unit.path, literals)
    if holds_command:
        yield from text_commands.observe_commands(unit.path, spoken)


def observe(distribution: Distribution) -> Iterator[Evidence]:
    """Evidence about scripts in other languages: addresses and command lines only."""
    for file in distribution.files:
        if file.path.lower().endswith(SCRIPT_SUFFIXES):
            yield from _observe_script(file)


def _observe_script(file: SourceFile) -> Iterator[Evidence]:
    text = file.read().decode(errors="replace")
    whole = (Literal(text=text, line=1),)
    lowered = text.lower()
    if hosts.may_mention(lowered):
        yield from text_hosts.observe_hosts(file.path, SpokenText(whole))
    if text_hosts.may_hold_chat_account(text):
        yield from text_hosts.observe_chat_accounts(file.path, whole)
    if text_commands.may_hold_command(lowered):
        yield from text_commands.observe_commands(file.path, SpokenText(whole), is_script=True)
