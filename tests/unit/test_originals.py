"""The index of popular projects' code, and the fingerprints that it is made of."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from importlib import resources

import pytest

from model.originals import imitated
from safe_pip.extractors import fingerprints
from safe_pip.extractors.originals import (
    ORIGINALS,
    Originals,
    is_vendored,
    pack,
    shipped_originals,
    split_root,
    unpack,
)
from tests.originals import CLIENT, index_of, module, project_files

SENDS = "import os, urllib.request\nurllib.request.urlopen('https://collector.example/in')\n"


@pytest.fixture(scope="module")
def originals() -> Originals:
    return index_of({"glimmer": project_files()})


REWRITINGS: Mapping[str, Callable[[str], str]] = {
    "other white space": lambda text: text.replace("    ", "\t").replace(" = ", "="),
    "other line ends": lambda text: text.replace("\n", "\r\n"),
    "blank lines": lambda text: text.replace("\n", "\n\n"),
    "lines of comment": lambda text: text.replace("\n", "\n    # said in passing\n"),
    "no comments": lambda text: "\n".join(
        line for line in text.split("\n") if not line.strip().startswith("#")
    ),
    "the other quotes": lambda text: text.replace("'", '"'),
    "wrapped lines and a trailing comma": lambda text: text.replace(
        "second_quarry, *, scale", "second_quarry,\n    *,\n    scale"
    ).replace("']", "',\n]"),
}


@pytest.mark.parametrize("rewriting", REWRITINGS)
def test_formatting_changes_no_fingerprint(rewriting: str) -> None:
    text = module("quarry")
    rewritten = REWRITINGS[rewriting](text)
    assert rewritten != text
    before, after = (fingerprints.squeezed(each.encode()) for each in (text, rewritten))
    assert fingerprints.text_digest(before) == fingerprints.text_digest(after)
    assert fingerprints.gram_digests(before).tolist() == fingerprints.gram_digests(after).tolist()


def test_the_name_of_the_top_level_package_changes_no_digest() -> None:
    digests = {
        fingerprints.text_digest(
            fingerprints.without_names(
                fingerprints.squeezed(CLIENT.replace("glimmer", name).encode()), {name}
            )
        )
        for name in ("glimmer", "glimpse", "a_longer_name_of_it")
    }
    assert len(digests) == 1


def test_added_code_changes_the_digest() -> None:
    digests = {
        fingerprints.text_digest(fingerprints.squeezed((CLIENT + more).encode()))
        for more in ("", "import os\n", SENDS)
    }
    assert len(digests) == 3


def test_code_behind_a_hash_in_a_string_is_not_a_comment() -> None:
    assert fingerprints.squeezed(b"x = '#'; run()\n") == b'x="#";run()'


def test_a_part_of_a_text_has_part_of_its_grams() -> None:
    part, whole = (
        set(fingerprints.gram_digests(fingerprints.squeezed(text.encode())).tolist())
        for text in (module("quarry"), module("ledger") + module("quarry"))
    )
    assert part
    assert part < whole


def test_a_long_text_has_the_grams_of_its_pieces_and_of_the_seams() -> None:
    text = fingerprints.squeezed("".join(module(f"topic{n}") for n in range(200)).encode())
    assert len(text) > 1 << 18
    seam = text[(1 << 18) - 5_000 : (1 << 18) + 5_000]
    found = set(fingerprints.gram_digests(text).tolist())
    assert len(set(fingerprints.gram_digests(seam).tolist()) & found) > 300
    assert set(fingerprints.gram_digests(seam).tolist()) <= found


def test_a_line_of_many_hashes_takes_no_time() -> None:
    line = b"run() " + b" #" * 500_000 + b'"'
    started = time.process_time()
    assert fingerprints.line_digest(line, ()) is not None
    assert time.process_time() - started < 1


@pytest.mark.parametrize(
    ("line", "same"),
    [("    run(x)  # why", True), ("run( x )", True), ("run(x, '#')", False), ("run(y)", False)],
)
def test_a_line_is_known_without_indent_and_comment(line: str, same: bool) -> None:
    plain = fingerprints.line_digest(b"run(x)", ())
    assert (fingerprints.line_digest(line.encode(), ()) == plain) is same


@pytest.mark.parametrize(
    ("path", "is_so"),
    [
        ("pip/_vendor/requests/api.py", True),
        ("a/third_party/b.py", True),
        ("vendor.py", False),
        ("vendors/list.py", False),
        ("external_api/client.py", False),
    ],
)
def test_vendored_folders_are_known_by_name(path: str, is_so: bool) -> None:
    assert is_vendored(path) is is_so


@pytest.mark.parametrize(
    ("path", "root", "below"),
    [
        ("glimmer/a/b.py", "glimmer", "a/b.py"),
        ("src/glimmer/b.py", "glimmer", "b.py"),
        ("glimmer-1.0.data/purelib/glimmer/b.py", "glimmer", "b.py"),
        ("six.py", "six", ""),
    ],
)
def test_the_root_of_a_file(path: str, root: str, below: str) -> None:
    assert split_root(path) == (root, below)


def test_an_index_is_what_it_was_before_it_was_packed(originals: Originals) -> None:
    packed = pack(list(originals), origin="invented, 2026-01-01")
    unpacked = unpack(packed)
    assert unpacked.origin == "invented, 2026-01-01"
    assert list(unpacked) == list(originals)
    for before, after in zip(originals, unpacked, strict=True):
        for kind in ("grams", "acts", "texts", "paths"):
            assert getattr(before.digests, kind).tolist() == getattr(after.digests, kind).tolist()
    assert pack(list(unpacked), origin="invented, 2026-01-01") == packed


def test_an_index_without_date_and_source_does_not_ship(originals: Originals) -> None:
    with pytest.raises(ValueError, match="date and source"):
        pack(list(originals), origin="")


def test_the_shipped_index_is_small_dated_and_about_what_is_imitated() -> None:
    shipped = shipped_originals()
    size = len(resources.files("safe_pip.extractors").joinpath(ORIGINALS).read_bytes())
    assert size <= 700_000
    assert re.search(r"as of \d{4}-\d\d-\d\d$", shipped.origin)
    assert set(imitated()) <= {name for each in shipped for name in (each.name, *each.other_names)}
