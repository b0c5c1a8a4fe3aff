"""Home page, project URLs and mail addresses in a distribution's metadata."""

from __future__ import annotations

import re
from collections.abc import Iterator
from email.utils import getaddresses
from functools import cache
from urllib.parse import urlsplit

from safe_pip.distribution import Distribution
from safe_pip.evidence import Evidence
from safe_pip.extractors.dated_list import load_list
from safe_pip.extractors.fact import fact
from safe_pip.feature import Feature, Fold, Group

DISPOSABLE_DOMAINS = "disposable_domains.txt.gz"
MAX_URLS = 50
MAX_FIELD_CHARS = 2_000

FEATURES = (
    Feature(
        name="homepage_valid",
        group=Group.METADATA,
        fold=Fold.VALUE,
        clip=1.0,
        reason="the paper's home page, wherever PEP 621 lets it stand",
        says="names a home page",
    ),
    Feature(
        name="email_valid",
        group=Group.METADATA,
        fold=Fold.VALUE,
        clip=1.0,
        reason="the paper's author e-mail, wherever PEP 621 lets it stand",
        says="names a mail address of its author",
    ),
    Feature(
        name="n_project_urls",
        group=Group.METADATA,
        fold=Fold.VALUE,
        clip=6.0,
        reason="weak context, capped because it is cheap to fake",
        says="names project URLs",
    ),
    Feature(
        name="repo_name_match",
        group=Group.METADATA,
        fold=Fold.VALUE,
        clip=1.0,
        reason="a borrowed repository (starjacking) has another project's name",
        says="names a repository of its own name",
    ),
    Feature(
        name="disposable_email",
        group=Group.METADATA,
        fold=Fold.VALUE,
        is_monotone=True,
        clip=1.0,
        reason="throw-away accounts use throw-away addresses; a real one costs an attacker",
        says="gives a disposable mail address",
    ),
)

_REPOSITORY_HOSTS = frozenset(
    ("github.com", "gitlab.com", "bitbucket.org", "codeberg.org", "sr.ht", "gitee.com")
)
_HOST = re.compile(r"(?=.{4,253}\Z)(?:[a-z0-9_][a-z0-9_-]{0,62}\.)+[a-z][a-z0-9-]{1,62}")
_PLACEHOLDER_DOMAIN_WORDS = (
    "example.com example.org example.net domain.com yourdomain.com test.com email.com mail.com "
    "company.com localhost.localdomain none.com foo.com"
)
_PLACEHOLDER_DOMAINS = frozenset(_PLACEHOLDER_DOMAIN_WORDS.split())
_PLACEHOLDER_LOCAL_WORDS = (
    "your you your.email your_email youremail yourname your.name none author test example user "
    "email name todo unknown xxx abc"
)
_PLACEHOLDER_LOCAL_PARTS = frozenset(_PLACEHOLDER_LOCAL_WORDS.split())
_LOCAL_PART = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}")


def observe(distribution: Distribution) -> Iterator[Evidence]:
    urls = [url for url in project_urls(distribution) if web_host(url)]
    yield from fact("homepage_valid", bool(urls), excerpt=urls[0] if urls else "")
    yield from fact("n_project_urls", len(set(urls)))
    match = max((repository_likeness(url, distribution.project or "") for url in urls), default=0.0)
    yield from fact("repo_name_match", match)
    addresses = mail_addresses(distribution)
    yield from fact("email_valid", any(map(is_plausible_address, addresses)))
    disposable = next(filter(is_disposable_address, addresses), None)
    if disposable is not None:
        yield from fact("disposable_email", 1.0, excerpt=disposable)


def project_urls(distribution: Distribution) -> list[str]:
    """Home-page, then Project-URL values without their labels, hostile and not validated."""
    urls = [distribution.header("home-page")]
    for value in distribution.headers.get("project-url", ())[:MAX_URLS]:
        label, comma, url = value[:MAX_FIELD_CHARS].partition(",")
        urls.append(url if comma else label)
    return [url.strip()[:MAX_FIELD_CHARS] for url in urls if url.strip()]


def web_host(url: str) -> str:
    """The lower-case host of a well-formed http(s) URL, else the empty string."""
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").rstrip(".")
    except ValueError:
        return ""
    is_web = parts.scheme in ("http", "https") and _HOST.fullmatch(host) is not None
    return host if is_web and host not in _PLACEHOLDER_DOMAINS else ""


def repository_likeness(url: str, project: str) -> float:
    """How alike a repository's name and a project's are, 0 (or no repository) to 1."""
    if web_host(url).removeprefix("www.") not in _REPOSITORY_HOSTS:
        return 0.0
    segments = [part for part in urlsplit(url).path.split("/") if part]
    if len(segments) < 2 or not project:
        return 0.0
    slug = _letters(segments[1].removesuffix(".git"))
    name = _letters(project)
    if slug and (slug in name or name in slug):
        return 1.0
    return _dice(slug, name)


def _letters(name: str) -> str:
    return "".join(letter for letter in name.lower()[:100] if letter.isalnum())


def _dice(first: str, second: str) -> float:
    """The Dice coefficient of two words' letter pairs."""
    pairs = [{word[i : i + 2] for i in range(len(word) - 1)} for word in (first, second)]
    total = len(pairs[0]) + len(pairs[1])
    return 2 * len(pairs[0] & pairs[1]) / total if total else 0.0


def mail_addresses(distribution: Distribution) -> list[str]:
    """The addresses of authors and maintainers, lower-case, hostile and not validated."""
    values = [
        value[:MAX_FIELD_CHARS]
        for name in ("author-email", "maintainer-email")
        for value in distribution.headers.get(name, ())[:MAX_URLS]
    ]
    return [address.lower() for _, address in getaddresses(values) if address]


def is_plausible_address(address: str) -> bool:
    """Whether an address is well-formed and not a template's placeholder."""
    local, _, domain = address.rpartition("@")
    return (
        _LOCAL_PART.fullmatch(local) is not None
        and _HOST.fullmatch(domain) is not None
        and domain not in _PLACEHOLDER_DOMAINS
        and local not in _PLACEHOLDER_LOCAL_PARTS
    )


def is_disposable_address(address: str) -> bool:
    """Whether the domain of an address, or one above it, hands out throw-away mailboxes."""
    domain = address.rpartition("@")[2]
    while "." in domain:
        if domain in _disposable_domains():
            return True
        domain = domain.partition(".")[2]
    return False


@cache
def _disposable_domains() -> frozenset[str]:
    return frozenset(load_list(DISPOSABLE_DOMAINS).entries)
