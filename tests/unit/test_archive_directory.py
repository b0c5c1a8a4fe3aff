"""Source trees: all of them is read, except what no build can reach."""

from __future__ import annotations

import os
import venv
from dataclasses import replace
from pathlib import Path

import pytest

from safe_pip.archive import DEFAULT_LIMITS, open_distribution
from safe_pip.artifact import Artifact, OriginKind
from safe_pip.distribution import DistributionKind
from safe_pip.errors import UnscannableError
from tests.builders import (
    make_sdist,
    make_zip,
    setuptools_pyproject,
    write_sdist,
    write_tree,
    write_wheel,
)
from tests.reading import opened_tree

PYPROJECT = setuptools_pyproject("demo", "1.0")
SITE_PACKAGES = "venv/lib/python3.11/site-packages"
VENV = {"venv/pyvenv.cfg": "", "venv/bin/python": "", f"{SITE_PACKAGES}/a.py": ""}


def paths(folder: Path, *, origin: OriginKind = OriginKind.VCS) -> set[str]:
    return {file.path for file in opened_tree(folder, origin=origin).files}


def refusal_of(path: Path, *, sha256: str | None = None) -> str:
    artifact = Artifact(path=path, origin=OriginKind.VCS, sha256=sha256)
    with pytest.raises(UnscannableError) as caught, open_distribution(artifact):
        pass
    return caught.value.reason


def test_tree_is_read_with_its_metadata(tmp_path: Path) -> None:
    write_tree(tmp_path, {"pyproject.toml": PYPROJECT, "demo/__init__.py": "x = 1"})
    tree = opened_tree(tmp_path)
    assert tree.kind is DistributionKind.DIRECTORY
    assert (tree.project, tree.version) == ("demo", "1.0")
    assert tree.by_path["demo/__init__.py"].read() == b"x = 1"


def test_digest_of_a_tree_changes_with_content_and_with_names_alone(tmp_path: Path) -> None:
    digests = set()
    for number, files in enumerate(({"a": "x"}, {"a": "y"}, {"b": "x"})):
        digests.add(opened_tree(write_tree(tmp_path / str(number), files)).sha256)
    assert len(digests) == 3
    assert opened_tree(write_tree(tmp_path / "again", {"a": "x"})).sha256 in digests


def test_version_control_is_left_out(tmp_path: Path) -> None:
    write_tree(
        tmp_path, {".git/hooks/post-checkout": "", "sub/.hg/a": "", "sub/.svn/b": "", "a.py": ""}
    )
    assert paths(tmp_path) == {"a.py"}


def test_virtual_environment_is_left_out_of_a_working_tree_alone(tmp_path: Path) -> None:
    write_tree(tmp_path, {**VENV, "a.py": ""})
    assert paths(tmp_path, origin=OriginKind.EDITABLE) == {"a.py"}
    assert paths(tmp_path, origin=OriginKind.VCS) == {"a.py", *VENV}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pyproject.toml", '[build-system]\nbackend-path = ["venv/lib"]\n'),
        ("pyproject.toml", '[build-system]\nbackend-path = ["v\\u0065nv"]\n'),
        ("pyproject.toml", "[tool.setuptools.cmdclass]\nsdist = 'venv.a.B'\n"),
        (
            "pyproject.toml",
            "[build-system]\nrequires = ['poetry-core']\n[tool.poetry]\nbuild = 'venv/b'\n",
        ),
        ("pyproject.toml", "[newer toml\n"),
        ("hatch.toml", "[build.hooks.custom]\npath = 'venv/bin/hook.py'\n"),
        ("pyproject.toml", "[tool.setuptools.package-dir]\nskip = 'venv/lib'\n"),
        ("setup.cfg", "[options]\npackage_dir =\n  = venv/lib\n"),
        ("setup.cfg", "no section\n"),
        ("setup.py", "import sys; sys.path.append('venv/lib')\n"),
    ],
)
def test_virtual_environment_that_the_build_names_is_read(
    tmp_path: Path, name: str, text: str
) -> None:
    write_tree(tmp_path, {**VENV, name: text})
    assert f"{SITE_PACKAGES}/a.py" in paths(tmp_path, origin=OriginKind.DIRECTORY)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pyproject.toml", "[tool.ruff]\nexclude = ['venv']\n[tool.pyright]\nvenv = 'venv'\n"),
        ("pyproject.toml", "[tool.mypy]\nexclude = 'venv'\n[project]\ndescription = 'my venv'\n"),
        (
            "pyproject.toml",
            "[build-system]\nrequires = ['hatchling']\n[tool.hatch.envs.default]\npath = 'venv'\n"
            "[tool.hatch.build.targets.sdist]\nexclude = ['venv']\n",
        ),
        ("setup.cfg", "[flake8]\nexclude = venv\n[tool:pytest]\nnorecursedirs = venv\n"),
        ("MANIFEST.in", "prune venv\n"),
    ],
)
def test_virtual_environment_that_is_named_to_be_left_out(
    tmp_path: Path, name: str, text: str
) -> None:
    write_tree(tmp_path, {**VENV, name: text})
    assert paths(tmp_path, origin=OriginKind.DIRECTORY) == {name}


def test_virtual_environment_as_it_is_made(tmp_path: Path) -> None:
    """Nothing of it is read, told or counted."""
    venv.create(tmp_path / ".venv", symlinks=True)
    (tmp_path / ".venv/lib64").unlink(missing_ok=True)
    (tmp_path / ".venv/lib64").symlink_to("lib")
    (tmp_path / ".venv/lib/python3.6").mkdir()
    (tmp_path / ".venv/lib/python3.6/os.py").symlink_to(os.__file__)
    write_tree(tmp_path, {"a.py": ""})
    tree = opened_tree(tmp_path, origin=OriginKind.DIRECTORY)
    assert set(tree.by_path) == {"a.py"}
    assert tree.anomalies == ()


@pytest.mark.parametrize(
    "place", ["a.py", "lib/a.py", "bin/a.py", "Scripts/a.pyc", "include/a.so", "site-packages/a.py"]
)
def test_module_in_what_poses_as_a_virtual_environment(tmp_path: Path, place: str) -> None:
    """An import of the project's own reaches it: ``from venv.bin import a``."""
    write_tree(tmp_path, {**VENV, f"venv/{place}": "", "venv/share/data.txt": ""})
    assert paths(tmp_path, origin=OriginKind.DIRECTORY) == {f"venv/{place}"}


@pytest.mark.parametrize("folder", ["venv", ".hg"])
def test_pipe_where_archives_are_looked_for_is_never_opened(tmp_path: Path, folder: str) -> None:
    write_tree(tmp_path, {**VENV, f"{folder}/x/a.py": ""})
    os.mkfifo(tmp_path / folder / "pipe")
    assert paths(tmp_path, origin=OriginKind.DIRECTORY) == {f"{folder}/x/a.py"}


def test_archive_in_what_poses_as_a_virtual_environment(tmp_path: Path) -> None:
    write_tree(tmp_path, {**VENV, "venv/a.dat": make_zip([("a.py", "")]), "venv/b.dat": ""})
    assert paths(tmp_path, origin=OriginKind.DIRECTORY) == {"venv/a.dat"}


@pytest.mark.parametrize("link", ["setup.py", "venv/helpers", "venv/a.py"])
@pytest.mark.parametrize("target", [SITE_PACKAGES, "venv/lib/python3.11", f"{SITE_PACKAGES}/a.py"])
def test_link_to_what_is_left_out_of_a_virtual_environment(
    tmp_path: Path, link: str, target: str
) -> None:
    write_tree(tmp_path, VENV)
    (tmp_path / link).symlink_to(tmp_path / target)
    refused_as_a_link(tmp_path)


@pytest.mark.parametrize("target", ["venv/bin/python", "venv/share/x"])
def test_link_to_a_text_in_a_virtual_environment(tmp_path: Path, target: str) -> None:
    write_tree(tmp_path, {**VENV, "venv/share/x": "import os"})
    (tmp_path / "setup.py").symlink_to(target)
    refused_as_a_link(tmp_path)


def test_link_in_a_virtual_environment_to_a_text(tmp_path: Path) -> None:
    """It is the module that Python takes it for."""
    write_tree(tmp_path, {**VENV, "notes.txt": "x = 1"})
    for name in ("a.py", "lib/python3.11/a.py"):
        (tmp_path / "venv" / name).symlink_to(tmp_path / "notes.txt")
    names = {"notes.txt", "venv/a.py", "venv/lib/python3.11/a.py"}
    assert paths(tmp_path, origin=OriginKind.DIRECTORY) == names


def refused_as_a_link(tmp_path: Path) -> None:
    artifact = Artifact(path=tmp_path, origin=OriginKind.DIRECTORY)
    with pytest.raises(UnscannableError) as caught, open_distribution(artifact):
        pass
    assert caught.value.reason == "link-outside-root"


def test_package_that_poses_as_a_virtual_environment_is_read(tmp_path: Path) -> None:
    write_tree(tmp_path, {**VENV, "venv/__init__.py": ""})
    assert f"{SITE_PACKAGES}/a.py" in paths(tmp_path, origin=OriginKind.DIRECTORY)
    write_tree(tmp_path, {"pkg/pyvenv.cfg": "", "pkg/a.py": ""})
    assert "pkg/a.py" in paths(tmp_path, origin=OriginKind.DIRECTORY)


def test_cache_that_python_checks_is_left_out_of_a_working_tree_alone(tmp_path: Path) -> None:
    checked = bytes(4) + (0).to_bytes(4, "little") + bytes(8)
    write_tree(tmp_path, {"__pycache__/a.cpython-311.pyc": checked, "a.py": ""})
    assert paths(tmp_path, origin=OriginKind.DIRECTORY) == {"a.py"}
    assert len(paths(tmp_path, origin=OriginKind.VCS)) == 2


def test_cache_that_python_runs_unchecked_is_read(tmp_path: Path) -> None:
    unchecked = bytes(4) + (1).to_bytes(4, "little") + bytes(8)
    write_tree(tmp_path, {"__pycache__/a.cpython-311.pyc": unchecked})
    assert len(paths(tmp_path, origin=OriginKind.DIRECTORY)) == 1


def test_source_in_a_cache_folder_is_read(tmp_path: Path) -> None:
    write_tree(tmp_path, {"__pycache__/hook.py": ""})
    assert paths(tmp_path, origin=OriginKind.DIRECTORY) == {"__pycache__/hook.py"}


def test_link_within_the_tree_is_read_as_what_it_stands_for(tmp_path: Path) -> None:
    write_tree(tmp_path, {"data.txt": "evil", "lib/a.py": "x"})
    (tmp_path / "setup.py").symlink_to("data.txt")
    (tmp_path / "backend").symlink_to(tmp_path / "lib")
    tree = opened_tree(tmp_path)
    assert tree.by_path["setup.py"].read() == b"evil"
    assert tree.by_path["backend/a.py"].read() == b"x"
    assert {a.kind for a in tree.anomalies} == {"link-member"}


def test_link_to_a_text_outside_is_an_anomaly_without_content(tmp_path: Path) -> None:
    write_tree(tmp_path, {"README.md": "secret", "sub/a.py": ""})
    (tmp_path / "sub/README.md").symlink_to("../README.md")
    tree = opened_tree(tmp_path / "sub")
    assert set(tree.by_path) == {"a.py"}
    assert [a.kind for a in tree.anomalies] == ["link-outside-root"]


@pytest.mark.parametrize(("link", "target"), [("setup.py", "evil.txt"), ("x", "evil.py")])
def test_link_to_code_outside_is_refused(tmp_path: Path, link: str, target: str) -> None:
    write_tree(tmp_path, {target: "evil", "sub/a.py": ""})
    (tmp_path / "sub" / link).symlink_to(f"../{target}")
    assert refusal_of(tmp_path / "sub") == "link-outside-root"


def test_link_to_a_folder_outside_is_refused_if_it_holds_code(tmp_path: Path) -> None:
    write_tree(tmp_path, {"data/table.csv": "", "sub/a.py": ""})
    (tmp_path / "sub/data").symlink_to("../data")
    assert {a.kind for a in opened_tree(tmp_path / "sub").anomalies} == {"link-outside-root"}
    write_tree(tmp_path, {"data/deep/evil.py": ""})
    assert refusal_of(tmp_path / "sub") == "link-outside-root"


def test_link_to_code_in_a_folder_that_is_left_out_is_refused(tmp_path: Path) -> None:
    write_tree(tmp_path, {".git/description": "import os", "a.py": ""})
    (tmp_path / "setup.py").symlink_to(".git/description")
    assert refusal_of(tmp_path) == "link-outside-root"


def test_link_beside_a_folder_that_differs_in_case(tmp_path: Path) -> None:
    """Where they are two, nothing is written through it."""
    write_tree(tmp_path, {"docs/a.py": "", "x.py": ""})
    if not (tmp_path / "Docs").exists():
        (tmp_path / "Docs").symlink_to("docs")
        assert paths(tmp_path) == {"docs/a.py", "Docs/a.py", "x.py"}


def test_broken_and_circular_links_are_anomalies(tmp_path: Path) -> None:
    write_tree(tmp_path, {"a.py": ""})
    (tmp_path / "gone").symlink_to("nowhere")
    (tmp_path / "self").symlink_to(".")
    assert paths(tmp_path) == {"a.py"}


def test_pipe_is_an_anomaly_and_never_opened(tmp_path: Path) -> None:
    write_tree(tmp_path, {"a.py": ""})
    os.mkfifo(tmp_path / "pipe")
    tree = opened_tree(tmp_path)
    assert set(tree.by_path) == {"a.py"}
    assert [a.kind for a in tree.anomalies] == ["device-member"]


def test_sparse_file_over_the_limit_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "big.bin").open("wb") as file:
        file.truncate(5 * 1024**3)
    assert refusal_of(tmp_path) == "member-too-large"


def test_too_many_files_are_refused(tmp_path: Path) -> None:
    write_tree(tmp_path, {f"{number}.py": "" for number in range(11)})
    artifact = Artifact(path=tmp_path, origin=OriginKind.VCS)
    limits = replace(DEFAULT_LIMITS, max_members=10)
    with pytest.raises(UnscannableError), open_distribution(artifact, limits):
        pass


def test_archive_on_disk_is_read_like_one_in_memory(tmp_path: Path) -> None:
    for path in (write_wheel(tmp_path), write_sdist(tmp_path), write_sdist(tmp_path, format="zip")):
        artifact = Artifact(path=path, origin=OriginKind.FILE)
        with open_distribution(artifact) as distribution:
            assert "demo/__init__.py" in distribution.by_path
            assert all(len(file.read()) == file.size for file in distribution.files)


def test_other_digest_than_the_artifact_states_is_refused(tmp_path: Path) -> None:
    path = write_wheel(tmp_path)
    assert refusal_of(path, sha256="0" * 64) == "digest-mismatch"


def test_path_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert refusal_of(tmp_path / "nothing.whl") == "unreadable"


def test_nothing_is_written_beside_an_archive(tmp_path: Path) -> None:
    path = tmp_path / "demo-1.0.zip"
    path.write_bytes(make_sdist(files={"../../evil.py": "", "a.py": ""}, format="zip"))
    with open_distribution(Artifact(path=path, origin=OriginKind.FILE)) as distribution:
        for file in distribution.files:
            file.read()
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
