"""The kinds of installation: ways to ask pip for something, each told as what to prepare.

A way fills the workshop (index, environment, caches) and gives pip's arguments. It is called anew
before each run, so that plain pip and ours find the same.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sysconfig
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from packaging.version import Version

from tests.builders import Content, write_sdist, write_tree, write_wheel
from tests.integration.canaries import (
    project_built_by,
    project_files,
    write_canary_sdist,
    write_project,
    write_pth_wheel,
    write_setup_py_sdist,
    write_setuptools,
    write_tool_wheel,
)
from tests.integration.conftest import Workshop
from tests.integration.repositories import commit

Prepare = Callable[[Workshop], list[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """``inner`` is the artifact whose denial must keep all the rest out, and ``may_run`` the
    owners of marks that are left nevertheless: what was allowed before it."""

    prepare: Prepare
    inner: str = "alpha"
    may_run: tuple[str, ...] = ()
    needs_pip: str = "22.3"
    environ: Mapping[str, str] = field(default_factory=dict)


def needs(workshop: Workshop, version: str) -> None:
    if Version(workshop.target.pip_version) < Version(version):
        pytest.skip(f"needs pip {version}")


def _setup_py(workshop: Workshop) -> list[str]:
    write_setuptools(workshop.archives)
    write_setup_py_sdist(workshop.archives, "alpha")
    return ["install", "alpha"]


def _in_tree(workshop: Workshop) -> list[str]:
    write_canary_sdist(workshop.archives, "alpha")
    return ["install", "alpha"]


def _wheels(workshop: Workshop) -> list[str]:
    write_wheel(workshop.archives, "alpha", headers={"Requires-Dist": "beta"})
    write_pth_wheel(workshop.archives, "beta")
    return ["install", "alpha"]


def _plain_index(workshop: Workshop) -> list[str]:
    workshop.index.has_metadata_files = False
    return _wheels(workshop)


def _json_index(workshop: Workshop) -> list[str]:
    workshop.index.is_json = True
    return _wheels(workshop)


def _metadata_of_sdists(workshop: Workshop) -> list[str]:
    workshop.index.has_sdist_metadata = True
    return _in_tree(workshop)


def _fast_deps(workshop: Workshop) -> list[str]:
    workshop.index.has_metadata_files = False
    workshop.index.has_ranges = True
    return [*_wheels(workshop), "--use-feature=fast-deps"]


def _built_by_wheel(workshop: Workshop) -> list[str]:
    write_tool_wheel(workshop.archives, "tool")
    write_sdist(workshop.archives, "alpha", files=project_built_by("alpha", "tool"))
    return ["install", "alpha"]


def _built_by_sdist(workshop: Workshop) -> list[str]:
    write_canary_sdist(workshop.archives, "tool")
    write_sdist(workshop.archives, "alpha", files=_needing_a_tool("alpha"))
    return ["install", "alpha"]


def _needing_a_tool(name: str) -> dict[str, Content]:
    """Its own back end imports the tool."""
    files = project_files(name, requires=["tool"])
    return {**files, "backend.py": f"import tool\n{files['backend.py']!s}"}


def _built_by_dynamic(workshop: Workshop) -> list[str]:
    write_tool_wheel(workshop.archives, "tool")
    write_canary_sdist(workshop.archives, "alpha", dynamic=["tool"])
    return ["install", "alpha"]


def _two_deep(workshop: Workshop) -> list[str]:
    write_tool_wheel(workshop.archives, "deep")
    write_sdist(workshop.archives, "tool", files=project_built_by("tool", "deep"))
    write_sdist(workshop.archives, "alpha", files=_needing_a_tool("alpha"))
    return ["install", "alpha"]


def _folder(workshop: Workshop) -> list[str]:
    return ["install", str(write_project(workshop.folder / "sources", "alpha"))]


def _folder_built_by_wheel(workshop: Workshop) -> list[str]:
    write_tool_wheel(workshop.archives, "tool")
    folder = workshop.folder / "sources" / "alpha"
    return ["install", str(write_tree(folder, project_built_by("alpha", "tool")))]


def _editable(workshop: Workshop) -> list[str]:
    return ["install", "-e", str(write_project(workshop.folder / "sources", "alpha"))]


def _repository(workshop: Workshop) -> Path:
    folder = workshop.folder / "sources" / "alpha"
    if not folder.exists():  # a second commit would have another name
        write_project(folder.parent, "alpha")
        commit(workshop, folder)
    return folder


def _git(workshop: Workshop) -> list[str]:
    return ["install", f"git+file://{_repository(workshop)}"]


def _git_editable(workshop: Workshop) -> list[str]:
    return ["install", "-e", f"git+file://{_repository(workshop)}#egg=alpha"]


def _require_hashes(workshop: Workshop) -> list[str]:
    digest = hashlib.sha256(write_canary_sdist(workshop.archives, "alpha").read_bytes())
    requirements = workshop.folder / "requirements.txt"
    requirements.write_text(f"alpha==1.0 --hash=sha256:{digest.hexdigest()}\n", encoding="utf-8")
    return ["install", "--require-hashes", "-r", str(requirements)]


def _lock_file(workshop: Workshop) -> list[str]:
    _wheels(workshop)
    place = workshop.folder / "pylock.toml"
    assert workshop.plain("lock", "-o", place, "alpha") == 0
    return ["install", "-r", str(place)]


def _without_isolation(workshop: Workshop) -> list[str]:
    write_canary_sdist(workshop.archives, "alpha")
    return ["install", "--no-build-isolation", "alpha"]


def _with(*options: str) -> Prepare:
    return lambda workshop: [*_built_by_wheel(workshop), *options]


def _http_cache(workshop: Workshop) -> list[str]:
    arguments = _wheels(workshop)
    assert (
        workshop.plain("download", "-d", workshop.folder / "kept", "alpha", **_trust(workshop)) == 0
    )
    shutil.rmtree(workshop.folder / "kept")
    return [*arguments, "--trusted-host", _trust(workshop)["PIP_TRUSTED_HOST"]]


def _trust(workshop: Workshop) -> dict[str, str]:
    """pip keeps what comes over plain HTTP only for hosts it is told to trust."""
    return {"PIP_TRUSTED_HOST": urlsplit(workshop.index.url).netloc}


def _wheel_cache(workshop: Workshop) -> list[str]:
    arguments = _in_tree(workshop)
    assert workshop.plain("wheel", "-w", workshop.folder / "kept", "alpha") == 0
    shutil.rmtree(workshop.folder / "kept")
    workshop.forget_marks()
    return arguments


def _verb(*words: str) -> Prepare:
    def prepare(workshop: Workshop) -> list[str]:
        write_canary_sdist(workshop.archives, "gamma")
        return [*words, *_wheels(workshop)[1:], "gamma"]

    return prepare


def _report(workshop: Workshop) -> list[str]:
    return [*_in_tree(workshop), "--dry-run", "--quiet", "--report", "report.json"]


def _wheel_and_sdist(folder: Path) -> tuple[Path, Path]:
    folder.mkdir(exist_ok=True)
    return write_pth_wheel(folder, "alpha"), write_canary_sdist(folder, "beta")


def _paths(workshop: Workshop) -> list[str]:
    return ["install", *map(str, _wheel_and_sdist(workshop.folder / "sources"))]


def _direct_urls(workshop: Workshop) -> list[str]:
    files = workshop.index.url.replace("/simple/", "/files/")
    found = _wheel_and_sdist(workshop.archives)
    return ["install", *(f"{files}{path.name}" for path in found)]


def _find_links(workshop: Workshop) -> list[str]:
    folder = workshop.folder / "sources"
    _wheel_and_sdist(folder)
    return ["install", "--no-index", "--find-links", str(folder), "alpha", "beta"]


def _upgrade(workshop: Workshop) -> list[str]:
    arguments = _wheels(workshop)
    older = write_wheel(workshop.archives, "beta", "0.9")
    assert workshop.plain("install", older) == 0
    return [*arguments, "beta", "--upgrade"]


def _legacy_resolver(workshop: Workshop) -> list[str]:
    return [*_wheels(workshop), "--use-deprecated=legacy-resolver"]


def _placed(*words: str) -> Prepare:
    return lambda workshop: [*_wheels(workshop), *words]


def _user(workshop: Workshop) -> list[str]:
    make_environment(workshop, "--system-site-packages")
    return [*_wheels(workshop), "--user"]


def _other_python(workshop: Workshop) -> list[str]:
    other = workshop.folder / "other"
    shutil.rmtree(other, ignore_errors=True)
    subprocess.run([workshop.python, "-m", "venv", "--without-pip", other], check=True, timeout=60)
    return ["--python", str(other), *_built_by_wheel(workshop)]


def _uv_environment(workshop: Workshop) -> list[str]:
    uv = shutil.which("uv", path=f"{sysconfig.get_path('scripts')}{os.pathsep}{os.environ['PATH']}")
    if uv is None:
        pytest.skip("needs uv")
    base = os.path.realpath(workshop.python)
    shutil.rmtree(workshop.environment)
    command = [uv, "venv", "-q", "--offline", "--no-config", "--python", base]
    subprocess.run(
        [*command, workshop.environment],
        check=True,
        timeout=60,
        env={**os.environ, "UV_CACHE_DIR": str(workshop.folder / "tmp" / "uv")},
    )
    shutil.rmtree(workshop.folder / "tmp" / "uv", ignore_errors=True)
    return _built_by_wheel(workshop)


def _managed(*options: str) -> Prepare:
    def prepare(workshop: Workshop) -> list[str]:
        make_managed_python(workshop)
        return [*_built_by_wheel(workshop), *options]

    return prepare


def make_environment(workshop: Workshop, *options: str) -> None:
    base = os.path.realpath(workshop.python)
    shutil.rmtree(workshop.environment)
    subprocess.run(
        [base, "-m", "venv", "--without-pip", *options, workshop.environment],
        check=True,
        timeout=60,
    )


def make_managed_python(workshop: Workshop) -> None:
    """A Python that is no virtual environment and belongs to a distribution (PEP 668): a copy of
    the interpreter with links to its standard library."""
    base = Path(os.path.realpath(workshop.python))
    minor = base.name
    library = base.parent.parent / "lib" / minor
    if not (library / "os.py").is_file():
        pytest.skip("this Python's standard library lies elsewhere")
    shutil.rmtree(workshop.environment)
    place = workshop.environment / "lib" / minor
    (place / "site-packages").mkdir(parents=True)
    for path in library.iterdir():
        if path.name != "site-packages":
            (place / path.name).symlink_to(path)
    (place / "EXTERNALLY-MANAGED").write_text("[externally-managed]\nError=Use apt.\n")
    (workshop.environment / "bin").mkdir()
    shutil.copy2(base, workshop.environment / "bin" / minor)
    workshop.python.symlink_to(minor)


KINDS: Mapping[str, Kind] = {
    "setup-py": Kind(prepare=_setup_py, may_run=("setuptools",)),
    "in-tree": Kind(prepare=_in_tree),
    "wheels": Kind(prepare=_wheels, inner="beta"),
    "plain-index": Kind(prepare=_plain_index, inner="beta"),
    "json-index": Kind(prepare=_json_index, inner="beta"),
    "metadata-of-sdists": Kind(prepare=_metadata_of_sdists),
    "fast-deps": Kind(prepare=_fast_deps, inner="beta"),
    "built-by-wheel": Kind(prepare=_built_by_wheel, inner="tool"),
    "built-by-sdist": Kind(prepare=_built_by_sdist, inner="tool"),
    "built-by-dynamic": Kind(prepare=_built_by_dynamic, inner="tool", may_run=("alpha",)),
    "two-deep": Kind(prepare=_two_deep, inner="deep"),
    "folder": Kind(prepare=_folder),
    "folder-built-by-wheel": Kind(prepare=_folder_built_by_wheel, inner="tool"),
    "editable": Kind(prepare=_editable),
    "git": Kind(prepare=_git, inner="pip-req-build"),
    "git-editable": Kind(prepare=_git_editable),
    "file-paths": Kind(prepare=_paths, inner="beta"),
    "direct-urls": Kind(prepare=_direct_urls, inner="beta"),
    "find-links": Kind(prepare=_find_links, inner="beta"),
    "upgrade": Kind(prepare=_upgrade, inner="beta-1.0"),
    # Before, it never fetched a wheel whose metadata the index has, and ended with an assertion.
    "legacy-resolver": Kind(prepare=_legacy_resolver, inner="beta", needs_pip="23.2"),
    "require-hashes": Kind(prepare=_require_hashes),
    "lock-file": Kind(prepare=_lock_file, inner="beta", needs_pip="26.1"),
    "no-build-isolation": Kind(prepare=_without_isolation),
    "in-process": Kind(
        prepare=_with("--use-feature=inprocess-build-deps"), inner="tool", needs_pip="26.0"
    ),
    "venv-isolation": Kind(
        prepare=_with("--use-feature=venv-isolation"), inner="tool", needs_pip="26.2"
    ),
    "http-cache": Kind(prepare=_http_cache, inner="beta"),
    "wheel-cache": Kind(prepare=_wheel_cache),
    "download": Kind(prepare=_verb("download"), inner="beta", may_run=("gamma",)),
    "wheel": Kind(prepare=_verb("wheel"), inner="beta", may_run=("gamma",)),
    "lock": Kind(prepare=_verb("lock"), inner="gamma", needs_pip="25.1"),
    "dry-run-report": Kind(prepare=_report),
    "target": Kind(prepare=_placed("--target", "elsewhere"), inner="beta"),
    "prefix": Kind(prepare=_placed("--prefix", "elsewhere"), inner="beta"),
    "root": Kind(prepare=_placed("--root", "elsewhere"), inner="beta"),
    "user": Kind(prepare=_user, inner="beta"),
    "python": Kind(prepare=_other_python, inner="tool"),
    "uv-environment": Kind(prepare=_uv_environment, inner="tool"),
    "break-system-packages": Kind(
        prepare=_managed("--break-system-packages"), inner="tool", needs_pip="23.0.1"
    ),
}
