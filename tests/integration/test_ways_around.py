"""Options that lead pip along other paths: none of them leads around the gate."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.version import Version

from safe_pip.errors import EXIT_BLOCKED
from tests.builders import write_sdist, write_tree, write_wheel
from tests.integration.canaries import (
    PTH,
    project_built_by,
    write_canary_sdist,
    write_pth_wheel,
    write_setup_py_sdist,
    write_tool_wheel,
)
from tests.integration.conftest import Workshop
from tests.integration.repositories import commit
from tests.integration.reviewers import RecordingReviewer

OPTIONS = [
    ["--use-deprecated=legacy-resolver"],
    ["--use-feature=fast-deps"],
    ["--no-deps"],
    ["--ignore-installed"],
    ["--no-build-isolation"],
    ["--prefix", "elsewhere"],
    ["--root", "elsewhere"],
    ["--targ", "elsewhere"],
    ["--config-settings", "a=b"],
    ["--no-clean"],
    ["--report", "-"],
]
VARIABLES = {
    "PIP_TARGET": "elsewhere",
    "PIP_PYTHON": sys.executable,
    "PIP_USE_DEPRECATED": "legacy-resolver",
    "PIP_NO_BUILD_ISOLATION": "0",
    "_PIP_RUNNING_IN_SUBPROCESS": "1",
    "PYTHONINSPECT": "1",
    "PYTHONOPTIMIZE": "2",
    "PYTHONPYCACHEPREFIX": "elsewhere",
    "PYTHONSAFEPATH": "1",
    "PYTHONWARNINGS": "error",
}
REQUIREMENTS = (
    "--index-url {index}\nalpha",
    "--no-index\n--find-links {folder}\nalpha",
    "--no-binary :none:\nalpha",
    "-c constraints.txt\nalpha",
    "file://localhost{folder}/{name}",
    "file://{folder}/%61{name_after_a}#egg=alpha",
    "alpha @ file://{folder}/{name}#subdirectory=",
)


def _needs(workshop: Workshop, version: str) -> None:
    if Version(workshop.target.pip_version) < Version(version):
        pytest.skip(f"needs pip {version}")


@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: options[0])
@pytest.mark.parametrize("kind", ["wheel", "sdist"])
def test_denied_with_option(workshop: Workshop, options: list[str], kind: str) -> None:
    if kind == "wheel":
        if "legacy-resolver" in options[0]:
            # Before, that resolver never fetched a wheel whose metadata the index has (PEP 658),
            # and pip ended with an assertion of its own.
            _needs(workshop, "23.2")
        write_pth_wheel(workshop.archives, "alpha")
    else:
        write_canary_sdist(workshop.archives, "alpha")
    reviewer = RecordingReviewer("alpha")
    assert workshop.guarded(reviewer, "install", *options, "alpha") == EXIT_BLOCKED
    assert workshop.marks == []
    assert workshop.installed() == []
    assert list(workshop.work.rglob("*.py*")) == []


@pytest.mark.parametrize("name", VARIABLES)
def test_denied_with_variable(workshop: Workshop, name: str) -> None:
    if name == "PIP_USE_DEPRECATED":
        _needs(workshop, "23.2")
    write_pth_wheel(workshop.archives, "tool")
    write_sdist(workshop.archives, "alpha", files=project_built_by("alpha", "tool"))
    environ = {"PIP_TARGET": "elsewhere", name: VARIABLES[name]}
    reviewer = RecordingReviewer("alpha")
    assert workshop.guarded(reviewer, "install", "alpha", "tool", **environ) != 0
    assert workshop.marks == []
    assert workshop.installed() == []
    assert list(workshop.work.rglob("*.pth")) == []


@pytest.mark.parametrize("line", REQUIREMENTS)
@pytest.mark.parametrize("kind", ["wheel", "sdist"])
def test_denied_with_requirement(workshop: Workshop, line: str, kind: str) -> None:
    write = write_pth_wheel if kind == "wheel" else write_canary_sdist
    path = write(workshop.archives, "alpha")
    (workshop.work / "constraints.txt").write_text(f"alpha @ file://{path}\n", encoding="utf-8")
    text = line.format(
        index=workshop.index.url, folder=path.parent, name=path.name, name_after_a=path.name[1:]
    )
    (workshop.work / "requirements.txt").write_text(text, encoding="utf-8")
    arguments = ["install", "-r", "requirements.txt"]
    assert workshop.guarded(RecordingReviewer("alpha"), *arguments) == EXIT_BLOCKED
    assert workshop.marks == []
    assert workshop.installed() == []


@pytest.mark.parametrize("feature", ["inprocess-build-deps", "venv-isolation"])
def test_denied_build_requirement_with_feature(workshop: Workshop, feature: str) -> None:
    _needs(workshop, "26.2")
    write_tool_wheel(workshop.archives, "tool")
    write_sdist(workshop.archives, "alpha", files=project_built_by("alpha", "tool"))
    option = f"--use-feature={feature}"
    assert workshop.guarded(RecordingReviewer("tool"), "install", option, "alpha") == EXIT_BLOCKED
    assert workshop.marks == []
    reviewer = RecordingReviewer()
    assert workshop.guarded(reviewer, "install", option, "alpha") == 0
    assert reviewer.arrival("tool-1.0-py3-none-any.whl").context.is_build_requirement


def test_denied_with_hashes(workshop: Workshop) -> None:
    path = write_canary_sdist(workshop.archives, "alpha")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    requirements = workshop.work / "requirements.txt"
    requirements.write_text(f"alpha==1.0 --hash=sha256:{digest}\n", encoding="utf-8")
    arguments = ["install", "--require-hashes", "-r", str(requirements)]
    reviewer = RecordingReviewer("alpha")
    assert workshop.guarded(reviewer, *arguments) == EXIT_BLOCKED
    assert workshop.marks == []
    assert reviewer.arrivals[0].context.required_by == (), "a requirements file is the user's"
    assert workshop.guarded(RecordingReviewer(), *arguments) == 0


def test_denied_from_a_lock_file(workshop: Workshop) -> None:
    _needs(workshop, "26.1")
    write_pth_wheel(workshop.archives, "alpha")
    assert workshop.guarded(RecordingReviewer(), "lock", "alpha") == 0
    reviewer = RecordingReviewer("alpha")
    assert workshop.guarded(reviewer, "install", "-r", "pylock.toml") == EXIT_BLOCKED
    assert workshop.installed() == []


def test_editable_checkout_of_a_url(workshop: Workshop) -> None:
    folder = workshop.folder / "alpha"
    folder.mkdir()
    sdist = write_canary_sdist(workshop.folder, "alpha")
    subprocess.run(
        ["tar", "-xzf", sdist, "-C", folder, "--strip-components=1"], check=True, timeout=30
    )
    commit(workshop, folder)
    arguments = ["install", "-e", f"git+file://{folder}#egg=alpha"]
    assert workshop.guarded(RecordingReviewer("alpha"), *arguments) == EXIT_BLOCKED
    assert workshop.marks == []
    assert workshop.installed() == []


def test_plain_pip_s_output_is_unchanged(
    workshop: Workshop, capfd: pytest.CaptureFixture[str]
) -> None:
    write_wheel(workshop.archives, "alpha")
    write_canary_sdist(workshop.archives, "beta")
    arguments = ["install", "--no-cache-dir", "alpha", "beta"]
    assert workshop.plain(*arguments) == 0
    plain = capfd.readouterr()
    workshop.make_environment()
    assert workshop.guarded(RecordingReviewer(), *arguments) == 0
    guarded = capfd.readouterr()
    assert _steady(guarded.out) == _steady(plain.out)
    assert guarded.err == plain.err


def _steady(output: str) -> list[str]:
    """Without the name of the temporary folder of a build, which no two runs share."""
    lines = output.splitlines()
    return [line for line in lines if not line.strip().startswith("Stored in directory")]


def test_target_may_be_elsewhere_on_the_disk(workshop: Workshop) -> None:
    """A folder with blanks and letters of other alphabets in its name."""
    write_canary_sdist(workshop.archives, "alpha")
    place = workshop.folder / "ein Ordner für ŝerco"
    place.mkdir()
    copy = Path(place / "alpha-1.0.tar.gz")
    copy.write_bytes((workshop.archives / "alpha-1.0.tar.gz").read_bytes())
    reviewer = RecordingReviewer()
    assert workshop.guarded(reviewer, "install", "--target", place / "here", copy) == 0
    assert (place / "here" / "alpha").is_dir()
    assert reviewer.arrival("alpha-1.0.tar.gz").artifact.path == copy


@pytest.mark.parametrize("kind", ["sdist", "editable"])
@pytest.mark.parametrize("place", ["variable", "file"])
def test_settings_that_turn_pep_517_off(workshop: Workshop, place: str, kind: str) -> None:
    """Without it setuptools starts a pip of its own, which nobody guards."""
    if Version(workshop.target.pip_version) >= Version("25.3"):
        pytest.skip("this pip knows nothing else")
    settings = workshop.folder / "pip.conf"
    settings.write_text("[global]\nno-use-pep517 = true\n", encoding="utf-8")
    by_place = {
        "variable": {"PIP_NO_USE_PEP517": "1"},
        "file": {"PIP_CONFIG_FILE": str(settings)},
    }
    write_setup_py_sdist(workshop.archives, "alpha")
    folder = write_tree(workshop.folder / "alpha", {"setup.py": PTH.format("alpha setup")})
    arguments = ["alpha"] if kind == "sdist" else ["-e", str(folder)]
    status = workshop.guarded(RecordingReviewer(), "install", *arguments, **by_place[place])
    assert status != 0
    assert workshop.marks == []
    assert workshop.installed() == []
