"""Addresses: where a call to the network goes, what it hands over, and who it says it is."""

from __future__ import annotations

from safe_pip.extractors.arguments import Arguments, has_url
from safe_pip.extractors.events import Mark
from safe_pip.extractors.hosts import fixed_host
from safe_pip.extractors.late_regex import late_regex
from safe_pip.extractors.values import (
    DECODED,
    NETWORK,
    NO_ORIGINS,
    UNKNOWN,
    Constant,
    Origins,
    Value,
)

_REQUEST = ".Request()"
_ADDRESS_KEYWORDS = ("url", "uri", "host", "address")
# The whole answer to a request, as text. A field of it is a link that clients follow.
_WHOLE_ANSWER = late_regex(
    r"\(\)\.(?:text|content|data|read\(\))(?:\.(?:decode|strip|rstrip|lstrip|splitlines)\(\))*"
)


def address_origins(name: str, arguments: Arguments) -> Origins:
    """Whether the address was decoded first, or is all of what another address answered.

    ``name`` is the qualified name of the function that is called.
    """
    value = _address(name, arguments)
    if value.ref.endswith(_REQUEST):
        value = (value.parts or {}).get("url", UNKNOWN)
    has_fixed_host = bool(fixed_host(value.text))
    if value.known is not None:
        return value.origins & DECODED if has_fixed_host else NO_ORIGINS
    if has_fixed_host:
        return NO_ORIGINS
    if _WHOLE_ANSWER.search(value.ref) and "network" in value.origins:
        return NETWORK | (value.origins & DECODED)
    return value.origins & DECODED


def address_parts(name: str, arguments: Arguments) -> dict[Constant, Value] | None:
    """What is made for an address, or from what was made for one, keeps it; a request also what it
    is to send."""
    if has_url(arguments):
        url = next(value for value in arguments.all if "://" in value.text)
        body = arguments.keywords.get("data", arguments.get(1))
        if not name.endswith(".Request") or body is UNKNOWN:
            return {"url": url}
        return {"url": url, "data": body}
    for value in arguments.positional[:2]:
        if value.parts and "url" in value.parts and value.ref:
            return {"url": value.parts["url"]}
    return None


def written_address(arguments: Arguments) -> str:
    """The text of the address among arguments, or of that which one of them was made for."""
    for value in arguments.all:
        if "://" in value.text:
            return value.text
    for value in arguments.positional[:2]:
        if value.parts and value.ref and "://" in (url := value.parts.get("url", UNKNOWN)).text:
            return url.text
    return ""


# What these are handed first is data, or the method of the request.
_DATA_FIRST = (
    ".execute",
    ".recv",
    ".recvfrom",
    ".send",
    ".send_raw_transaction",
    ".send_transaction",
    ".sendall",
    ".send_message",
    ".sendmail",
    ".storbinary",
)
_ADDRESS_SECOND = (".request", ".sendto", ".stream", ".urlopen")


def _address(name: str, arguments: Arguments) -> Value:
    for keyword in _ADDRESS_KEYWORDS:
        if keyword in arguments.keywords:
            return arguments.keywords[keyword]
    if name.endswith(_DATA_FIRST):
        return UNKNOWN
    is_second = name.endswith(_ADDRESS_SECOND) and len(arguments.positional) > 1
    value = arguments.get(1 if is_second else 0)
    if value.parts is not None and not value.ref:
        return value.parts.get(0, UNKNOWN)
    return value


_SENDING_NAMES = (".post", ".put", ".patch", ".sendall", ".send", ".sendto", ".sendmail",
                  ".send_message", ".send_document", ".storbinary", ".execute", ".send_transaction",
                  ".send_raw_transaction")  # fmt: skip
_BODY_KEYWORDS = frozenset(("content", "data", "files", "json"))


def sending_marks(name: str, arguments: Arguments) -> frozenset[Mark]:
    """Whether a call to the network hands data over, as far as its form tells."""
    has_body = _BODY_KEYWORDS & arguments.keywords.keys() or (
        name.endswith("urlopen") and len(arguments.positional) > 1
    )
    made = arguments.get(0)
    is_request = made.ref.endswith(_REQUEST) and "data" in (made.parts or ())
    is_sending = has_body or is_request or f".{name}".endswith(_SENDING_NAMES)
    return frozenset((Mark.SENDING,)) if is_sending else frozenset()


_ACCOUNT_KEYWORDS = ("user", "username")
_PASSWORD_KEYWORDS = ("password", "passwd")


def carries_login(name: str, arguments: Arguments) -> bool:
    """Whether an account and its password are both written in the code."""
    by_place = name.endswith(".login")
    account = _named(arguments, _ACCOUNT_KEYWORDS, 0 if by_place else None)
    password = _named(arguments, _PASSWORD_KEYWORDS, 1 if by_place else None)
    return bool(account and password) and account.lower() != "anonymous"


def _named(arguments: Arguments, keywords: tuple[str, ...], position: int | None) -> str:
    for keyword in keywords:
        if keyword in arguments.keywords:
            known = arguments.keywords[keyword].known
            break
    else:
        known = None if position is None else arguments.get(position).known
    return known if isinstance(known, str) else ""
