"""Pickled data: what it calls when it is loaded. Nothing here is ever unpickled."""

from __future__ import annotations

import io
import os
import pickle
import zipfile

import pytest

from safe_pip.distribution import Distribution
from safe_pip.extractors import pickled_files
from tests.sources import distribution_of


class _Calls:
    def __init__(self, function: object) -> None:
        self._function = function

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (self._function, ("echo canary",))


def _observed(path: str, data: bytes) -> set[str]:
    distribution: Distribution = distribution_of({path: data})
    return {evidence.feature for evidence in pickled_files.observe(distribution)}


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("function", [os.system, exec])
def test_a_pickle_that_starts_something_is_seen(protocol: int, function: object) -> None:
    data = pickle.dumps({"weights": [1.5], "x": _Calls(function)}, protocol)
    assert _observed("demo/model.pkl", data) == {"pickle_calls"}


def test_a_pickle_in_a_model_file_is_seen() -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model/data.pkl", pickle.dumps(_Calls(os.system)))
    assert _observed("demo/model.pt", stream.getvalue()) == {"pickle_calls"}


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_ordinary_pickles_call_nothing_of_note(protocol: int) -> None:
    data = pickle.dumps({"a": [1, 2.5], "b": ValueError("system"), "c": {1, 2}}, protocol)
    assert _observed("demo/data.pickle", data) == set()


def test_a_broken_model_file_is_no_pickle() -> None:
    assert _observed("demo/model.pt", b"PK\x03\x04 data.pkl and no more") == set()
