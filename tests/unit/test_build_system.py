"""The back end of a source's own is found however pyproject.toml writes it."""

from __future__ import annotations

import pytest

from safe_pip.distribution import SourceFile
from safe_pip.evidence import Surface
from safe_pip.extractors.build_system import DEFAULT_BACKEND, InnerBackend, inner_backend
from safe_pip.extractors.surfaces import surfaces_of
from tests.sources import distribution_of

WAYS = {
    "plain": '[build-system]\nbuild-backend = "own"\nbackend-path = ["_build"]\n',
    "quoted": '[build-system]\n"build-backend" = "own"\n"backend-path" = ["_build"]\n',
    "inline": 'build-system = {build-backend = "own", backend-path = ["./_build"]}\n',
    "dotted": 'build-system.build-backend = "own"\nbuild-system.backend-path = ["_build/"]\n',
    "escaped": '["build-s\\u0079stem"]\n"build-\\u0062ackend" = "own"\n"\\u0062ackend-path" = '
    '["_build"]\n',
    "with an object": '[build-system]\nbuild-backend = "own:hooks"\nbackend-path = ["_build"]\n',
    "in many lines": '[build-system]\nbuild-backend = """own"""\nbackend-path = [\n  # ]\n  "_build",\n]\n',
}


def pyproject(text: str) -> SourceFile:
    content = text.encode()
    return SourceFile(path="pyproject.toml", size=len(content), load=lambda: content)


@pytest.mark.parametrize("way", WAYS)
def test_own_back_end_is_found_however_it_is_written(way: str) -> None:
    files = {"pyproject.toml": WAYS[way], "_build/own.py": "", "_build/other.py": ""}
    surfaces = surfaces_of(distribution_of(files))
    assert surfaces["_build/own.py"] is Surface.BUILD_BACKEND
    assert surfaces["_build/other.py"] is not Surface.BUILD_BACKEND


def test_without_a_name_it_is_the_default_from_the_source() -> None:
    """pip loads setuptools from there then, and so whatever lies there under that name."""
    text = '[build-system]\nrequires = []\nbackend-path = ["_build"]\n'
    assert inner_backend(pyproject(text)) == InnerBackend(
        name=DEFAULT_BACKEND, folders=("_build",), module=("setuptools", "build_meta")
    )
    files = {"pyproject.toml": text, "_build/setuptools/build_meta.py": ""}
    surfaces = surfaces_of(distribution_of(files))
    assert surfaces["_build/setuptools/build_meta.py"] is Surface.BUILD_BACKEND


@pytest.mark.parametrize(
    "text",
    [
        *("", "[build-system]\n", '[build-system]\nbuild-backend = "flit_core.buildapi"\n'),
        *("build-system = 1\nbackend-path = 2\n", "backend-path = [", "\\" * 1_000),
        "a = " + "[" * 100_000 + "'backend-path'",
    ],
)
def test_what_names_none_has_none(text: str) -> None:
    assert inner_backend(pyproject(text)) is None
