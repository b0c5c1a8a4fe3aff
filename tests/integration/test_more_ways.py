"""Less usual ways to ask pip for something: each waits at the gate too."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from packaging.version import Version

from safe_pip.errors import EXIT_BLOCKED
from safe_pip.gates.reviewer import Arrival
from tests.builders import write_sdist, write_wheel
from tests.integration.canaries import (
    PTH,
    project_built_by,
    project_files,
    write_canary_sdist,
    write_project,
    write_pth_wheel,
    write_setup_py_sdist,
    write_tool_wheel,
)
from tests.integration.conftest import Workshop
from tests.integration.repositories import commit, git
from tests.integration.reviewers import RecordingReviewer


def _needs(workshop: Workshop, version: str) -> None:
    if Version(workshop.target.pip_version) < Version(version):
        pytest.skip(f"needs pip {version}")


def test_submodule_is_part_of_what_is_inspected(workshop: Workshop) -> None:
    """The back end lies in a repository that the named one only points to."""
    inner = workshop.folder / "inner"
    inner.mkdir()
    (inner / "backend.py").write_text(str(project_files("alpha")["backend.py"]))
    commit(workshop, inner)
    outer = write_project(workshop.folder, "alpha")
    (outer / "backend.py").unlink()
    pyproject = outer / "pyproject.toml"
    pyproject.write_text(pyproject.read_text().replace('["."]', '["inner"]'))
    commit(workshop, outer)
    git(workshop, outer, "submodule", "add", f"file://{inner}", "inner")
    git(workshop, outer, "commit", "-qm", "submodule")
    seen: list[bool] = []

    def look(arrivals: Sequence[Arrival]) -> None:
        seen.extend((arrival.artifact.path / "inner/backend.py").exists() for arrival in arrivals)

    allowing = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "protocol.file.allow",
        "GIT_CONFIG_VALUE_0": "always",
    }
    reviewer = RecordingReviewer(denies=lambda _: True, on_rule=look)
    status = workshop.guarded(reviewer, "install", f"git+file://{outer}", **allowing)
    assert status == EXIT_BLOCKED
    assert seen == [True]
    assert workshop.marks == []


@pytest.mark.parametrize("name", ["alpha", "alpha.bin", "alpha-1.0.zip"])
def test_archive_at_a_url_without_a_telling_name(workshop: Workshop, name: str) -> None:
    path = write_sdist(workshop.folder, "alpha", format="zip", files=project_files("alpha"))
    path.rename(workshop.archives / name)
    url = workshop.index.url.replace("/simple/", f"/files/{name}")
    reviewer = RecordingReviewer(denies=lambda _: True)
    assert workshop.guarded(reviewer, "install", f"alpha @ {url}") != 0
    assert workshop.marks == []
    assert workshop.installed() == []


def test_dependency_group(workshop: Workshop) -> None:
    _needs(workshop, "25.1")
    write_pth_wheel(workshop.archives, "alpha")
    text = '[dependency-groups]\ndev = ["alpha"]\n'
    (workshop.work / "pyproject.toml").write_text(text, encoding="utf-8")
    assert workshop.guarded(RecordingReviewer("alpha"), "install", "--group", "dev") == EXIT_BLOCKED
    assert workshop.installed() == []
    assert workshop.guarded(RecordingReviewer(), "install", "--group", "dev") == 0
    assert "alpha" in workshop.installed()


def test_requirements_of_a_script(workshop: Workshop) -> None:
    _needs(workshop, "26.0")
    write_canary_sdist(workshop.archives, "alpha")
    script = workshop.work / "script.py"
    script.write_text('# /// script\n# dependencies = ["alpha"]\n# ///\n', encoding="utf-8")
    arguments = ["install", "--requirements-from-script", str(script)]
    assert workshop.guarded(RecordingReviewer("alpha"), *arguments) == EXIT_BLOCKED
    assert workshop.marks == []


def test_constraint_that_is_a_url(workshop: Workshop) -> None:
    """What is asked for by name comes from where a constraint says."""
    write_wheel(workshop.archives, "alpha")
    evil = write_pth_wheel(workshop.folder, "alpha")
    constraints = workshop.work / "constraints.txt"
    constraints.write_text(f"alpha @ file://{evil}\n", encoding="utf-8")
    reviewer = RecordingReviewer(denies=lambda arrival: arrival.artifact.path == evil)
    assert workshop.guarded(reviewer, "install", "-c", str(constraints), "alpha") == EXIT_BLOCKED
    assert workshop.installed() == []


def test_build_constraint_that_is_a_url(workshop: Workshop) -> None:
    _needs(workshop, "25.3")
    evil = write_tool_wheel(workshop.folder, "tool")
    write_sdist(workshop.archives, "alpha", files=project_built_by("alpha", "tool"))
    constraints = workshop.work / "constraints.txt"
    constraints.write_text(f"tool @ file://{evil}\n", encoding="utf-8")
    arguments = ["install", "--build-constraint", str(constraints), "alpha"]
    assert workshop.guarded(RecordingReviewer("tool"), *arguments) == EXIT_BLOCKED
    assert workshop.marks == []


def test_dependency_that_is_a_url(workshop: Workshop) -> None:
    evil = write_setup_py_sdist(workshop.folder, "beta")
    write_wheel(workshop.archives, "alpha", headers={"Requires-Dist": f"beta @ file://{evil}"})
    assert workshop.guarded(RecordingReviewer("beta"), "install", "alpha") == EXIT_BLOCKED
    assert workshop.marks == []
    assert workshop.installed() == []


def test_two_features_of_building_at_once(workshop: Workshop) -> None:
    _needs(workshop, "26.2")
    write_tool_wheel(workshop.archives, "tool")
    write_sdist(workshop.archives, "alpha", files=project_built_by("alpha", "tool"))
    features = ["--use-feature=inprocess-build-deps", "--use-feature=venv-isolation"]
    status = workshop.guarded(RecordingReviewer("tool"), "install", *features, "alpha")
    assert status == EXIT_BLOCKED
    assert workshop.marks == []


def test_setup_requires_of_an_old_setup_script(workshop: Workshop) -> None:
    """setuptools would start a pip of its own for them; PEP 517 makes them build requirements."""
    write_tool_wheel(workshop.archives, "tool")
    setup = f"{PTH.format('alpha setup')}\nfrom setuptools import setup\nsetup(name='alpha', version='1.0', setup_requires=['tool'])\n"
    write_sdist(workshop.archives, "alpha", files={"setup.py": setup})
    status = workshop.guarded(RecordingReviewer("tool"), "install", "alpha")
    assert status != 0
    assert [mark for mark in workshop.marks if "tool" in mark] == []
    assert workshop.installed() == []


def test_wheel_of_a_project_that_depends_on_itself(workshop: Workshop) -> None:
    write_wheel(workshop.archives, "alpha", headers={"Requires-Dist": "alpha"})
    assert workshop.guarded(RecordingReviewer("alpha"), "install", "alpha") == EXIT_BLOCKED
    assert workshop.installed() == []


@pytest.mark.parametrize("kind", ["directory", "editable", "archive", "vcs", "sdist", "wheel"])
def test_lock_file_that_somebody_else_wrote(workshop: Workshop, kind: str) -> None:
    """Every source that a lock file can name (PEP 751)."""
    _needs(workshop, "26.1")
    folder = write_project(workshop.folder, "alpha")
    commit(workshop, folder)
    head = subprocess.run(
        ["git", "-C", folder, "rev-parse", "HEAD"], check=True, capture_output=True, text=True
    ).stdout.strip()
    sdist = write_canary_sdist(workshop.work, "alpha")
    wheel = write_pth_wheel(workshop.work, "alpha")
    sources = {
        "directory": f'directory = {{path = "{folder}"}}',
        "editable": f'directory = {{path = "{folder}", editable = true}}',
        "archive": f"archive = {_locked(sdist)}",
        "vcs": f'vcs = {{type = "git", url = "file://{folder}", commit-id = "{head}"}}',
        "sdist": f'version = "1.0"\nsdist = {_locked(sdist)}',
        "wheel": f'version = "1.0"\nwheels = [{_locked(wheel)}]',
    }
    (workshop.work / "pylock.toml").write_text(
        'lock-version = "1.0"\ncreated-by = "somebody"\n'
        f'[[packages]]\nname = "alpha"\n{sources[kind]}\n',
        encoding="utf-8",
    )
    reviewer = RecordingReviewer(denies=lambda _: True)
    assert workshop.guarded(reviewer, "install", "-r", "pylock.toml") == EXIT_BLOCKED
    assert workshop.marks == []
    assert workshop.installed() == []
    assert workshop.guarded(RecordingReviewer(), "install", "-r", "pylock.toml") == 0


def _locked(path: Path) -> str:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return f'{{path = "{path.name}", hashes = {{sha256 = "{digest}"}}}}'
