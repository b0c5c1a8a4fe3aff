"""A build frontend calls hooks by name: however a back end gives them, they run while building, and
from wherever it is loaded, it was read."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from safe_pip.archive import DEFAULT_LIMITS
from safe_pip.artifact import Artifact, OriginKind
from safe_pip.distribution import DistributionKind
from safe_pip.errors import EXIT_UNSCANNABLE, UnscannableError
from safe_pip.inspection.build_backend import refuse_unread_backend
from safe_pip.inspection.opening import open_artifact
from tests.builders import Content, write_sdist, write_tree
from tests.integration.canaries import project_files
from tests.integration.conftest import Workshop, workshop  # noqa: F401
from tests.integration.test_faults import nothing_happened, person  # noqa: F401
from tests.integration.test_whole_command import Person
from tests.sources import code_evidence, distribution_of, places

_ACT = "    import os; os.system('echo')\n"
_METHOD = f"class B:\n  def build_wheel(self, *a):\n{_ACT}b = B()\n"
HOOKS_OF_A_BACKEND = {
    "alias": f"def go(*a):\n{_ACT}build_wheel = go\n",
    "alias-in-a-tuple": f"def go(*a):\n{_ACT}build_wheel, x = go, 1\n",
    "alias-in-a-class": f"class B:\n  def go(self, *a):\n{_ACT}  build_wheel = go\nb = B()\n",
    "bound-method": f"class B:\n  def go(self, *a):\n{_ACT}build_wheel = B().go\n",
    "lambda": "import os\n\nbuild_wheel = lambda *a: os.system('echo')\n",
    "partial": f"import functools as f\ndef go(*a):\n{_ACT}build_wheel = f.partial(go, 1)\n",
    "globals": f"def go(*a):\n{_ACT}globals()['build_wheel'] = go\n",
    "attribute-set": f"class B: pass\ndef go(*a):\n{_ACT}b = B()\nb.build_wheel = go\n",
    "setattr": f"class B: pass\ndef go(*a):\n{_ACT}b = B()\nsetattr(b, 'build_wheel', go)\n",
    "namespace": f"import types as t\ndef go(*a):\n{_ACT}b = t.SimpleNamespace(build_wheel=go)\n",
    "module-getattr": f"def go(*a):\n{_ACT}def __getattr__(name):\n    return go\n",
    "method": _METHOD,
}
HOOKS_OF_ANOTHER_MODULE = {
    "import": ("from impl import build_wheel\n", f"def build_wheel(*a):\n{_ACT}"),
    "import-as": ("from impl import go as build_wheel\n", f"def go(*a):\n{_ACT}"),
    "import-of-all": ("from impl import *\n", f"def build_wheel(*a):\n{_ACT}"),
    "object": ("from impl import b\n", _METHOD),
    "base-class": ("import impl\nclass C(impl.B): pass\nb = C()\n", _METHOD),
}
_BACKEND = '[build-system]\nbuild-backend = "backend:b"\nbackend-path = ["."]\n'


@pytest.mark.parametrize("source", HOOKS_OF_A_BACKEND.values(), ids=HOOKS_OF_A_BACKEND)
def test_hook_of_a_build_backend_however_it_is_given(source: str) -> None:
    evidence = code_evidence({"pyproject.toml": _BACKEND, "backend.py": source})
    assert {path for path, _ in places(evidence, "build_backend_code")} == {"backend.py"}


@pytest.mark.parametrize(
    ("source", "other"), HOOKS_OF_ANOTHER_MODULE.values(), ids=HOOKS_OF_ANOTHER_MODULE
)
def test_hook_that_a_build_backend_imports(source: str, other: str) -> None:
    files = {"pyproject.toml": _BACKEND, "backend.py": source, "impl.py": other}
    assert {path for path, _ in places(code_evidence(files), "build_backend_code")} == {"impl.py"}


def test_wrapper_of_another_backend_calls_only_its_own_hooks() -> None:
    source = (
        "from setuptools import build_meta as _meta\nfrom setuptools.build_meta import *\n"
        "__all__ = ['build_sdist', 'build_wheel']\nbuild_sdist = _meta.build_sdist\n"
        f"def build_wheel(*a):\n    return _meta.build_wheel(*a)\ndef other():\n{_ACT}"
    )
    evidence = code_evidence({"pyproject.toml": _BACKEND, "backend.py": source})
    assert places(evidence, "build_backend_code") == set()


def zipped(name: str, content: Content) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(name, content)
    return packed.getvalue()


@pytest.mark.parametrize(
    ("backend_path", "place", "folder"),
    [
        ("lib.zip", "lib.zip", ""),
        ("./data//lib.dat", "data/lib.dat", ""),
        ("lib.dat/inner", "lib.dat", "inner/"),
    ],
)
def test_build_back_end_in_an_archive_inside_of_the_source(
    person: Person,  # noqa: F811
    backend_path: str,
    place: str,
    folder: str,
) -> None:
    """Whatever the file is called, Python imports from it, and nobody had read what is in it."""
    workshop = person.workshop  # noqa: F811
    files = project_files("alpha")
    files[place] = zipped(f"{folder}backend.py", files.pop("backend.py"))
    files["pyproject.toml"] = str(files["pyproject.toml"]).replace('["."]', f'["{backend_path}"]')
    write_sdist(workshop.archives, "alpha", files=files)
    assert workshop.plain("install", "alpha") == 0
    assert "alpha backend" in workshop.marks, "plain pip runs it"
    workshop.make_environment()
    workshop.forget_marks()
    ended = person.types("install", "--no-cache-dir", "alpha")
    assert ended.status == EXIT_UNSCANNABLE, ended.screen
    assert "lib." in ended.screen
    assert nothing_happened(person)


def refusal(files: dict[str, bytes], kind: DistributionKind = DistributionKind.SDIST) -> str | None:
    try:
        refuse_unread_backend(replace(distribution_of(files), kind=kind))
    except UnscannableError as error:
        return error.reason
    return None


PYPROJECT = b'[build-system]\nrequires = []\nbuild-backend = "%s"\nbackend-path = ["%s"]\n'
COMPILED = {
    "no-source": ("backend", ".", ["backend.pyc"]),
    "of-a-package": ("backend", ".", ["backend/__init__.pyc"]),
    "package-before-module": ("backend", ".", ["backend.py", "backend/__init__.pyc"]),
    "extension-before-source": ("backend", ".", ["backend.py", "backend.so"]),
    "extension-of-a-platform": ("b.c", "src", ["src/b/__init__.py", "src/b/c.abi3.so"]),
    "extension-of-a-package": ("b.c", "./src/", ["src/b/__init__.cpython-311-x86_64-linux-gnu.so"]),
    "under-the-name-of-setuptools": ("", ".", ["setuptools/build_meta.pyc"]),
    "source-in-other-case": ("backend", "be", ["be/backend.pyc", "be/Backend.py"]),
    "folder-in-other-case": ("backend", "be", ["be/backend.pyc", "BE/backend.py"]),
    "object-of-a-module": ("backend:hooks", "_build", ["_build/backend.pyc"]),
}


@pytest.mark.parametrize(("backend", "path", "files"), COMPILED.values(), ids=COMPILED)
def test_build_back_end_that_is_compiled(backend: str, path: str, files: list[str]) -> None:
    pyproject = PYPROJECT % (backend.encode(), path.encode())
    content = {"pyproject.toml": pyproject, **dict.fromkeys(files, b"")}
    assert refusal(content) == "backend-compiled"
    assert refusal(content, DistributionKind.DIRECTORY) == "backend-compiled"
    in_other_case = {"PyProject.toml": pyproject, **dict.fromkeys(files, b"")}
    assert refusal(in_other_case) == "backend-compiled"
    assert refusal(content, DistributionKind.WHEEL) is None, "nothing builds a wheel"


@pytest.mark.parametrize(
    ("backend", "path", "files"),
    [
        ("backend", ".", []),
        ("backend", "other", ["backend.py"]),
        ("a.b", ".", ["a/__init__.py", "a.py"]),
        ("backend", ".", ["Backend.py"]),
        ("backend", "__pycache__", ["__pycache__/backend.cpython-311.pyc"]),
    ],
)
def test_build_back_end_that_is_nowhere(backend: str, path: str, files: list[str]) -> None:
    """pip would take it from there all the same, or stop: something was not read."""
    pyproject = PYPROJECT % (backend.encode(), path.encode())
    assert refusal({"pyproject.toml": pyproject, **dict.fromkeys(files, b"")}) == "backend-unread"


@pytest.mark.parametrize("place", ["a\\b", "a/b"])
def test_build_back_end_behind_a_backslash(tmp_path: Path, place: str) -> None:
    """It is a letter of a name, or parts folders: either way there is an archive."""
    files: dict[str, Content] = {
        place: zipped("backend.py", ""),
        "pyproject.toml": PYPROJECT % (b"backend", b"a\\\\b"),
    }
    decoy = "a/b" if place == "a\\b" else "a\\b"
    tree = write_tree(tmp_path, {**files, f"{decoy}/backend.py": ""})
    with pytest.raises(UnscannableError) as caught:
        open_artifact(Artifact(path=tree, origin=OriginKind.DIRECTORY), DEFAULT_LIMITS).__enter__()
    assert caught.value.reason == "backend-in-archive"


@pytest.mark.parametrize(
    "written",
    [
        b'build-system = {build-backend = "b", "backend-path" = ["x.zip"]}',
        b'[build-system]\n"backend-path" = [\n"." , # ]\n"x.zip"]\nbuild-backend = "b"',
        b'build-system.backend-path = ["x.zip"]',
        b'\xef\xbb\xbf[build-system]\nbackend-path = ["x.zip"]',
        b'build-system.backend-path = ["X.ZIP"]',
        b'build-system.backend-path = "x"',
        b'[build-system.backend-path]\n"x.zip" = true',
    ],
)
def test_however_the_path_is_written(written: bytes) -> None:
    assert refusal({"pyproject.toml": written, "x.zip": b"", "x": b""}) == "backend-in-archive"


@pytest.mark.parametrize("others", [0, 60], ids=["alone", "behind many"])
def test_link_out_of_the_source_on_the_way_to_the_back_end(tmp_path: Path, others: int) -> None:
    """Python imports from a file of any name, and what the link leads to is nobody's code yet."""
    outside = tmp_path / "outside.dat"
    outside.write_bytes(b"")
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "pyproject.toml").write_bytes(PYPROJECT % (b"backend", b"lib/here"))
    (tree / "lib").mkdir()
    (tree / "lib" / "here").symlink_to(outside)
    for number in range(others):
        (tree / f"a{number}").symlink_to(outside)
    artifact = Artifact(path=tree, origin=OriginKind.VCS)
    with (
        pytest.raises(UnscannableError, match=r"a link out of the source|too many links lead out"),
        open_artifact(artifact, DEFAULT_LIMITS),
    ):
        pass


@pytest.mark.parametrize(
    "pyproject",
    [
        b"#" * (2 << 20),
        PYPROJECT % (b"b", b'.", ' + b'".", ' * 999 + b'"'),
        PYPROJECT % (b"b." * 999, b"."),
    ],
    ids=["bytes", "folders", "parts"],
)
def test_what_is_too_large_to_be_read_is_not_passed_over(pyproject: bytes) -> None:
    assert refusal({"pyproject.toml": pyproject}) == "metadata-too-large"


@pytest.mark.parametrize(
    "files",
    [
        {"backend.py": b"", "backend_data.so": b"", "other.pyc": b""},
        {"backend/__init__.py": b"", "backend/fast.so": b"", "backend.pyc": b""},
        {"backend.py": b"", "backend.pyc": b""},
    ],
)
def test_ordinary_back_ends_are_read(files: dict[str, bytes]) -> None:
    assert refusal({"pyproject.toml": PYPROJECT % (b"backend", b"."), **files}) is None


@pytest.mark.parametrize("pyproject", [b"", b"not toml", b"[build-system]", b"build-system = 3"])
def test_no_back_end_of_its_own(pyproject: bytes, tmp_path: Path) -> None:
    assert refusal({"pyproject.toml": pyproject}) is None
    path = write_sdist(tmp_path, "alpha", files={"setup.py": "", "pyproject.toml": pyproject})
    artifact = Artifact(path=path, origin=OriginKind.SCANNED)
    with open_artifact(artifact, DEFAULT_LIMITS) as distribution:
        assert distribution.project == "alpha"
