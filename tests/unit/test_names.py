"""Likeness of names: what an eye or a finger mistakes is close, what is merely similar is not."""

from __future__ import annotations

import time

import pytest
from packaging.utils import canonicalize_name

from safe_pip.extractors.char_model import CharModel
from safe_pip.extractors.dated_list import load_list, parse_list
from safe_pip.extractors.names import shares_a_token
from safe_pip.extractors.popular import POPULAR_NAMES, PopularNames, popular_names


@pytest.fixture(scope="module")
def popular() -> PopularNames:
    return popular_names()


SQUATS = {
    "reqeusts": ("requests", "swapped"),
    "requestss": ("requests", "doubled"),
    "requets": ("requests", "missing"),
    "rwquests": ("requests", "neighbouring key"),
    "colourama": ("colorama", "added"),
    "cryptographyz": ("cryptography", "added"),
    "tensorf1ow": ("tensorflow", "looks the same"),
    "tensorfIow": ("tensorflow", "looks the same"),
    "nurnpy": ("numpy", "looks the same"),
    "pythondateutil": ("python-dateutil", "separators"),
    "dateutil-python": ("python-dateutil", "another order"),
    "cryptogrphyy": ("cryptography", "two letters"),
}


@pytest.mark.parametrize("name", SQUATS)
def test_a_squat_is_close_to_its_victim(popular: PopularNames, name: str) -> None:
    victim, manner = SQUATS[name]
    match = popular.nearest(canonicalize_name(name))
    assert match is not None
    assert match.popular == victim
    assert manner in match.manner
    assert 0.3 < match.closeness <= 1


@pytest.mark.parametrize(
    "name", ["requests", "urllib3", "my-great-library", "flask-something", "beautifulsoup", "zq"]
)
def test_an_honest_name_is_close_to_nothing(popular: PopularNames, name: str) -> None:
    assert popular.nearest(name) is None


def test_short_names_have_honest_neighbours(popular: PopularNames) -> None:
    short, long = popular.nearest("sixx"), popular.nearest("setuptoolss")
    assert short is not None
    assert long is not None
    assert short.closeness < 0.3 < long.closeness


def test_the_more_popular_victim_is_closer() -> None:
    names = PopularNames(["common-name", *(f"filler{i}" for i in range(2000)), "obscure-name"])
    common, obscure = names.nearest("common-nam"), names.nearest("obscure-nam")
    assert common is not None
    assert obscure is not None
    assert common.closeness > obscure.closeness
    assert (common.rank, obscure.rank) == (1, 2002)


def test_one_edit_leaves_out_what_two_reach(popular: PopularNames) -> None:
    assert popular.nearest("cryptogrphyy", max_edits=1) is None


@pytest.mark.parametrize(
    ("name", "core"),
    [
        ("py-requests", "requests"),
        ("requests-sdk", "requests"),
        ("requests2", "requests"),
        ("pythonrequests", "requests"),
        ("numpy-dev", "numpy"),
    ],
)
def test_an_affix_is_taken_off(popular: PopularNames, name: str, core: str) -> None:
    match = popular.extended(name)
    assert match is not None
    assert match.popular == core


@pytest.mark.parametrize("name", ["flask-something", "requests", "django-requests-shop", "sdk"])
def test_an_add_on_has_no_usual_affix(popular: PopularNames, name: str) -> None:
    assert popular.extended(name) is None


def test_random_letters_surprise(popular: PopularNames) -> None:
    assert popular.surprisal("xkqzvjwpfh") > popular.surprisal("simple-data-tools") + 2


def test_being_in_the_list_is_no_advantage() -> None:
    names = ["qzxv", *(f"data-tools-{letter}" for letter in "abcdefgh")]
    assert PopularNames(names).surprisal("qzxv") == pytest.approx(
        PopularNames(names[1:]).surprisal("qzxv"), rel=0.1
    )


def test_the_model_counts_texts_apart() -> None:
    together = CharModel(["ab", "cd", "ab"]).surprisals(["ab", "", "cd", "bc"])
    assert together[0] < together[2] < together[3]
    assert together == pytest.approx(
        [CharModel(["ab", "cd", "ab"]).surprisals([text])[0] for text in ("ab", "", "cd", "bc")]
    )


@pytest.mark.parametrize("name", ["a" * 10_000, "-" * 100, "0" * 64, "é\u0430\U0001f600", ""])
def test_hostile_names_are_survived(popular: PopularNames, name: str) -> None:
    popular.nearest(name)
    popular.extended(name)
    assert popular.surprisal(name) >= 0


def test_a_name_takes_milliseconds(popular: PopularNames) -> None:
    popular.nearest("warm-up")
    started = time.process_time()
    for index in range(100):
        popular.nearest(f"reqeusts-tool{index}")
    assert (time.process_time() - started) / 100 < 0.005


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("pyyaml", "yaml"),
        ("pillow", "PIL"),
        ("scikit-learn", "sklearn"),
        ("beautifulsoup4", "bs4"),
        ("python-dateutil", "dateutil"),
        ("my-pkg", "my_pkg"),
    ],
)
def test_a_module_that_belongs_to_the_name(name: str, module: str) -> None:
    assert shares_a_token(name, module)


@pytest.mark.parametrize(("name", "module"), [("pkg-fallback", "string_kit"), ("demo", "xyz")])
def test_a_module_of_another_name(name: str, module: str) -> None:
    assert not shares_a_token(name, module)


def test_the_shipped_list_states_its_date_and_source() -> None:
    shipped = load_list(POPULAR_NAMES)
    assert "as of 20" in shipped.origin
    assert "Source:" in shipped.origin
    assert len(shipped.entries) == 8_000
    assert all(canonicalize_name(entry) == entry for entry in shipped.entries)


def test_a_list_keeps_its_order_and_drops_comments() -> None:
    parsed = parse_list("# first, as of today\nb\n\n# more\na\n")
    assert parsed.origin == "first, as of today"
    assert parsed.entries == ("b", "a")
