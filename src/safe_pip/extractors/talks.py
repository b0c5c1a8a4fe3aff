"""Talks: to whom code talks over the network, and what that says of it."""

from __future__ import annotations

from collections.abc import Iterator

from safe_pip.evidence import Evidence, Surface
from safe_pip.extractors.commands import CommandFact
from safe_pip.extractors.events import Event, Mark
from safe_pip.extractors.hosts import fixed_host, is_common, kind_of_host, registered_domain
from safe_pip.extractors.values import HANDED, LOGIN, SECRET

ODD_HOST = "net_odd_host"
"""Evidence of it holds only if no other file names the host; that is for the caller to see."""

_KEYS = HANDED | LOGIN | SECRET
_LIKELY = 0.5


def host_of(evidence: Evidence) -> str:
    """The host that evidence of ODD_HOST is about."""
    return evidence.detail.rpartition(" ")[2]


def unknown_host(text: str, described: str) -> str:
    """The host in a call's text, if it is fixed and neither the description nor any known
    project names it; else the empty string."""
    host = fixed_host(text)
    is_known = not host or registered_domain(host) in described or is_common(host)
    return "" if is_known else host


def talks(event: Event, surface: Surface, described: str) -> Iterator[tuple[str, float, str]]:
    """Feature, value and detail of what a call to the network, or a command that talks, tells of
    its address.

    ``described`` is what the distribution says of itself, in lower case.
    """
    if "decoded" in event.address:
        yield "net_hidden_address", 1.0, "decodes the address it goes to"
    if "network" in event.address:
        yield "net_fetched_address", 1.0, "asks one address for the address it goes to"
    host = fixed_host(event.text)
    if not host or registered_domain(host) in described:
        return
    kind = kind_of_host(host, event.text)
    if kind is not None and kind.weight > 0:
        yield "net_suspicious_host", kind.weight, f"talks to {host}, {kind.phrase}"
    yield "net_unnamed_host", 1.0, f"talks to {host}"
    if surface.runs_unasked:
        yield "net_unnamed_host_unasked", 1.0, f"talks to {host}"
    if Mark.SILENT in event.marks:
        yield "net_silent", 1.0, f"talks to {host}, hiding every error"
    if _is_sending(event):
        yield "net_sends_unnamed", 1.0, f"sends data to {host}"
    handed = event.data & _KEYS
    if handed:
        # A login is what every client sends; a key is not, nor what is sent in silence.
        value = 1.0 if Mark.SILENT in event.marks or handed != LOGIN else _LIKELY
        yield "net_sends_key", value, f"sends keys or logins to {host}"
    if is_common(host):
        return
    yield from _to_a_stranger(event, surface, host)
    if handed:
        told = f"sends keys or logins to {host}, which no project is known to use"
        yield "key_to_stranger", value, told


def _to_a_stranger(event: Event, surface: Surface, host: str) -> Iterator[tuple[str, float, str]]:
    detail = f"no project is known to use {host}"
    yield "net_unknown_host", 1.0, detail
    if surface.runs_unasked:
        yield "net_unknown_host_unasked", 1.0, detail
    if _is_sending(event) or Mark.SILENT in event.marks:
        yield "net_unknown_drop", 1.0, detail
    yield ODD_HOST, 1.0, f"no other file names {host}"


def _is_sending(event: Event) -> bool:
    return Mark.SENDING in event.marks or CommandFact.EXFILTRATE in event.facts
