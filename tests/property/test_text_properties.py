"""Laws of the cheap tests before a search: where one says no, the search finds nothing."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from safe_pip.extractors import (
    arguments,
    code,
    description,
    encodings,
    hosts,
    licences,
    patterns,
    text_statistics,
    triggers,
)
from safe_pip.extractors.containers import constant_items, is_long
from safe_pip.extractors.segments import segment
from safe_pip.extractors.values import HOLE, UNKNOWN, Constant, Value

QUOTES = ("'", '"', "'''", '"""', "\\", "\n", "#", "a", "rb", " ", "é", "x" * 20, " " * 70, ";")
NAMES = (".", "com", "io", "www", "pastebin", "-", "_", "/", "://", " ", "ngrok", "9", "é", "\n")
SUMS = ("1", "0x", "2", "+", "-", "//", "<<", " ", "(", "~", "a", "_", ".", "\n", "%")
WORDS = ("os", "import", "from", ".", "system", " ", "\n", "exec", "(", "x", "_", "urllib", "ｅ")

ADDRESSES = (":", "//", "://", "{}", "https", "9", " ", "\n", "{", "é", "a.b/c")

STARTS = (
    "-----BEGIN", "ssh-rsa ", "ecdsa-", "eyJ", "a", ".", "AAAAB3Nz", "MIIC", "sha512-", "iVBORw0KGgo",
    "R0lGOD", "/9j/4", "UklGR", "AAABAA", "d09GR", "T1RUTw", "AAEAAAA", "PHN2Zy", "PD94bWwg",
    "JVBERi0", "data:image/png,", "data:font,", " ",
)  # fmt: skip

ASSEMBLING = (*code._ASSEMBLING_WORDS, "(", "_", " ", "\n", "x", ":")


LICENCES = (
    "gpl", "gnu general public", "gnu ", "a", "lesser general public", "permission is hereby granted,",
    " free of charge", "mit", " ", "-", "permission to use, copy, modify and/or distribute", "isc",
    "all rights reserved", ".", "zope public", "cc0", "bsl-1", "mpl-", "boost software", "commercial",
)  # fmt: skip

LINKS = (
    "https://pypi", ".org/project/", ".python.org/pypi/", "x", "requests", "-", " ", "\n", "\x1c",
    "img.shields.io/pypi/v/", "shields.io/conda/vn/conda-forge/", "badge.fury.io/py/", "é",
    "pepy.tech/badge/", ".svg", ")",
)  # fmt: skip


def text_of(pieces: tuple[str, ...], *, max_size: int = 30) -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from(pieces), max_size=max_size).map("".join)


@settings(max_examples=300, deadline=None)
@given(text_of(QUOTES))
def test_segments_keep_every_letter_in_its_place(source: str) -> None:
    found = segment(source)
    assert len(found.code) == len(source)
    assert [n for n, letter in enumerate(found.code) if letter == "\n"] == [
        n for n, letter in enumerate(source) if letter == "\n"
    ]
    for token in found.strings:
        start = token.start + len(token.prefix)
        assert token.body in source[start:]
        assert source[start] in "'\""


@settings(max_examples=300, deadline=None)
@given(text_of(NAMES))
def test_no_bare_name_of_a_listed_host_is_passed_over(text: str) -> None:
    expected = {
        (match.start(), match.group().lstrip("."))
        for match in hosts._NAME.finditer(text)
        if text[match.start() - 3 : match.start()] != "://"
        and (kind := hosts.kind_of_name(match.group().lstrip("."), text[match.end() :][:80]))
        and kind.weight >= hosts._BARE_WEIGHT
    }
    found = {(mention.offset, mention.host) for mention in hosts._bare_names(text)}
    assert found == expected


@given(text_of(SUMS, max_size=60))
@example("1+\n1")
@example("1+\n(1")
@example("0xa+1")
def test_signs_between_digits_are_no_fewer_than_sums(code: str) -> None:
    n_sums = len(text_statistics._ARITHMETIC.findall(code))
    # The two letters at each end are not asked.
    assert text_statistics.count_signs_between_digits(f"  {code}  ") >= n_sums


@settings(deadline=None)
@given(text_of(WORDS), st.integers(0, 400), st.integers(0, 400))
def test_a_trigger_is_found_wherever_it_stands(source: str, before: int, after: int) -> None:
    line = "value = other  # " + "word " * 20 + "\n"
    filled = line * before + source + "\n" + line * after
    assert triggers.earns_tree(filled.encode()) == triggers.earns_tree(f"{source}\n".encode())


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.sampled_from((*sorted(patterns._SINGLE_WORDS), "_", "x", ".", "/"))).map("".join)
)
def test_a_word_that_is_passed_over_belongs_to_no_family(text: str) -> None:
    assert patterns.mentions(text) == patterns._search(text)


@given(text_of(ADDRESSES))
def test_what_begins_like_an_address_has_its_mark(text: str) -> None:
    assert "://" in text or arguments._URL_FIRST.match(text) is None


@given(st.integers() | st.floats() | st.tuples(text_of(ADDRESSES)))
def test_neither_numbers_nor_tuples_begin_like_addresses(const: object) -> None:
    assert arguments._URL_FIRST.match(str(const)) is None


@settings(max_examples=300, deadline=None)
@given(text_of(STARTS, max_size=3))
def test_no_honest_start_is_passed_over(text: str) -> None:
    is_honest = encodings._HONEST_START.match(text) or encodings._DATA_URL.search(text[:400])
    assert encodings._is_honest(text) == bool(is_honest)


@given(text_of(NAMES))
def test_a_glance_for_hosts_sees_what_a_search_sees(text: str) -> None:
    kinds = [mention.kind for mention in hosts._urls(text)]
    assert hosts.may_mention(text) == any(kind and kind.weight > 0 for kind in kinds)


@given(text_of(ASSEMBLING))
def test_words_that_assemble_are_no_fewer_than_their_uses(source: str) -> None:
    n_words = sum(map(source.count, code._ASSEMBLING_WORDS))
    assert n_words >= len(code._ASSEMBLING.findall(source))


@settings(max_examples=300, deadline=None)
@given(text_of(LICENCES))
def test_a_licence_stands_only_beside_a_first_word_of_its_own(text: str) -> None:
    for family, pattern in licences._PATTERNS.items():
        is_named = any(word in text for word in licences._FIRST_WORDS[family])
        assert is_named or pattern.search(text) is None


def test_each_branch_of_a_licence_has_its_first_word() -> None:
    for family, pattern in licences._FAMILIES.items():
        assert len(licences._FIRST_WORDS[family]) == pattern.count("|") + 1


@settings(max_examples=300, deadline=None)
@given(text_of(LINKS))
def test_badges_are_found_word_by_word_as_in_the_whole(text: str) -> None:
    assert description._badge_names(text) == description._BADGE.findall(text)


@given(
    st.text(max_size=12) | st.binary(max_size=12) | st.tuples(st.integers()) | st.none(),
    st.dictionaries(st.integers() | st.just(HOLE), st.just(UNKNOWN), max_size=12) | st.none(),
)
def test_no_more_items_are_made_than_are_counted(
    const: str | bytes | tuple[int, ...] | None, parts: dict[Constant, Value] | None
) -> None:
    value = Value(const=const, parts=parts)
    items = constant_items(value)
    assert items is None or is_long(value, 8) == (len(items) > 8)
