"""Text features of addresses: hosts that an attacker would choose, and where they stand."""

from __future__ import annotations

import itertools
import math
import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence

from safe_pip.evidence import MAX_EXCERPT_CHARS, Evidence, Location, Surface
from safe_pip.extractors.hosts import HostKind, HostMention, kind_of_address, mentions
from safe_pip.extractors.late_regex import late_regex
from safe_pip.extractors.literals import Literal, SpokenText
from safe_pip.feature import Feature, Fold, Group

MAX_EVIDENCE = 20

FEATURES = (
    Feature(
        name="url_ip_literal",
        group=Group.TEXT,
        fold=Fold.COUNT,
        is_monotone=True,
        clip=math.log1p(MAX_EVIDENCE),
        reason="attackers avoid names that can be taken from them",
        says="names a public IP address to talk to",
    ),
    Feature(
        name="url_suspicious_host",
        group=Group.TEXT,
        fold=Fold.MAX,
        is_monotone=True,
        clip=1.0,
        reason="the paper's strongest feature, without a frozen ranking of sites",
        says="names a host that anyone can use without a name of their own",
    ),
    Feature(
        name="url_callback_host",
        group=Group.TEXT,
        fold=Fold.ANY,
        is_monotone=True,
        reason="receivers of test callbacks and tunnels have no use in a release",
        says="names a receiver of callbacks or a tunnel",
    ),
    Feature(
        name="url_chat_webhook",
        group=Group.TEXT,
        fold=Fold.ANY,
        is_monotone=True,
        reason="stolen data is often mailed to a chat service",
        says="names a chat service's mailbox for programs",
    ),
    Feature(
        name="chat_account",
        group=Group.TEXT,
        fold=Fold.ANY,
        is_monotone=True,
        reason="a library takes the mailbox from its user; who carries one, carries its own",
        says="carries the key of a chat service's mailbox",
    ),
    Feature(
        name="url_drop_host",
        group=Group.TEXT,
        fold=Fold.ANY,
        is_monotone=True,
        reason="stages and stolen files lie where no account is needed",
        says="names a file or text drop open to anyone",
    ),
    Feature(
        name="url_in_surface",
        group=Group.TEXT,
        fold=Fold.MAX,
        is_monotone=True,
        clip=1.0,
        reason="honest code talks to such hosts when called, not while it is installed or imported",
        says="names such a host in code that runs unasked",
    ),
    Feature(
        name="url_insecure",
        group=Group.TEXT,
        fold=Fold.COUNT,
        is_monotone=True,
        clip=math.log1p(5),
        reason="the paper's insecure URL, without vocabularies, documents and local hosts",
        says="names a web address without encryption",
    ),
)

_GROUPS = {
    HostKind.IP_LITERAL: "url_ip_literal",
    HostKind.CALLBACK: "url_callback_host",
    HostKind.TUNNEL: "url_callback_host",
    HostKind.CHAT: "url_chat_webhook",
    HostKind.FILE_DROP: "url_drop_host",
    HostKind.PASTE: "url_drop_host",
}
# Every module's top level runs when imported, yet most of a module is functions.
_SURFACE_WEIGHTS = {
    Surface.SETUP: 1.0,
    Surface.COMMAND_CLASS: 1.0,
    Surface.BUILD_BACKEND: 1.0,
    Surface.STARTUP: 1.0,
    Surface.INIT: 1.0,
    Surface.MODULE: 0.5,
}


def observe_hosts(path: str, spoken: SpokenText) -> Iterator[Evidence]:
    """Evidence about the hosts that literals name; docstrings name them for readers only."""
    text = spoken.text
    seen: dict[HostKind | None, set[tuple[str, Surface]]] = defaultdict(set)
    for mention in mentions(_of_same_length(spoken)):
        if mention.kind is None and not mention.is_insecure:
            continue
        starts = spoken.starts
        index = bisect_right(starts, mention.offset) - 1
        literal = spoken.literals[index]
        known, place = seen[mention.kind], (mention.host, literal.surface)
        if place in known or len(known) >= MAX_EVIDENCE:
            continue
        known.add(place)
        inner = 0 if literal.is_folded else text.count("\n", starts[index], mention.offset)
        location = Location(path=path, line=literal.line + inner)
        excerpt = text[mention.offset : mention.offset + MAX_EXCERPT_CHARS].partition("\n")[0]
        yield from evidence_of(mention, location, literal.surface, excerpt)


# A bot of Telegram, a webhook of Discord, Slack, DingTalk or WeCom, with its key.
_CHAT_ACCOUNT = late_regex(
    r"(?<!\d)\d{8,10}:AA[\w-]{33}(?![\w-])|/api/webhooks/\d{15,20}/[\w-]{50,}"
    r"|hooks\.slack\.com/(?:services|workflows)/T\w{8,}/\w{8,}/\w{16,}"
    r"|oapi\.dingtalk\.com/robot/send\?access_token=[0-9a-f]{48,}"
    r"|qyapi\.weixin\.qq\.com/cgi-bin/webhook/send\?key=[0-9a-f-]{36}"
)


def may_hold_chat_account(source: str) -> bool:
    """Whether a source can hold such a key. Cheaper than to read its literals."""
    return any(mark in source for mark in (":AA", "api/webhooks/", "hooks.slack", "access_token=",
                                           "webhook/send"))  # fmt: skip


def observe_chat_accounts(path: str, literals: Sequence[Literal]) -> Iterator[Evidence]:
    """Evidence of literals that hold the key of a chat service's mailbox."""
    found = ((literal, _CHAT_ACCOUNT.search(literal.text)) for literal in literals)
    matches = ((literal, match) for literal, match in found if match)
    for literal, match in itertools.islice(matches, MAX_EVIDENCE):
        yield Evidence(
            feature="chat_account",
            location=Location(path=path, line=literal.line),
            surface=literal.surface,
            excerpt=match.group()[:MAX_EXCERPT_CHARS],
        )


def _of_same_length(spoken: SpokenText) -> str:
    """Lower case of the same length: some letters become two."""
    if len(spoken.lowered) == len(spoken.text):
        return spoken.lowered
    return "".join(low if len(low := letter.lower()) == 1 else letter for letter in spoken.text)


def evidence_of(
    mention: HostMention, location: Location, surface: Surface, excerpt: str
) -> Iterator[Evidence]:
    """All evidence that one mention is."""
    found: list[tuple[str, float]] = []
    if mention.is_insecure:
        found.append(("url_insecure", 1.0))
    if mention.kind is not None and mention.kind.weight:
        found.append(("url_suspicious_host", mention.kind.weight))
        if mention.kind in _GROUPS:
            found.append((_GROUPS[mention.kind], 1.0))
        if surface in _SURFACE_WEIGHTS:
            weight = mention.kind.weight * _SURFACE_WEIGHTS[surface]
            found.append(("url_in_surface", weight))
    detail = f"{mention.host} is {mention.kind.phrase}" if mention.kind else ""
    for feature, value in found:
        yield Evidence(
            feature=feature,
            location=location,
            value=value,
            surface=surface,
            excerpt=excerpt,
            detail=detail,
        )


_ADDRESS = late_regex(r"\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}")


def observe_socket_addresses(
    path: str, literals: Sequence[Literal], source: str
) -> Iterator[Evidence]:
    """Evidence of public addresses beside a port, as ``connect`` takes them: ``("…", 443)``."""
    for literal in literals:
        text = literal.text
        if len(text) > 15 or not _ADDRESS.fullmatch(text) or kind_of_address(text) is None:
            continue
        beside_port = late_regex(rf"['\"]{re.escape(text)}['\"]\s{{0,9}},\s{{0,9}}\d{{2,5}}\b")
        match = beside_port.search(source)
        if match is not None:
            mention = HostMention(host=text, offset=0, kind=HostKind.IP_LITERAL)
            location = Location(path=path, line=literal.line)
            yield from evidence_of(mention, location, literal.surface, match.group())
