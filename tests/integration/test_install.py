"""The gate in front of real pip: what is allowed installs as plain pip does it, what is denied
leaves nothing and never ran."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from packaging.version import Version

from safe_pip.artifact import OriginKind, RequirementLine
from safe_pip.errors import EXIT_BLOCKED
from tests.builders import write_sdist, write_wheel
from tests.integration.canaries import (
    project_built_by,
    write_canary_sdist,
    write_project,
    write_pth_wheel,
    write_setup_py_sdist,
    write_tool_wheel,
)
from tests.integration.conftest import Workshop, tree
from tests.integration.repositories import commit
from tests.integration.reviewers import RecordingReviewer


def _git_repository(workshop: Workshop, name: str) -> Path:
    folder = write_project(workshop.folder, name)
    commit(workshop, folder)
    return folder


def _wheels(workshop: Workshop) -> list[str]:
    write_wheel(workshop.archives, "alpha", headers={"Requires-Dist": "beta"})
    write_wheel(workshop.archives, "beta", entry_points="[console_scripts]\nbeta = beta:main\n")
    write_pth_wheel(workshop.archives, "gamma")
    return ["alpha", "gamma"]


def _in_tree_sdist(workshop: Workshop) -> list[str]:
    write_canary_sdist(workshop.archives, "alpha")
    return ["alpha"]


def _build_requirement(workshop: Workshop) -> list[str]:
    write_tool_wheel(workshop.archives, "tool")
    write_sdist(workshop.archives, "alpha", files=project_built_by("alpha", "tool"))
    return ["alpha"]


def _direct_url(workshop: Workshop) -> list[str]:
    write_wheel(workshop.archives, "alpha")
    write_canary_sdist(workshop.archives, "beta")
    files = workshop.index.url.replace("/simple/", "/files/")
    return [f"{files}alpha-1.0-py3-none-any.whl", f"{files}beta-1.0.tar.gz"]


def _paths(workshop: Workshop) -> list[str]:
    return [
        str(write_wheel(workshop.folder, "alpha")),
        str(write_canary_sdist(workshop.folder, "beta")),
    ]


def _directory(workshop: Workshop) -> list[str]:
    return [str(write_project(workshop.folder, "alpha"))]


def _editable(workshop: Workshop) -> list[str]:
    return ["-e", str(write_project(workshop.folder, "alpha"))]


def _vcs(workshop: Workshop) -> list[str]:
    return [f"git+file://{_git_repository(workshop, 'alpha')}"]


def _find_links(workshop: Workshop) -> list[str]:
    folder = workshop.folder / "links"
    folder.mkdir()
    write_pth_wheel(folder, "alpha")
    write_canary_sdist(folder, "beta")
    return ["--no-index", "--find-links", str(folder), "alpha", "beta"]


def _no_binary(workshop: Workshop) -> list[str]:
    write_wheel(workshop.archives, "alpha")
    write_canary_sdist(workshop.archives, "alpha")
    return ["--no-binary", "alpha", "alpha"]


SOURCES: list[Callable[[Workshop], list[str]]] = [
    _wheels,
    _in_tree_sdist,
    _build_requirement,
    _direct_url,
    _paths,
    _directory,
    _editable,
    _vcs,
    _find_links,
    _no_binary,
]


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.__name__.strip("_"))
def test_allowed_tree_equals_plain_pip(
    workshop: Workshop, source: Callable[[Workshop], list[str]]
) -> None:
    arguments = source(workshop)
    assert workshop.plain("install", "--no-cache-dir", *arguments) == 0
    expected = tree(workshop.environment)
    expected_marks = workshop.marks
    workshop.make_environment()
    workshop.forget_marks()
    reviewer = RecordingReviewer()
    assert workshop.guarded(reviewer, "install", "--no-cache-dir", *arguments) == 0
    assert tree(workshop.environment) == expected
    assert workshop.marks == expected_marks
    assert workshop.leftovers == []
    assert reviewer.arrivals


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.__name__.strip("_"))
def test_denied_leaves_nothing_and_never_ran(
    workshop: Workshop, source: Callable[[Workshop], list[str]]
) -> None:
    arguments = source(workshop)
    before = workshop.installed()
    reviewer = RecordingReviewer(denies=lambda _: True)
    assert workshop.guarded(reviewer, "install", *arguments) == EXIT_BLOCKED
    assert workshop.marks == []
    assert workshop.installed() == before
    assert workshop.leftovers == []


def test_denied_setup_py_never_runs(workshop: Workshop) -> None:
    write_setup_py_sdist(workshop.archives, "alpha")
    assert workshop.guarded(RecordingReviewer("alpha"), "install", "alpha") == EXIT_BLOCKED
    assert workshop.marks == []


def test_denied_tree_is_refused_although_its_archive_was_allowed(workshop: Workshop) -> None:
    write_canary_sdist(workshop.archives, "alpha")
    reviewer = RecordingReviewer(denies=lambda arrival: arrival.artifact.sha256 is None)
    assert workshop.guarded(reviewer, "install", "alpha") == EXIT_BLOCKED
    assert [arrival.parent_sha256 is None for arrival in reviewer.arrivals] == [True, False]
    assert workshop.marks == []


def test_one_denied_wheel_keeps_its_whole_set_out(workshop: Workshop) -> None:
    arguments = _wheels(workshop)
    before = workshop.installed()
    reviewer = RecordingReviewer("beta")
    assert workshop.guarded(reviewer, "install", *arguments) == EXIT_BLOCKED
    assert workshop.installed() == before
    assert [len(need) for need in reviewer.needs] == [3], "one need for the whole set"


def test_denied_build_requirement_keeps_the_build_from_running(workshop: Workshop) -> None:
    arguments = _build_requirement(workshop)
    reviewer = RecordingReviewer("tool")
    assert workshop.guarded(reviewer, "install", *arguments) == EXIT_BLOCKED
    assert workshop.marks == []
    context = reviewer.arrival("tool-1.0-py3-none-any.whl").context
    assert context.is_build_requirement
    assert context.required_by == ("alpha",)


def test_denied_dynamic_build_requirement_stops_the_build(workshop: Workshop) -> None:
    write_tool_wheel(workshop.archives, "tool")
    write_canary_sdist(workshop.archives, "alpha", dynamic=["tool"])
    reviewer = RecordingReviewer("tool")
    assert workshop.guarded(reviewer, "install", "alpha") == EXIT_BLOCKED
    assert workshop.marks == ["alpha backend", "alpha requires"]


def test_denied_requirement_of_a_build_requirement(workshop: Workshop) -> None:
    """Two pips deep: alpha is built by tool, an sdist, which is built by deep."""
    write_tool_wheel(workshop.archives, "deep")
    write_sdist(workshop.archives, "tool", files=project_built_by("tool", "deep"))
    write_sdist(workshop.archives, "alpha", files=project_built_by("alpha", "tool"))
    reviewer = RecordingReviewer("deep")
    assert workshop.guarded(reviewer, "install", "alpha") == EXIT_BLOCKED
    assert workshop.marks == []
    wheel = reviewer.arrival("deep-1.0-py3-none-any.whl")
    assert wheel.context.required_by == ("alpha", "tool")


def test_context_tells_where_an_artifact_came_from(workshop: Workshop) -> None:
    write_wheel(workshop.archives, "alpha", headers={"Requires-Dist": "beta"})
    write_wheel(workshop.archives, "beta")
    reviewer = RecordingReviewer()
    assert workshop.guarded(reviewer, "install", "alpha") == 0
    beta = reviewer.arrival("beta-1.0-py3-none-any.whl")
    assert beta.context.origin is OriginKind.INDEX
    assert beta.context.required_by == ("alpha",)
    assert beta.context.project == "beta"
    assert beta.context.index_url == f"{workshop.index.url}beta/"
    assert beta.artifact.url == workshop.index.url.replace("/simple/", "/files/") + (
        "beta-1.0-py3-none-any.whl"
    )
    assert reviewer.arrival("alpha-1.0-py3-none-any.whl").context.required_by == ()


def test_context_tells_the_line_of_a_requirement_file(workshop: Workshop) -> None:
    write_wheel(workshop.archives, "alpha", headers={"Requires-Dist": "beta"})
    for name in ("beta", "gamma", "delta"):
        write_wheel(workshop.archives, name)
    (workshop.work / "in").mkdir()
    (workshop.work / "in" / "a.txt").write_text("\nalpha\n-r b.txt\n")
    (workshop.work / "in" / "b.txt").write_text("gamma\n")
    reviewer = RecordingReviewer()
    assert workshop.guarded(reviewer, "install", "-r", "in/a.txt", "delta") == 0
    told = {arrival.context.project: arrival.context.requested_in for arrival in reviewer.arrivals}
    assert told == {
        "alpha": RequirementLine(file="in/a.txt", line=2),
        "beta": RequirementLine(file="in/a.txt", line=2),
        "gamma": RequirementLine(file="in/b.txt", line=1),
        "delta": None,
    }


@pytest.mark.parametrize(
    ("source", "origin"),
    [
        (_paths, OriginKind.FILE),
        (_direct_url, OriginKind.DIRECT_URL),
        (_directory, OriginKind.DIRECTORY),
        (_editable, OriginKind.EDITABLE),
        (_vcs, OriginKind.VCS),
    ],
)
def test_origin(
    workshop: Workshop, source: Callable[[Workshop], list[str]], origin: OriginKind
) -> None:
    reviewer = RecordingReviewer(denies=lambda _: True)
    workshop.guarded(reviewer, "install", *source(workshop))
    assert {arrival.context.origin for arrival in reviewer.arrivals} == {origin}


def test_wheel_download_begins_before_it_is_needed(workshop: Workshop) -> None:
    arguments = _wheels(workshop)
    workshop.index.has_metadata_files = False
    reviewer = RecordingReviewer()
    assert workshop.guarded(reviewer, "install", *arguments) == 0
    assert sorted(artifact.path.name.split("-")[0] for artifact in reviewer.begun) == [
        "alpha",
        "beta",
        "gamma",
    ]


def test_http_cache_filled_by_plain_pip_is_inspected(workshop: Workshop) -> None:
    write_pth_wheel(workshop.archives, "alpha")
    # pip keeps what comes over plain HTTP only for hosts it is told to trust.
    trusted = {"PIP_TRUSTED_HOST": urlsplit(workshop.index.url).netloc}
    assert workshop.plain("download", "alpha", **trusted) == 0
    workshop.index.requests.clear()
    reviewer = RecordingReviewer("alpha")
    assert workshop.guarded(reviewer, "install", "alpha", **trusted) == EXIT_BLOCKED
    assert not [path for path in workshop.index.requests if path.endswith(".whl")]
    assert workshop.marks == []


def test_wheel_cache_filled_by_plain_pip_is_inspected(workshop: Workshop) -> None:
    write_canary_sdist(workshop.archives, "alpha")
    assert workshop.plain("wheel", "alpha") == 0
    workshop.forget_marks()
    before = workshop.installed()
    reviewer = RecordingReviewer("alpha")
    assert workshop.guarded(reviewer, "install", "alpha") == EXIT_BLOCKED
    assert workshop.marks == []
    assert workshop.installed() == before
    arrival = reviewer.arrival("alpha-1.0-py3-none-any.whl")
    assert arrival.context.origin is OriginKind.WHEEL_CACHE
    if Version(workshop.target.pip_version) >= Version("23.1"):  # which remembers the origin
        assert arrival.artifact.url is not None
        assert arrival.artifact.url.endswith("alpha-1.0.tar.gz")


def test_refused_built_wheel_leaves_no_cache_entry(workshop: Workshop) -> None:
    write_canary_sdist(workshop.archives, "alpha")
    reviewer = RecordingReviewer(denies=lambda arrival: arrival.context.origin is OriginKind.BUILT)
    assert workshop.guarded(reviewer, "install", "alpha") == EXIT_BLOCKED
    cache = workshop.folder / "cache"
    assert not [path for path in cache.rglob("*") if path.suffix in (".whl", ".json")]
    (built,) = [a for a in reviewer.arrivals if a.context.origin is OriginKind.BUILT]
    archive = reviewer.arrival("alpha-1.0.tar.gz")
    assert built.parent_sha256 == archive.artifact.sha256


def test_subfolder_and_whole_checkout_are_both_inspected(workshop: Workshop) -> None:
    repository = _git_repository(workshop, "alpha")
    reviewer = RecordingReviewer()
    inner = repository / "sub"
    shutil.copytree(repository, inner, ignore=shutil.ignore_patterns(".git", "sub"))
    commit(workshop, repository)
    url = f"git+file://{repository}#subdirectory=sub"
    assert workshop.guarded(reviewer, "install", url) == 0
    whole, part = reviewer.needs[0]
    assert part.artifact.path == whole.artifact.path / "sub"


def test_options_of_pip_keep_their_meaning(workshop: Workshop) -> None:
    _wheels(workshop)
    place = workshop.folder / "elsewhere"
    assert workshop.guarded(RecordingReviewer(), "install", "--target", place, "alpha") == 0
    assert (place / "alpha").is_dir()
    assert (place / "beta").is_dir()


def test_denied_with_target_leaves_nothing(workshop: Workshop) -> None:
    _wheels(workshop)
    place = workshop.folder / "elsewhere"
    reviewer = RecordingReviewer("beta")
    assert workshop.guarded(reviewer, "install", "--target", place, "alpha") == EXIT_BLOCKED
    assert not place.exists()


@pytest.mark.parametrize("by_variable", [False, True])
def test_python_option_is_guarded_in_the_other_interpreter(
    workshop: Workshop, by_variable: bool
) -> None:
    arguments = _in_tree_sdist(workshop)
    other = workshop.folder / "other"
    subprocess.run([workshop.python, "-m", "venv", "--without-pip", other], check=True, timeout=60)
    environ = {"PIP_PYTHON": str(other)} if by_variable else {}
    options = [] if by_variable else ["--python", str(other)]
    reviewer = RecordingReviewer("alpha")
    status = workshop.guarded(reviewer, *options, "install", *arguments, **environ)
    assert status == EXIT_BLOCKED
    assert workshop.marks == []
    assert workshop.guarded(RecordingReviewer(), *options, "install", *arguments, **environ) == 0
    (site,) = other.glob("lib/python*/site-packages")
    assert (site / "alpha").is_dir()
    assert "alpha" not in workshop.installed()


def test_exit_status_of_pip_passes_through(workshop: Workshop) -> None:
    assert workshop.guarded(RecordingReviewer(), "install", "nosuchproject") == 1
    assert workshop.guarded(RecordingReviewer(), "install", "--no-such-option") == 2


def test_dry_run_with_report_needs_no_ruling_about_wheels(workshop: Workshop) -> None:
    _wheels(workshop)
    report = workshop.folder / "report.json"
    reviewer = RecordingReviewer("alpha")
    arguments = ["install", "--dry-run", "--quiet", "--report", str(report), "alpha"]
    assert workshop.guarded(reviewer, *arguments) == 0
    assert report.is_file()
    assert workshop.installed() == []


def test_project_files_of_a_denied_directory_are_not_imported(workshop: Workshop) -> None:
    """The working directory is the attacker's: nothing in it is imported by us or by pip."""
    for name in ("pip", "safe_pip", "pip_child", "json", "sitecustomize", "socket"):
        text = f"import os\nopen(os.environ['CANARY_MARKS'], 'a').write('{name} module\\n')\n"
        (workshop.work / f"{name}.py").write_text(text, encoding="utf-8")
    write_wheel(workshop.archives, "alpha")
    assert workshop.guarded(RecordingReviewer(), "install", "alpha") == 0
    assert workshop.marks == []


def test_what_pip_will_fetch_is_announced_before_it_arrives(workshop: Workshop) -> None:
    names = _wheels(workshop)
    reviewer, heard = RecordingReviewer(), []

    def expect(filename: str, sha256: str) -> None:
        heard.append((filename, sha256, len(reviewer.begun)))
        raise OSError("whatever it comes to")

    workshop.expect = expect
    assert workshop.guarded(reviewer, "install", *names) == 0
    digests = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in workshop.archives.iterdir()
    }
    assert {filename: sha256 for filename, sha256, _ in heard} == digests
    assert heard[0][2] == 0
