"""Files that Python, pip or a build would use and that nobody reads as such are refused."""

from __future__ import annotations

import py_compile
import subprocess
import sys
from pathlib import Path

import pytest

from safe_pip.archive import DEFAULT_LIMITS
from safe_pip.artifact import Artifact, OriginKind
from safe_pip.errors import UnscannableError
from safe_pip.evidence import Surface
from safe_pip.extractors import observe
from safe_pip.extractors.surfaces import surfaces_of
from safe_pip.inspection.opening import open_artifact
from tests.builders import Content, write_sdist, write_tree, write_wheel
from tests.integration.conftest import Workshop, workshop  # noqa: F401


def refusal(path: Path) -> str | None:
    artifact = Artifact(path=path, origin=OriginKind.INDEX)
    try:
        with open_artifact(artifact, DEFAULT_LIMITS):
            return None
    except UnscannableError as error:
        return error.reason


def compiled(folder: Path, text: str = "") -> bytes:
    source, place = folder / "source.py", folder / "compiled"
    source.write_text(text, encoding="utf-8")
    py_compile.compile(str(source), cfile=str(place), doraise=True)
    return place.read_bytes()


@pytest.mark.parametrize("name", ["demo/__init__.pyc", "demo/stage.pyc", "stage.pyc"])
def test_module_without_its_source(tmp_path: Path, name: str) -> None:
    """Python imports it, and nobody can read what it does."""
    files: dict[str, Content] = {name: compiled(tmp_path)}
    assert refusal(write_wheel(tmp_path, "demo", files=files)) == "module-compiled"
    package: dict[str, Content] = {} if name == "demo/__init__.pyc" else {"demo/__init__.py": ""}
    assert refusal(write_sdist(tmp_path, "demo", files=files | package)) == "module-compiled"


@pytest.mark.parametrize(
    "files",
    [
        {"demo/stage.py": b"", "demo/stage.pyc": b"\xa7\r\r\n"},
        {
            "demo/__init__.py": b"",
            "demo/__pycache__/gone.cpython-311.pyc": b"\xa7\r\r\n" + bytes(12),
        },
        {"demo/of-python-2.pyc": b"\x03\xf3\r\n", "demo/old.pyc": b"\x03\xf3\r\n"},
        {"demo/of_3_7.pyc": b"\x42\x0d\r\n", "demo/text.pyc": b"no byte code"},
        {"test/bytecode_3.11/00-loop.pyc": b"\xa7\r\r\n"},
    ],
)
def test_compiled_modules_that_no_python_imports(tmp_path: Path, files: dict[str, Content]) -> None:
    """A source beside them comes first; the others have another Python's number, or no name."""
    assert refusal(write_wheel(tmp_path, "demo", files=files)) is None


COOKIE = b"# coding: cp037\nimport os; print('ran')\n"
FORM_FEED = b"x\x0cimport os; print('ran')\n"


@pytest.mark.parametrize(
    ("content", "is_run"),
    [
        (COOKIE, True),
        (FORM_FEED, sys.version_info >= (3, 13)),
        (COOKIE + b"#" * (2 << 20), True),
    ],
    ids=["cookie", "form-feed", "large"],
)
@pytest.mark.parametrize("place", ["demo.pth", "demo-1.0.data/platlib/demo.pth"])
def test_lines_of_a_pth_file_that_python_alone_sees(
    tmp_path: Path, content: bytes, is_run: bool, place: str
) -> None:
    (tmp_path / "demo.pth").write_bytes(content)
    code = "import site, sys; site.addpackage(sys.argv[1], 'demo.pth', set())"
    command = [sys.executable, "-c", code, str(tmp_path)]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert ("ran" in shown) is is_run
    assert refusal(write_wheel(tmp_path, "demo", files={place: content})) == "ambiguous-pth"


@pytest.mark.parametrize(
    "content",
    [
        b"import sys; sys.path\r\nimport os\r\n",
        b"# coding: utf-8\nimport os\n",
        b"\xef\xbb\xbfimport os\n",
        b"../\x0celsewhere\n",
        b"",
    ],
)
def test_ordinary_pth_files_are_read(tmp_path: Path, content: bytes) -> None:
    assert refusal(write_wheel(tmp_path, "demo", files={"demo.pth": content})) is None


@pytest.mark.parametrize("folder", ["demo-1.0.data/scripts", "demo-1.0.data/data/bin"])
def test_script_with_a_dot_in_its_name_is_read_as_python(tmp_path: Path, folder: str) -> None:
    files: dict[str, Content] = {
        f"{folder}/tool3.11": "#!python\nimport os\n",
        f"{folder}/large3.11": "#!python\nimport os\n#" + " " * (16 << 20),
        f"{folder}/a.sh": "",
    }
    artifact = Artifact(path=write_wheel(tmp_path, "demo", files=files), origin=OriginKind.SCANNED)
    with open_artifact(artifact, DEFAULT_LIMITS) as distribution:
        surfaces = surfaces_of(distribution)
    for name in ("tool3.11", "large3.11"):
        assert surfaces[f"{folder}/{name}.py"] in (Surface.ENTRY_POINT, Surface.MODULE)
    assert not any(path.startswith(f"{folder}/a.sh") for path in surfaces)


@pytest.mark.parametrize("folder", ["demo-1.0.data/scripts", "demo-1.0.data/data/bin"])
@pytest.mark.parametrize(
    "first",
    [
        "#!/bin/sh\n'''exec' python3 \"$0\" \"$@\"\n' '''\n",
        "#!/usr/bin/env pypy3\n",
        "#!" + " " * 210 + "/usr/bin/python3\n",
        "'''exec' python3 \"$0\" \"$@\"\n' '''\n",
    ],
    ids=["shell", "pypy", "far", "nothing"],
)
@pytest.mark.parametrize("name", ["tool", "deep/tool"])
def test_script_that_does_not_begin_as_python_is_read(
    tmp_path: Path, folder: str, first: str, name: str
) -> None:
    files: dict[str, Content] = {
        f"{folder}/{name}": f"{first}import subprocess\nsubprocess.run('true')\n",
        f"{folder}/shell": "#!/bin/sh\nset -e\n",
        f"{folder}/native": b"\x7fELF\0",
    }
    artifact = Artifact(path=write_wheel(tmp_path, "demo", files=files), origin=OriginKind.INDEX)
    with open_artifact(artifact, DEFAULT_LIMITS) as distribution:
        found = {one.location.path for one in observe(distribution) if one.feature == "proc_spawn"}
        paths = set(distribution.by_path)
    assert found == {f"{folder}/{name}.py"}
    assert paths.isdisjoint({f"{folder}/shell.py", f"{folder}/native.py"})


@pytest.mark.parametrize("place", ["sbin/tool", "share/demo/tool", "etc/demo.d/50-tool", "tool"])
def test_python_script_anywhere_in_the_environment_is_read(tmp_path: Path, place: str) -> None:
    path = f"demo-1.0.data/data/{place}"
    files: dict[str, Content] = {
        path: "#!/usr/bin/env python3\nimport subprocess\nsubprocess.run('true')\n",
        "demo-1.0.data/data/share/notes": "import subprocess\nsubprocess.run('true')\n",
    }
    artifact = Artifact(path=write_wheel(tmp_path, "demo", files=files), origin=OriginKind.INDEX)
    with open_artifact(artifact, DEFAULT_LIMITS) as distribution:
        found = {one.location.path for one in observe(distribution) if one.feature == "proc_spawn"}
    assert found == {f"{path}.py"}


FOREIGN = (
    *("pip/_internal/operations/prepare.py", "safe_pip/gates/checkpoint.py", "PIP/__init__.py"),
    *("demo-1.0.data/purelib/pip/__main__.py", ".data/platlib/any.pth"),
    *("demo-1.0.data/data/lib/python3.11/site-packages/safe_pip/cache/store.py",),
    *("demo-1.0.data/data/pyvenv.cfg", "demo-1.0.data/data/bin/python3", "x.data/scripts/python"),
    *("demo-1.0.data/scripts/pip3.11", "demo-1.0.data/scripts/git", "x.data/data/Scripts/PIP.EXE"),
    *("demo-1.0.data/purelib/safe_pip_guard-9.dist-info/METADATA", ".data/x-1.egg-info/PKG-INFO"),
    *("demo-1.0.data/scripts/safe-pip", "demo-1.0.data/scripts/keyring", "pip.py", "safe_pip.py"),
    *("demo-1.0.data/scripts/activate", "demo-1.0.data/data/bin/activate_this.py"),
    *("demo-1.0.data/scripts/activate.fish", "demo-1.0.data/scripts/ssh"),
    *("demo-1.0.data/scripts/git.com", "x.data/data/Scripts/keyring.CMD", "pip.abi3.so"),
    *(f"demo-1.0.data/scripts/{name}" for name in ("rustc", "lsb_release", "uname", "oslevel")),
    *("demo-1.0.data/data/sbin/git", "demo-1.0.data/data/sbin/re.py", "x.data/data/sbin/pip3"),
    # With --target these come to lie beside the packages.
    *("demo-1.0.data/data/pip/a.py", "demo-1.0.data/data/Safe_pip/a.py", "x.data/data/pip.py"),
    *("demo-1.0.data/data/pip-9.dist-info/METADATA", "demo-1.0.data/data/_virtualenv.py"),
)


@pytest.mark.parametrize("place", FOREIGN)
def test_wheel_that_takes_the_place_of_what_guards_or_runs(tmp_path: Path, place: str) -> None:
    """Harmless by itself: the interpreter, its settings, pip, safe-pip and what pip starts."""
    assert refusal(write_wheel(tmp_path, "demo", files={place: "x = 1\n"})) == "foreign-place"


@pytest.mark.parametrize(
    ("project", "place"),
    [
        ("pip", "pip/__init__.py"),
        ("safe-pip-guard", "safe_pip/__init__.py"),
        ("demo", "demo/pip/__init__.py"),
        ("demo", "pipx/__init__.py"),
        ("demo", "demo-1.0.data/scripts/python-config"),
        ("demo", "demo-1.0.data/data/share/pyvenv.cfg"),
        ("keyring", "keyring-1.0.data/scripts/keyring"),
        ("mercurial", "mercurial-1.0.data/scripts/hg"),
        ("lsb-release", "lsb_release-1.0.data/scripts/lsb_release"),
        ("demo", "demo-1.0.data/data/share/pip/a.py"),
    ],
)
def test_own_and_other_places_are_nobody_elses(tmp_path: Path, project: str, place: str) -> None:
    assert refusal(write_wheel(tmp_path, project, files={place: "x = 1\n"})) is None


@pytest.mark.parametrize(
    "line",
    [
        "../lib/sitecustomize.py = demo:main",
        "tool = demo:main\n   ../sitecustomize.py = demo:main",
        "python3 = demo:main",
        "git = demo:main",
        "rustc = demo:main",
        "[a = demo:main [x] #\ngit = demo:main",
        "[other\ntool = demo:main",
    ],
    ids=["elsewhere", "indented", "python", "git", "rustc", "no heading", "open heading"],
)
@pytest.mark.parametrize("group", ["console_scripts", "gui_scripts"])
def test_entry_point_that_takes_a_place(tmp_path: Path, line: str, group: str) -> None:
    files: dict[str, Content] = {
        "demo/__init__.py": "def main(): pass\n",
        "demo-1.0.dist-info/entry_points.txt": f"[{group}]\n{line}\n",
    }
    assert refusal(write_wheel(tmp_path, "demo", files=files)) == "foreign-place"


def test_ordinary_entry_points_pass(tmp_path: Path) -> None:
    text = "[console_scripts]\ndemo = demo:main\n# ../x = [y\n [paths] \na/b = demo:main [x]\n"
    files: dict[str, Content] = {"demo-1.0.dist-info/entry_points.txt": text}
    assert refusal(write_wheel(tmp_path, "demo", files=files)) is None


GIT = {".git/HEAD": "ref: refs/heads/main\n", ".git/objects/x": "", ".git/refs/x": ""}
CLONED = (
    "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = false\n"
    '\tlogallrefupdates = true\n[remote "origin"]\n\turl = https://example.org/a.git\n'
    "\tfetch = +refs/heads/*:refs/remotes/origin/*\n"
    '[branch "main"]\n\tremote = origin\n\tmerge = refs/heads/main\n'
)


def test_settings_of_a_repository_that_a_build_starts_git_in(
    tmp_path: Path,
    workshop: Workshop,  # noqa: F811
) -> None:
    """As back ends do that take the version from there."""
    tree, mark = tmp_path / "tree", tmp_path / "mark"
    tree.mkdir()
    for command in (["init", "-q"], ["config", "core.fsmonitor", f"touch {mark}; false"]):
        subprocess.run(["git", "-C", tree, *command], check=True, env=workshop.environ)
    subprocess.run(["git", "-C", tree, "status"], check=True, env=workshop.environ)
    assert mark.exists(), "git runs it"
    settings = (tree / ".git" / "config").read_text(encoding="utf-8")
    files: dict[str, Content] = {**GIT, ".git/config": settings}
    assert refusal(write_sdist(tmp_path, "demo", files=files)) == "repository-commands"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (".git/config", "[core] fsmonitor = x\n"),
        (".git/config", "[core]\nbare = false \\\n"),
        (".git/config", "[include]\npath = ../evil\n"),
        (".git/config", '[filter "a"]\nsmudge = x\n'),
        (".git/config", '[remote "origin"]\nuploadpack = x\n'),
        (".git/config", "[alias]\nstatus = !x\n"),
        ("src/.git/config", "[core]\nhooksPath = x\n"),
        ("deep/bare/config", "[core]\nsshCommand = x\n"),
        (".git/hooks/post-index-change", "#!/bin/sh\n"),
        (".hg/hgrc", "[hooks]\npre-status = x\n"),
        (".hg/hgrc", "[paths]\ndefault = x\n%include ../settings\n"),
        (".hg/hgrc", "%include ../settings\n[paths]\n %unset default\n"),
        (".hg/hgrc", "[paths]\ndefault = x\n[extensions]\nevil = ../evil.py\n"),
        ("sub/.hg/hgrc-not-shared", "[alias]\nid = !x\n"),
        ("anywhere/hooks/post-index-change", "#!/bin/sh\n"),
        (".GIT/Config", "[core]\nfsmonitor = x\n"),
        (".git/config", "[pager]\n# \x0c[branch]\nmerge = x\n"),
    ],
)
def test_repository_that_names_commands(tmp_path: Path, name: str, text: str) -> None:
    head = name.rpartition("/")[0].replace("/hooks", "") + "/HEAD"
    files: dict[str, Content] = {head: "ref: x\n", name: text}
    assert refusal(write_sdist(tmp_path, "demo", files=files)) == "repository-commands"


@pytest.mark.parametrize(
    "files",
    [
        {".hg/hgrc": "[hooks]\npre-id = x\n"},
        {"sub/.hg/hgrc": "[alias]\nid = !x\n"},
        {"sub/.git/HEAD": "", "sub/.git/config": "[core]\nfsmonitor = x\n"},
        {".hg/requires": "", ".git/HEAD": "", ".git/config": "[core]\nfsmonitor = x\n"},
        {".svn/entries": "", ".git/hooks/post-index-change": "#!/bin/sh\n"},
    ],
)
def test_repository_in_the_checkout_of_another_system(
    tmp_path: Path, files: dict[str, Content]
) -> None:
    """It came with the source; git's own settings in a clone of git's did not."""
    tree = write_tree(tmp_path / "tree", {**files, "setup.py": ""})
    with pytest.raises(UnscannableError, match="which a build could start"):
        open_artifact(Artifact(path=tree, origin=OriginKind.VCS), DEFAULT_LIMITS).__enter__()
    own = write_tree(tmp_path / "own", {".git/HEAD": "", ".git/config": "[alias]\na = !x\n"})
    for origin in (OriginKind.VCS, OriginKind.DIRECTORY):
        with open_artifact(Artifact(path=own, origin=origin), DEFAULT_LIMITS) as distribution:
            assert distribution.files == ()


@pytest.mark.parametrize(
    ("files", "links"),
    [
        ({"config": "[core]\nfsmonitor = x\n"}, {"HEAD": "refs/heads/main"}),
        (
            {"gitdir/HEAD": "ref: x\n", "gitdir/commondir": "../common\n"},
            {"common/config": "../settings", "common/hooks": "../programs"},
        ),
        ({".hg/sharedpath": "../shared", "shared/hgrc": "[hooks]\npre-id = x\n"}, {}),
        (
            {"sub/config": "[core]\nfsmonitor = x\n"},
            {**{f"a{number}": "nowhere" for number in range(60)}, "sub/HEAD": "refs/heads/main"},
        ),
    ],
    ids=["link", "commondir", "sharedpath", "many links"],
)
def test_repository_that_is_not_where_it_seems(
    tmp_path: Path, files: dict[str, Content], links: dict[str, str]
) -> None:
    tree = write_tree(tmp_path / "tree", {**files, "settings": "[core]\nfsmonitor = x\n"})
    for name, target in links.items():
        (tree / name).parent.mkdir(exist_ok=True)
        (tree / name).symlink_to(target)
    with pytest.raises(UnscannableError, match="which a build could start"):
        open_artifact(Artifact(path=tree, origin=OriginKind.INDEX), DEFAULT_LIMITS).__enter__()


@pytest.mark.parametrize("origin", [OriginKind.DIRECTORY, OriginKind.EDITABLE])
def test_own_working_tree_has_its_own_hooks(tmp_path: Path, origin: OriginKind) -> None:
    files: dict[str, Content] = {
        **GIT,
        ".git/config": "[alias]\nst = !status\n[core]\nhooksPath = hooks\n",
        ".git/hooks/lint.py": "",
        ".hg/hgrc": "[ui]\nusername = x\n",
        "tools/pre-commit": "#!/bin/sh\n",
        "hooks/build.py": "",
        "config": "[core]\neditor = vi\n",
    }
    tree = write_tree(tmp_path / "tree", files)
    (tree / ".git" / "hooks" / "pre-commit").symlink_to("../../tools/pre-commit")
    for number in range(60):
        (tree / f"link{number}").symlink_to("tools/pre-commit")
    with open_artifact(Artifact(path=tree, origin=origin), DEFAULT_LIMITS) as distribution:
        assert "tools/pre-commit" in distribution.by_path


def test_repository_as_a_clone_leaves_it(tmp_path: Path) -> None:
    files: dict[str, Content] = {
        **GIT,
        ".git/config": CLONED,
        ".git/hooks/pre-commit.sample": "#!/bin/sh\n",
        ".hg/hgrc": "# as cloned\n[paths]\ndefault = https://example.org/a\n",
        "config": "[anything]\n",
        "testdata/empty.git/HEAD": "ref: refs/heads/main\n",
        "testdata/empty.git/config": "[core]\n\tbare = true\n\thideDotFiles = dotGitOnly\n",
    }
    assert refusal(write_sdist(tmp_path, "demo", files=files)) is None
