"""Which hosts a text names, and which of them an attacker would choose."""

from __future__ import annotations

import enum
import hashlib
import ipaddress
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from safe_pip.extractors.dated_list import load_list
from safe_pip.extractors.late_regex import late_regex

SUSPICIOUS_HOSTS = "suspicious_hosts.txt"
COMMON_HOSTS = "common_hosts.txt.gz"
MAX_HOST_CHARS = 253


class HostKind(enum.Enum):
    """What a host is used for. The values are the kinds of the list beside this module."""

    CALLBACK = "callback"
    TUNNEL = "tunnel"
    CHAT = "chat"
    FILE_DROP = "file-drop"
    PASTE = "paste"
    RAW = "raw"
    SHORTENER = "shortener"
    IP_LOOKUP = "ip-lookup"
    IP_LITERAL = "ip-literal"
    NAMESPACE = "namespace"

    @property
    def weight(self) -> float:
        """How unusual the host is in honest packages: 1 is "never but in an attack or a test"."""
        return _WEIGHTS[self]

    @property
    def phrase(self) -> str:
        return _PHRASES[self]


_WEIGHTS = {
    HostKind.CALLBACK: 1.0,
    HostKind.TUNNEL: 0.9,
    HostKind.CHAT: 0.9,
    HostKind.IP_LITERAL: 0.8,
    HostKind.FILE_DROP: 0.8,
    HostKind.PASTE: 0.7,
    HostKind.SHORTENER: 0.5,
    HostKind.IP_LOOKUP: 0.4,
    HostKind.RAW: 0.3,
    HostKind.NAMESPACE: 0.0,
}
_PHRASES = {
    HostKind.CALLBACK: "a receiver of test callbacks",
    HostKind.TUNNEL: "a tunnel or dynamic name of a private machine",
    HostKind.CHAT: "a chat service's mailbox for programs",
    HostKind.IP_LITERAL: "a public IP address in place of a name",
    HostKind.FILE_DROP: "a file drop open to anyone",
    HostKind.PASTE: "a text drop open to anyone",
    HostKind.SHORTENER: "a link shortener",
    HostKind.IP_LOOKUP: "a service that tells a machine its public address",
    HostKind.RAW: "raw content of a code or application host",
    HostKind.NAMESPACE: "the name of a vocabulary",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class HostMention:
    """A host that a text names at ``offset``. ``is_insecure`` says that it is reached by plain
    http; ``kind`` is None for a host of no special kind."""

    host: str
    offset: int
    kind: HostKind | None
    is_insecure: bool = False


def may_mention(text: str) -> bool:
    """Whether a lower-case text names a host of a kind in a URL. Cheaper than ``mentions``, which
    also finds bare names."""
    if "://" not in text:
        return False
    kinds = (_host_and_kind(match, text)[1] for match in _URL.finditer(text))
    return any(kind is not None and kind.weight > 0 for kind in kinds)


_NAME_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789_.-"
_NAME_RUN = late_regex(r"[a-z0-9_.-]*")
# A run of name letters starts once, where no name letter stands before it: linear in the text.
_NAME = late_regex(r"(?<![a-z0-9_.-])\.?[a-z0-9_-]+(?:\.[a-z0-9_-]+)+")
_URL = late_regex(r"(?:https?|wss?|ftp|tcp|socks5h?)://([^\s/'\"<>\\)\]?#,;|]{1,300})")


def mentions(text: str) -> Iterator[HostMention]:
    """Hosts of URLs, and bare names of the listed kinds, in order of offset. ``text`` is lower
    case; its length may be anything, the time is linear in it."""
    named = [*_urls(text), *_bare_names(text)]
    yield from sorted(named, key=lambda mention: mention.offset)


def _urls(text: str) -> Iterator[HostMention]:
    if "://" not in text:
        return
    for match in _URL.finditer(text):
        host, kind = _host_and_kind(match, text)
        is_unknown = "." not in host or "{" in host or (kind is None and is_address(host))
        yield HostMention(
            host=host[:MAX_HOST_CHARS],
            offset=match.start(),
            kind=kind,
            is_insecure=match.group().startswith("http:")
            and not is_unknown
            and kind is not HostKind.NAMESPACE,
        )


def _host_and_kind(url: re.Match[str], text: str) -> tuple[str, HostKind | None]:
    host = url.group(1).rpartition("@")[2].partition(":")[0].rstrip(".")
    return host, kind_of_address(host) or kind_of_name(host, text[url.end() : url.end() + 80])


def _bare_names(text: str) -> Iterator[HostMention]:
    known = _kinds()
    read_to = 0
    for ending in known.ending.finditer(text):
        if ending.start() < read_to:
            continue
        # Most dotted words are attributes and file names, which end otherwise: what stands before
        # the ending is looked at only now. Each piece is walked back through once.
        before = text[read_to : ending.start()]
        start = read_to + len(before.rstrip(_NAME_LETTERS))
        match = _NAME.match(text, start)
        read_to = start + len(_NAME_RUN.match(text, start).group())  # type: ignore[union-attr]
        name = match.group().lstrip(".") if match else ""
        if (
            match is None
            or name[name.rfind(".") + 1 :] not in known.last_labels
            or text[start - 3 : start] == "://"
        ):
            continue
        kind = kind_of_name(name, text[match.end() : match.end() + 80])
        if kind is not None and kind.weight >= _BARE_WEIGHT:
            yield HostMention(host=name[:MAX_HOST_CHARS], offset=start, kind=kind)


_BARE_WEIGHT = 0.4


def kind_of_name(host: str, rest: str = "") -> HostKind | None:
    """The kind of a lower-case host name; ``rest`` is what follows it in the text (the path)."""
    known = _kinds()
    labels = host.split(".")[-5:]
    if labels[-1] not in known.last_labels:
        return None
    path = rest[rest.find("/") :] if rest[:1] in ("/", ":") else ""
    for start in range(len(labels) - 1):
        for prefix, kind in known.by_host.get(".".join(labels[start:]), ()):
            if path.startswith(prefix):
                return kind
    return None


_PLACEHOLDERS = frozenset(("example.com", "example.net", "example.org", "domain.com", "foo.com"))


def fixed_host(text: str) -> str:
    """The host of the first URL or the first address in a call's text, if all of it is written
    out and it is one on the public internet; else the empty string."""
    match = _URL.search(text.lower()[:2_000]) or _PAIR.search(text[:2_000].lower())
    if match is None:
        return ""
    host = match.group(1).rpartition("@")[2].partition(":")[0].rstrip(".")
    if "." not in host or len(host) > MAX_HOST_CHARS or not _WRITTEN_OUT.fullmatch(host):
        return ""
    if is_address(host):
        return host if kind_of_address(host) else ""
    is_local = host.endswith((".local", ".localhost", ".internal", ".lan", ".test", ".invalid"))
    return "" if is_local or registered_domain(host) in _PLACEHOLDERS else host


def kind_of_host(host: str, text: str) -> HostKind | None:
    """The kind of a lower-case host that a call's text names."""
    rest = text.lower()[:2_000].partition(host)[2]
    return kind_of_address(host) or kind_of_name(host, rest[:80])


def name_digest(name: str) -> str:
    """What stands for a name in the list of common hosts, which is long and names nobody."""
    return hashlib.sha256(name.encode()).hexdigest()[:12]


@cache
def _common_domains() -> frozenset[str]:
    return frozenset(load_list(COMMON_HOSTS).entries)


def is_common(host: str) -> bool:
    """Whether several benign projects name a host or its domain, and it is of no special kind."""
    names = {name_digest(host), name_digest(registered_domain(host))}
    is_listed = not names.isdisjoint(_common_domains())
    return is_listed and kind_of_name(host) is None


# An address as sockets take it: ("host", 443).
_PAIR = late_regex(r"\(['\"]([a-z0-9.-]{4,253})['\"], \d{1,5}\)")
_WRITTEN_OUT = late_regex(r"[a-z0-9_.-]+")


def registered_domain(host: str) -> str:
    """The part of a host that somebody registered, by a rule of thumb; an address is whole."""
    labels = host.split(".")
    if is_address(host) or len(labels) < 3:
        return host
    is_second_level = len(labels[-1]) == 2 and len(labels[-2]) <= 3
    return ".".join(labels[-3:] if is_second_level else labels[-2:])


_RESOLVER_WORDS = (
    "8.8.8.8 8.8.4.4 1.1.1.1 1.0.0.1 9.9.9.9 208.67.222.222 114.114.114.114 4.2.2.2 223.5.5.5 "
    "1.2.3.4 2.2.2.2 3.3.3.3 4.4.4.4 5.5.5.5 6.6.6.6 7.7.7.7 93.184.216.34"
)
_RESOLVERS = frozenset(_RESOLVER_WORDS.split())


def is_address(host: str) -> bool:
    return _address(host) is not None


def kind_of_address(host: str) -> HostKind | None:
    """IP_LITERAL for an IPv4 address of the public internet, however it is written.

    Private, loopback and documentation addresses are none, nor are well-known resolvers and the
    usual addresses of tests.
    """
    address = _address(host)
    if address is None or str(address) in _RESOLVERS or not address.is_global:
        return None
    return HostKind.IP_LITERAL if not address.is_multicast else None


_DOTTED = late_regex(r"\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}")
_ONE_NUMBER = late_regex(r"0x[0-9a-f]{7,8}|[1-9]\d{8,9}")


def _address(host: str) -> ipaddress.IPv4Address | None:
    if not host[:1].isdigit():
        return None
    try:
        if _DOTTED.fullmatch(host):
            return ipaddress.IPv4Address(host)
        if _ONE_NUMBER.fullmatch(host):
            return ipaddress.IPv4Address(int(host, 0))
    except ValueError:
        return None
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class _KnownHosts:
    """``by_host`` maps a host to its (path prefix, kind) pairs; ``ending`` finds the end of any
    of them, and is faster to search for than names."""

    by_host: Mapping[str, tuple[tuple[str, HostKind], ...]]
    last_labels: frozenset[str]
    ending: re.Pattern[str]


@cache
def _kinds() -> _KnownHosts:
    by_host: dict[str, tuple[tuple[str, HostKind], ...]] = {}
    for entry in load_list(SUSPICIOUS_HOSTS).entries:
        word, _, address = entry.partition(" ")
        host, slash, path = address.partition("/")
        by_host[host] = (*by_host.get(host, ()), (slash + path, HostKind(word)))
    last_labels = frozenset(host.rpartition(".")[2] for host in by_host)
    words = "|".join(map(re.escape, sorted(last_labels)))
    return _KnownHosts(
        by_host=by_host,
        last_labels=last_labels,
        ending=re.compile(rf"\.(?:{words})(?![a-z0-9_-])"),
    )
