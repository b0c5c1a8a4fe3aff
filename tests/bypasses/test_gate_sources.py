"""Sources in which code could hide from the gate, or be taken for what they are not."""

from __future__ import annotations

import marshal
import os
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import MAGIC_NUMBER, source_hash
from pathlib import Path

import pytest
from packaging.version import Version

from safe_pip.archive import DEFAULT_LIMITS, open_distribution
from safe_pip.artifact import Artifact, OriginKind
from safe_pip.errors import EXIT_BLOCKED, EXIT_UNSCANNABLE, UnscannableError
from safe_pip.gates.reviewer import Arrival
from tests.builders import Content, core_metadata, write_sdist, write_tree, write_wheel
from tests.bypasses.test_gate import stored_wheel
from tests.integration.canaries import (
    backend,
    project_built_by,
    project_files,
    write_canary_sdist,
)
from tests.integration.conftest import Workshop, workshop  # noqa: F401
from tests.integration.repositories import commit
from tests.integration.reviewers import RecordingReviewer
from tests.integration.test_faults import wait_for


def paths_read(arrivals: Sequence[Arrival]) -> set[str]:
    """What an inspection of the arrivals looks at."""
    found: set[str] = set()
    for arrival in arrivals:
        with open_distribution(arrival.artifact, DEFAULT_LIMITS) as distribution:
            found.update(file.path for file in distribution.files)
    return found


def hiding_project(place: str) -> dict[str, str]:
    """Its back end lies in a folder that looks like none of a project's."""
    files = {name: str(text) for name, text in project_files("alpha").items()}
    files[f"{place}/payload.py"] = files.pop("backend.py")
    files["pyproject.toml"] = (
        '[build-system]\nrequires = []\nbuild-backend = "front"\nbackend-path = ["."]\n'
    )
    files["front.py"] = (
        "import glob, os, sys\n"
        "sys.path += [os.path.dirname(path) for path in glob.glob('[!t]*/payload.py')]\n"
        "sys.path += [os.path.dirname(path) for path in glob.glob('.*/payload.py')]\n"
        "from payload import *\n"
    )
    return files


VENV = {"env/pyvenv.cfg": "home = x\n", "env/bin/python": "\n"}


@pytest.mark.parametrize("is_editable", [False, True])
@pytest.mark.parametrize("place", [".hg", ".svn", "env"])
def test_module_in_a_folder_that_a_repository_should_not_have(
    workshop: Workshop,  # noqa: F811
    place: str,
    is_editable: bool,
) -> None:
    """A folder of another version control, or a virtual environment that somebody committed."""
    folder = write_tree(workshop.folder / "alpha", {**hiding_project(place), **VENV})
    commit(workshop, folder)
    read: set[str] = set()
    ran_before: list[str] = []

    def look(arrivals: Sequence[Arrival]) -> None:
        ran_before.extend(workshop.marks if not read else [])
        read.update(paths_read(arrivals))

    reviewer = RecordingReviewer(on_rule=look)
    url = f"git+file://{folder}"
    arguments = ["-e", f"{url}#egg=alpha"] if is_editable else [url]
    assert workshop.guarded(reviewer, "install", *arguments) == 0
    assert workshop.marks, "the code in that folder ran"
    assert f"{place}/payload.py" in read
    assert ran_before == []


@pytest.mark.parametrize("place", [".git", ".hg", "deep/.svn/deeper"])
def test_module_in_a_folder_of_version_control(tmp_path: Path, place: str) -> None:
    """In whatever tree, such as an archive that somebody unpacked."""
    write_tree(tmp_path, {f"{place}/payload.PY": "", f"{place}/HEAD": "", "a.py": ""})
    artifact = Artifact(path=tmp_path, origin=OriginKind.DIRECTORY)
    with open_distribution(artifact, DEFAULT_LIMITS) as distribution:
        assert {file.path for file in distribution.files} == {"a.py", f"{place}/payload.PY"}


def test_editable_checkout_is_a_checkout(workshop: Workshop) -> None:  # noqa: F811
    """What a policy says of version control holds for it."""
    folder = write_tree(workshop.folder / "alpha", project_files("alpha"))
    commit(workshop, folder)
    reviewer = RecordingReviewer(denies=lambda _: True)
    url = f"git+file://{folder}#egg=alpha"
    assert workshop.guarded(reviewer, "install", "-e", url) == EXIT_BLOCKED
    assert {arrival.context.origin for arrival in reviewer.arrivals} == {OriginKind.EDITABLE_VCS}


@pytest.mark.parametrize(
    ("kind", "origin"),
    [
        ("url", OriginKind.DIRECT_URL),
        ("git", OriginKind.VCS),
        ("name", OriginKind.WHEEL_CACHE),
    ],
)
def test_wheel_of_pip_s_cache_is_what_its_source_is(
    workshop: Workshop,  # noqa: F811
    kind: str,
    origin: OriginKind,
) -> None:
    """Or a rule about direct URLs would end with the first build that got through."""
    if kind == "git":
        folder = write_tree(workshop.folder / "alpha", project_files("alpha"))
        commit(workshop, folder)
        git = ["git", "-C", str(folder), "rev-parse", "HEAD"]
        head = subprocess.run(git, check=True, capture_output=True, text=True).stdout.strip()
        argument = f"git+file://{folder}@{head}#egg=alpha"
    else:
        write_canary_sdist(workshop.archives, "alpha")
        file = workshop.index.url.replace("/simple/", "/files/alpha-1.0.tar.gz")
        argument = "alpha" if kind == "name" else f"alpha @ {file}"
    assert workshop.plain("wheel", "-w", workshop.folder / "kept", argument) == 0
    workshop.forget_marks()
    reviewer = RecordingReviewer()
    assert workshop.guarded(reviewer, "install", argument) == 0
    assert workshop.marks == [], "it was built again"
    assert {arrival.context.origin for arrival in reviewer.arrivals} == {origin}


def test_requirement_file_that_names_another_index(workshop: Workshop) -> None:  # noqa: F811
    """By way of a file that is fetched, which brings files of its own."""
    write_wheel(workshop.archives, "alpha")
    evil = workshop.folder / "evil"
    evil.mkdir()
    write_wheel(evil, "alpha", "2.0")
    inner = f"--find-links {evil}\nalpha\n"
    outer = f"-r {workshop.index.url.replace('/simple/', '/files/inner.txt')}\n"
    (workshop.archives / "inner.txt").write_text(inner, encoding="utf-8")
    (workshop.archives / "outer.txt").write_text(outer, encoding="utf-8")
    reviewer = RecordingReviewer("alpha-2.0")
    url = workshop.index.url.replace("/simple/", "/files/outer.txt")
    assert workshop.guarded(reviewer, "install", "-r", url) == EXIT_BLOCKED
    assert workshop.installed() == []
    assert reviewer.arrival("alpha-2.0-py3-none-any.whl").artifact.path.parent == evil


def test_settings_that_an_allowed_build_leaves_behind(workshop: Workshop) -> None:  # noqa: F811
    """pip's own settings and a start-up module of the user's, found by the next pips: what they
    lead to waits at the gate as well."""
    other = workshop.folder / "other"
    other.mkdir()
    write_wheel(other, "tool", "2.0", files={"tool/__init__.py": backend("tool")})
    write_wheel(workshop.archives, "tool", files={"tool/__init__.py": backend("tool")})
    spoil = (
        "\nimport pathlib\n"
        "place = pathlib.Path.home() / '.config' / 'pip'\n"
        "place.mkdir(parents=True, exist_ok=True)\n"
        f"(place / 'pip.conf').write_text('[global]\\nfind-links = {other}\\npre = true\\n')\n"
    )
    files = project_files("alpha")
    files["backend.py"] = f"{files['backend.py']!s}{spoil}"
    write_sdist(workshop.archives, "alpha", files=files)
    write_sdist(workshop.archives, "beta", files=project_built_by("beta", "tool"))
    reviewer = RecordingReviewer("tool-2.0")
    # An empty PIP_CONFIG_FILE, unlike the null device, leaves the user's settings in force.
    environ = {"PIP_CONFIG_FILE": ""}
    status = workshop.guarded(reviewer, "install", "alpha", "beta", **environ)
    assert status == EXIT_BLOCKED
    assert [mark for mark in workshop.marks if "tool" in mark] == []
    assert workshop.installed() == []


LINGERER = """
import subprocess, sys
code = '''
import glob, mmap, os, time
good, evil = (open(path, "rb").read() for path in {files!r})
place = os.path.join(os.environ["TMPDIR"], "**", "beta-1.0-py3-none-any.whl")
deadline = time.monotonic() + 60
while time.monotonic() < deadline:
    for path in glob.glob(place, recursive=True):
        if open(path, "rb").read() != good:
            continue  # it is not there in full
        with open(path, "r+b") as file:
            map = mmap.mmap(file.fileno(), 0)
        map[:] = good
        open({ready!r}, "w").close()
        while not os.path.exists({go!r}) and time.monotonic() < deadline:
            time.sleep(0.01)
        map[:] = evil
        open({gone!r}, "w").close()
        raise SystemExit
    time.sleep(0.001)
'''
if not os.path.exists({started!r}):
    open({started!r}, "w").close()
    # Not on our streams, whose end pip waits for.
    nowhere = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
    subprocess.Popen([sys.executable, "-c", code], start_new_session=True, **nowhere)
"""


def test_wheel_changed_by_what_an_allowed_build_left_running(workshop: Workshop) -> None:  # noqa: F811
    """It waits for pip's download of another project, maps it before it is inspected, and changes
    it, without a trace in its times, once it is allowed."""
    evil = stored_wheel(workshop.folder, "beta", "x = 'evil'\n")
    good = stored_wheel(workshop.archives, "beta", "x = 'good'\n")
    assert evil.stat().st_size == good.stat().st_size
    if Version(workshop.target.pip_version) < Version("23.2"):
        # It downloads a wheel whose metadata the index has twice, and uses the second file, which
        # nobody has changed: it is that one's digest that was compared.
        workshop.index.has_metadata_files = False
    ready, go, gone = (workshop.folder / name for name in ("ready", "go", "gone"))
    places = {path.name: str(path) for path in (ready, go, gone, workshop.folder / "started")}
    files = project_files("alpha")
    linger = LINGERER.format(**places, files=(str(good), str(evil)))
    files["backend.py"] = f"{files['backend.py']!s}\n{linger}"
    write_sdist(workshop.archives, "alpha", files=files)
    signs = {"judged": False}

    def change(arrivals: Sequence[Arrival]) -> None:
        if any(arrival.artifact.path.name.startswith("beta") for arrival in arrivals):
            go.touch()
            wait_for(gone.exists)
            signs["judged"] = True

    def begin_late(artifact: Artifact) -> None:
        """The digest is taken when it is mapped and as it was."""
        if artifact.path.name.startswith("beta"):
            wait_for(ready.exists)

    reviewer = RecordingReviewer(on_rule=change)
    reviewer.begin = begin_late  # type: ignore[method-assign]
    status = workshop.guarded(reviewer, "install", "alpha", "beta")
    assert signs["judged"]
    assert status == EXIT_UNSCANNABLE
    assert workshop.installed() == []


def write_false_bytecode(workshop: Workshop, folder: Path) -> Path:  # noqa: F811
    """A project with a compiled back end of the same size and time as its source."""
    write_tree(folder, project_files("alpha"))
    source, evil = folder / "backend.py", workshop.folder / "backend.py"
    text = source.read_text(encoding="utf-8")
    evil.write_text(text.replace('" backend"', '" EVIL!!!"'), encoding="utf-8")
    for path in (source, evil):
        os.utime(path, (1_600_000_000, 1_600_000_000))
    code = (
        "import py_compile, importlib.util, sys; "
        "py_compile.compile(sys.argv[1], importlib.util.cache_from_source(sys.argv[2]), sys.argv[2])"
    )
    subprocess.run([workshop.python, "-c", code, evil, source], check=True, timeout=30)
    return folder


def put_elsewhere(folder: Path) -> None:
    """The compiled modules lie under another name, which a link leads to."""
    (folder / "__pycache__").rename(folder / "data")
    (folder / "__pycache__").symlink_to("data")


@pytest.mark.parametrize("is_linked", [False, True], ids=["there", "linked"])
@pytest.mark.parametrize("options", [[], ["-e"]], ids=["folder", "editable"])
def test_compiled_module_that_is_not_of_its_source(
    workshop: Workshop,  # noqa: F811
    options: list[str],
    is_linked: bool,
) -> None:
    """As an archive brings it that somebody unpacked: Python looks at size and time alone."""
    folder = write_false_bytecode(workshop, workshop.folder / "alpha")
    if is_linked:
        put_elsewhere(folder)
    assert workshop.plain("install", *options, folder) == 0
    assert "alpha EVIL!!!" in workshop.marks, "plain pip runs it"
    workshop.make_environment()
    workshop.forget_marks()
    assert workshop.guarded(RecordingReviewer(), "install", *options, folder) == 0
    assert "alpha EVIL!!!" not in workshop.marks
    assert "alpha backend" in workshop.marks
    assert workshop.leftovers == []


@pytest.mark.parametrize("is_linked", [False, True], ids=["there", "linked"])
def test_compiled_module_of_an_sdist(workshop: Workshop, is_linked: bool) -> None:  # noqa: F811
    folder = write_false_bytecode(workshop, workshop.folder / "alpha-1.0")
    if is_linked:
        put_elsewhere(folder)
    (folder / "PKG-INFO").write_text(core_metadata("alpha", "1.0"), encoding="utf-8")
    archive = workshop.archives / "alpha-1.0.tar.gz"
    subprocess.run(["tar", "-czf", archive, "-C", workshop.folder, folder.name], check=True)
    assert workshop.guarded(RecordingReviewer(), "install", "alpha") == 0
    assert "alpha EVIL!!!" not in workshop.marks
    assert "alpha backend" in workshop.marks
    assert workshop.leftovers == []


@pytest.mark.parametrize("what", ["wheel", "sdist", "folder", "cached"])
@pytest.mark.parametrize("by", ["metadata", "build"])
def test_local_file_that_an_artifact_names(
    workshop: Workshop,  # noqa: F811
    what: str,
    by: str,
) -> None:
    """An allow entry for a project is none for what somebody else calls by its name."""
    if what == "wheel":
        place = write_wheel(workshop.folder, "tool", files={"tool/__init__.py": backend("tool")})
    elif what == "folder":
        place = write_tree(workshop.folder / "tool", project_files("tool"))
    else:
        place = write_canary_sdist(workshop.folder, "tool")
    asked = f"tool @ file://{place}"
    if what == "cached":
        assert workshop.plain("wheel", "-w", workshop.folder / "kept", asked) == 0
    if by == "metadata":
        write_wheel(workshop.archives, "alpha", headers={"Requires-Dist": asked})
    else:
        write_canary_sdist(workshop.archives, "alpha", requires=[asked])
    reviewer = RecordingReviewer()
    assert workshop.guarded(reviewer, "install", "alpha") == 0
    named = {
        arrival.context.origin
        for arrival in reviewer.arrivals
        if arrival.context.project == "tool" and arrival.context.origin is not OriginKind.BUILT
    }
    assert named == {OriginKind.DIRECT_URL}


@pytest.mark.parametrize("way", ["dependency", "editable"])
@pytest.mark.parametrize("revision", ["--config=hooks.pre-update=x", "%2D-config=x"])
def test_revision_that_is_an_option(
    workshop: Workshop,  # noqa: F811
    way: str,
    revision: str,
) -> None:
    """Mercurial runs what such an option says, and a wheel without a finding can depend on it."""
    programs = workshop.folder / "programs"
    programs.mkdir()
    (programs / "hg").write_text('#!/bin/sh\necho "hg $*" >> "$CANARY_MARKS"\n', encoding="utf-8")
    (programs / "hg").chmod(0o755)
    url = f"hg+http://127.0.0.1:1/repository@{revision}"
    write_wheel(workshop.archives, "alpha", headers={"Requires-Dist": f"beta @ {url}"})
    arguments = ["alpha"] if way == "dependency" else ["-e", f"{url}#egg=beta"]
    path = f"{programs}{os.pathsep}{workshop.environ['PATH']}"
    status = workshop.guarded(RecordingReviewer(), "install", *arguments, PATH=path)
    assert status == EXIT_UNSCANNABLE
    assert workshop.marks == []
    assert workshop.installed() == []


@pytest.mark.parametrize(
    "url",
    [
        "svn+ssh://-oProxyCommand=x@127.0.0.1/repository",
        "hg+ssh://-oProxyCommand=x/repository",
        "git+ssh://user@-oProxyCommand=x/repository",
        "hg+ssh://%2DoProxyCommand=x/repository",
    ],
)
def test_host_that_is_an_option(workshop: Workshop, url: str) -> None:  # noqa: F811
    """Version controls older than 2017 hand it on to ssh, which runs what it says."""
    programs = workshop.folder / "programs"
    programs.mkdir()
    for name in ("svn", "hg", "git"):
        text = f'#!/bin/sh\necho "{name} $*" >> "$CANARY_MARKS"\n'
        (programs / name).write_text(text, encoding="utf-8")
        (programs / name).chmod(0o755)
    write_wheel(workshop.archives, "alpha", headers={"Requires-Dist": f"beta @ {url}"})
    path = f"{programs}{os.pathsep}{workshop.environ['PATH']}"
    status = workshop.guarded(RecordingReviewer(), "install", "alpha", PATH=path)
    assert status == EXIT_UNSCANNABLE
    assert workshop.marks == []
    assert workshop.installed() == []


def test_subfolder_by_way_of_a_link(workshop: Workshop) -> None:  # noqa: F811
    """pip reads the settings of a build where the system finds ``link/../project``, and runs it
    where the text of the path leads."""
    settings = {"deep/project/pyproject.toml": project_files("alpha")["pyproject.toml"]}
    shown = {f"project/{name}": text for name, text in project_files("alpha").items()}
    files: dict[str, Content] = {**settings, **shown, "deep/er/x": ""}
    folder = write_tree(workshop.folder / "alpha", files)
    (folder / "link").symlink_to("deep/er")
    commit(workshop, folder)
    url = f"git+file://{folder}#egg=alpha&subdirectory=link/../project"
    assert workshop.guarded(RecordingReviewer(), "install", url) == EXIT_UNSCANNABLE
    assert workshop.marks == []


@pytest.mark.parametrize(("flags", "is_refused"), [(0b01, True), (0b11, True), (0, False)])
def test_wheel_with_a_module_that_hides_its_source(
    tmp_path: Path, flags: int, is_refused: bool
) -> None:
    """Python runs a .pyc with the flags 0b01 (PEP 552) and never looks at what was inspected, and
    one with 0b11 if it holds the hash of what was inspected, whatever else it holds;
    pip compiles another over it, but not with --no-compile."""
    head = b"\xa7\r\r\n" + flags.to_bytes(4, "little") + bytes(8)
    files: dict[str, Content] = {
        "alpha/a.py": "",
        "alpha/__pycache__/a.cpython-311.pyc": head + b"code",
    }
    artifact = Artifact(path=write_wheel(tmp_path, "alpha", files=files), origin=OriginKind.FILE)
    if not is_refused:
        with open_distribution(artifact, DEFAULT_LIMITS):
            return
    with (
        pytest.raises(UnscannableError, match="in place of its source"),
        open_distribution(artifact, DEFAULT_LIMITS),
    ):
        pass


def test_byte_code_of_an_old_python_has_no_such_flags(tmp_path: Path) -> None:
    head = b"\x9e\x0c\r\n" + b"\x01\x02\x03\x04" + bytes(8)
    files: dict[str, Content] = {
        "alpha/a.py": "",
        "alpha/__pycache__/a.cpython-33.pyc": head + b"code",
    }
    artifact = Artifact(path=write_wheel(tmp_path, "alpha", files=files), origin=OriginKind.FILE)
    with open_distribution(artifact, DEFAULT_LIMITS) as distribution:
        assert "alpha/a.py" in distribution.by_path


def test_byte_code_with_the_hash_of_another_source_is_run(tmp_path: Path) -> None:
    """Why a hash in byte code is no reason to trust it."""
    source = b"WHO = 'what was inspected'\n"
    (tmp_path / "a.py").write_bytes(source)
    code = compile("WHO = 'something else'", "a.py", "exec")
    flags = (0b11).to_bytes(4, "little")
    cache = tmp_path / "__pycache__" / f"a.{sys.implementation.cache_tag}.pyc"
    cache.parent.mkdir()
    cache.write_bytes(MAGIC_NUMBER + flags + source_hash(source) + marshal.dumps(code))
    command = [sys.executable, "-c", "import a; print(a.WHO)"]
    shown = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "something else"
