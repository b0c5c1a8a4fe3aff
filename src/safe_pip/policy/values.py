"""Readers of policy values: each takes a TOML value and its key path and checks it.

An error names the key path, such as ``allow[2].expires``; entries count from 1.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name

from safe_pip.errors import PolicyError
from safe_pip.policy.settings import AllowEntry, DenyEntry, PrivateName, Threshold
from safe_pip.threats.urls import why_not

DURATION_PATTERN = "([0-9]{1,6}) ?(h|d|w)"
NAME_PATTERN = "[A-Za-z0-9*]([A-Za-z0-9._*-]*[A-Za-z0-9*])?"
SHA256_PATTERN = "[0-9a-fA-F]{64}"
_DURATION = re.compile(DURATION_PATTERN)
_HOURS = {"h": 1, "d": 24, "w": 24 * 7}
_NAME_PATTERN = re.compile(NAME_PATTERN)
_SHA256 = re.compile(SHA256_PATTERN)
_ALLOW_KEYS = ("project", "version", "sha256", "reason", "expires")


def _wrong(path: str, value: object, wanted: str) -> PolicyError:
    try:
        shown = repr(value)
    except ValueError:  # Python does not print integers of thousands of digits.
        shown = "a very large number"
    if len(shown) > 60:
        shown = f"{shown[:60]}…"
    return PolicyError(f"{path}: {shown} is not {wanted}")


def read_threshold(value: object, path: str) -> Threshold:
    # bool is an int to Python, and nan compares false to everything: neither is a score.
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise _wrong(path, value, "a number from 0 to 1")
    return Threshold(fixed=float(value), includes_model=False)


def read_truth(value: object, path: str) -> bool:
    if not isinstance(value, bool):
        raise _wrong(path, value, "true or false")
    return value


def word_reader(words: Mapping[str, object]) -> Callable[[object, str], object]:
    def read(value: object, path: str) -> object:
        if not isinstance(value, str) or value not in words:
            raise _wrong(path, value, "one of " + ", ".join(f'"{word}"' for word in words))
        return words[value]

    return read


def read_duration(value: object, path: str) -> timedelta:
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise _wrong(path, value, 'a duration such as "72h", "7d" or "2w"')
    return timedelta(hours=int(match[1]) * _HOURS[match[2]])


def read_denied(value: object, path: str) -> frozenset[DenyEntry]:
    if not isinstance(value, list):
        raise _wrong(path, value, 'a list of names or specifiers such as ["name", "name<2"]')
    return frozenset(_deny_entry(item, f"{path}[{index}]") for index, item in enumerate(value, 1))


def _deny_entry(value: object, path: str) -> DenyEntry:
    wanted = 'a project name or a specifier such as "name<2"'
    if not isinstance(value, str):
        raise _wrong(path, value, wanted)
    if "*" in value and not any(sign in value for sign in "<>=!~"):
        return DenyEntry(project=_name_pattern(value, path))
    # Few policies deny a version, and all of them wait for what is imported above.
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        requirement = Requirement(value)
    except InvalidRequirement as error:
        raise _wrong(path, value, wanted) from error
    if requirement.url or requirement.marker or requirement.extras:
        raise _wrong(path, value, f"{wanted}, without a URL, a marker or extras")
    return DenyEntry(project=canonicalize_name(requirement.name), specifier=requirement.specifier)


def read_allowed(value: object, path: str) -> frozenset[AllowEntry]:
    if not isinstance(value, list):
        raise _wrong(path, value, "an array of tables, written [[allow]]")
    return frozenset(_allow_entry(item, f"{path}[{index}]") for index, item in enumerate(value, 1))


def _allow_entry(value: object, path: str) -> AllowEntry:
    if not isinstance(value, dict):
        raise _wrong(path, value, "a table, written [[allow]]")
    for key in value:
        if key not in _ALLOW_KEYS:
            raise PolicyError(f"{path}.{key}: unknown key; there are {', '.join(_ALLOW_KEYS)}")
    for key in ("project", "reason"):
        if key not in value:
            raise PolicyError(f"{path}.{key}: this key is required")
    return AllowEntry(
        project=_project(value["project"], f"{path}.project"),
        specifier=_specifier(value.get("version", ""), f"{path}.version"),
        sha256=_digest(value["sha256"], f"{path}.sha256") if "sha256" in value else None,
        reason=_sentence(value["reason"], f"{path}.reason"),
        expires=_day(value["expires"], f"{path}.expires") if "expires" in value else None,
    )


def _project(value: object, path: str) -> NormalizedName:
    if not isinstance(value, str):
        raise _wrong(path, value, "a project name")
    try:
        return canonicalize_name(value, validate=True)
    except ValueError as error:
        raise _wrong(path, value, "a project name") from error


def _specifier(value: object, path: str) -> SpecifierSet:
    wanted = 'a version specifier such as "==1.4.2" or ">=2,<3"'
    if not isinstance(value, str):
        raise _wrong(path, value, wanted)
    try:
        return SpecifierSet(value)
    except InvalidSpecifier as error:
        raise _wrong(path, value, wanted) from error


def _digest(value: object, path: str) -> str:
    if not isinstance(value, str) or not _SHA256.fullmatch(value):
        raise _wrong(path, value, "a SHA-256 digest of 64 hexadecimal digits")
    return value.lower()


def _sentence(value: object, path: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise _wrong(path, value, "a text that says why")
    return value


def _day(value: object, path: str) -> date:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    raise _wrong(path, value, "a date, written 2027-01-31 without quotes")


def read_patterns(value: object, path: str) -> frozenset[str]:
    if not isinstance(value, list):
        raise _wrong(path, value, 'a list of project names such as ["name", "acme-*"]')
    patterns = []
    for index, pattern in enumerate(value, 1):
        if not isinstance(pattern, str):
            raise _wrong(f"{path}[{index}]", pattern, "a project name")
        patterns.append(_name_pattern(pattern, f"{path}[{index}]"))
    return frozenset(patterns)


def read_feeds(value: object, path: str) -> frozenset[str]:
    if not isinstance(value, list):
        raise _wrong(path, value, 'a list of URLs such as ["https://…/all.zip"]')
    for index, url in enumerate(value, 1):
        if not isinstance(url, str):
            raise _wrong(f"{path}[{index}]", url, "the URL of an OSV export")
        if reason := why_not(url):
            raise PolicyError(f"{path}[{index}]: {url!r} cannot be used: {reason}")
    return frozenset(value)


def read_private_names(value: object, path: str) -> frozenset[PrivateName]:
    if not isinstance(value, dict):
        raise _wrong(path, value, "a table of names, each with its index")
    return frozenset(
        _private_name(name, index_url, f"{path}.{name}") for name, index_url in value.items()
    )


def _private_name(name: str, index_url: object, path: str) -> PrivateName:
    if not isinstance(index_url, str) or "://" not in index_url:
        raise _wrong(path, index_url, "the URL of an index")
    return PrivateName(pattern=_name_pattern(name, path), index_url=index_url)


def _name_pattern(value: str, path: str) -> str:
    if not _NAME_PATTERN.fullmatch(value):
        raise _wrong(path, value, "a project name, in which * stands for any characters")
    return canonicalize_name(value)
