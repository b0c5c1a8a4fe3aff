"""Python imports byte code where a source is missing: what nobody can read is refused."""

from __future__ import annotations

import io
import py_compile
import tarfile
import zipfile
from pathlib import Path

import pytest

from safe_pip.archive import DEFAULT_LIMITS
from safe_pip.artifact import Artifact, OriginKind
from safe_pip.errors import EXIT_UNSCANNABLE, UnscannableError
from safe_pip.inspection.opening import open_artifact
from tests.builders import Content, make_tar, tar_member, write_sdist, write_tree, write_wheel
from tests.integration.conftest import workshop  # noqa: F401
from tests.integration.test_faults import nothing_happened, person  # noqa: F401
from tests.integration.test_whole_command import Person

SETUP = "from setuptools import setup\nimport {name}\nsetup(name='demo', version='1.0')\n"

IN_TREE = '[build-system]\nrequires = []\nbuild-backend = "bk"\nbackend-path = ["{}"]\n'


@pytest.fixture
def compiled(tmp_path: Path) -> bytes:
    source = tmp_path / "hidden.py"
    source.write_text("import os\nos.system('echo look-alike')\n")
    return Path(str(py_compile.compile(str(source), str(tmp_path / "hidden.pyc")))).read_bytes()


def refusal(path: Path) -> str:
    """The reason for which an artifact cannot be inspected, empty if it can."""
    artifact = Artifact(path=path, origin=OriginKind.SCANNED)
    try:
        with open_artifact(artifact, DEFAULT_LIMITS):
            return ""
    except UnscannableError as error:
        return error.reason


@pytest.mark.parametrize(
    "place",
    [
        *("demo/hidden.pyc", "hidden.pyc", "hidden/__init__.pyc", "demo/__main__.pyc"),
        *("demo-1.0.data/purelib/hidden.pyc", "demo-1.0.data/platlib/demo/hidden.pyc"),
        "demo-1.0.data/data/lib/python3.11/site-packages/hidden.pyc",
        # Python imports from this folder as from any other.
        *("demo/__pycache__/hidden.pyc", "__pycache__/hidden.pyc", "demo/__pycache__/__init__.pyc"),
        # Beside a script, and where a line of a .pth file may lead.
        *("demo-1.0.data/scripts/hidden.pyc", "demo-1.0.data/data/share/demo/hidden.pyc"),
        *("demo-1.0.data/headers/hidden.pyc", "demo-1.0.data/scripts/__pycache__/hidden.pyc"),
    ],
)
def test_wheel_with_a_module_of_byte_code_alone(
    tmp_path: Path, compiled: bytes, place: str
) -> None:
    files: dict[str, Content] = {"demo/__init__.py": "", place: compiled}
    reason = refusal(write_wheel(tmp_path, "demo", files=files))
    assert reason in ("module-compiled", "bytecode-for-source")


@pytest.mark.parametrize("beside", ["demo/hidden.pyw", "demo/Hidden.py", "demo/hidden.abi3.so"])
def test_what_lies_beside_it_is_no_source(tmp_path: Path, compiled: bytes, beside: str) -> None:
    """Nothing of this would be imported in its place everywhere."""
    files: dict[str, Content] = {"demo/hidden.pyc": compiled, beside: ""}
    assert refusal(write_wheel(tmp_path, "demo", files=files)) == "module-compiled"


ELSEWHERE = ("demo\\hidden.py", "d:demo/hidden.py", "./demo/hidden.py", "demo//hidden.py")


@pytest.mark.parametrize(
    "decoy", [*ELSEWHERE, "./demo-1.0.data/purelib/demo/hidden.py", "demo/hidden.py/../hidden.py"]
)
def test_source_of_a_wheel_that_pip_writes_elsewhere(
    tmp_path: Path, compiled: bytes, decoy: str
) -> None:
    """It would lie beside the byte code for us alone."""
    place = "demo-1.0.data/purelib/demo/hidden.pyc" if "purelib" in decoy else "demo/hidden.pyc"
    files: dict[str, Content] = {"demo/__init__.py": "", place: compiled, decoy: "x = 1\n"}
    assert refusal(write_wheel(tmp_path, "demo", files=files)) == "ambiguous-member"


@pytest.mark.parametrize("decoy", ELSEWHERE)
def test_source_of_a_source_that_pip_writes_elsewhere(
    tmp_path: Path, compiled: bytes, decoy: str
) -> None:
    files: dict[str, Content] = {
        "demo/__init__.py": "",
        "demo/hidden.pyc": compiled,
        decoy: "x = 1\n",
    }
    assert refusal(write_sdist(tmp_path, "demo", files=files)) == "module-compiled"


@pytest.mark.parametrize("name", ["demo-1.0/be\\bk.py", "demo-1.0\\be", "/demo-1.0/be"])
def test_link_in_place_of_a_source_that_pip_writes_elsewhere(
    tmp_path: Path, compiled: bytes, name: str
) -> None:
    target = "other" if name.endswith("be") else "../other/bk.py"
    members: list[tuple[str | tarfile.TarInfo, Content]] = [
        ("demo-1.0/be/bk.pyc", compiled),
        ("demo-1.0/pyproject.toml", IN_TREE.format("be")),
        ("demo-1.0/other/bk.py", ""),
        (tar_member(name, type=tarfile.SYMTYPE, link=target), ""),
    ]
    path = tmp_path / "demo-1.0.tar"
    path.write_bytes(make_tar(members))
    assert refusal(path) in ("backend-compiled", "module-compiled", "ambiguous-member")


def test_tree_is_read_by_the_names_that_it_has(tmp_path: Path, compiled: bytes) -> None:
    """Where a backslash is a letter and no path begins with a drive."""
    for number, decoy in enumerate(ELSEWHERE[:2]):
        tree = write_tree(
            tmp_path / str(number), {"demo/__init__.py": "", "demo/hidden.pyc": compiled}
        )
        write_tree(tree, {decoy: "x = 1\n"})
        assert refusal(tree) == "module-compiled"


def test_tree_with_a_link_to_a_name_that_others_read_otherwise(tmp_path: Path) -> None:
    tree = write_tree(tmp_path / "tree", {"a\\b.txt": "import os\n", "demo.py": ""})
    (tree / "setup.py").symlink_to("a\\b.txt")
    assert refusal(tree) == "ambiguous-member"


def test_decoy_of_a_wheels_metadata(tmp_path: Path) -> None:
    """It would be pip's project for us, and its own for pip."""
    files: dict[str, Content] = {
        "pip/hidden.py": "",
        "./other-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: pip\nVersion: 1.0\n",
    }
    assert refusal(write_wheel(tmp_path, "demo", files=files)) == "ambiguous-member"


@pytest.mark.parametrize(
    "files",
    [
        {"demo/hidden.py": "", "demo/hidden.pyc": b"x"},
        {"demo/__pycache__/hidden.cpython-311.pyc": b"x"},
        {"demo-1.0.data/scripts/hidden.pyc": b"x"},
        {"demo-1.0.data/data/share/hidden.pyc": b"x"},
    ],
)
def test_byte_code_that_no_import_takes_is_let_be(
    tmp_path: Path, files: dict[str, Content]
) -> None:
    assert refusal(write_wheel(tmp_path, "demo", files=files)) == ""


@pytest.mark.parametrize("place", ["hidden.pyc", "hidden/__init__.pyc", "tools/hidden.pyc"])
def test_source_that_builds_with_a_module_of_byte_code_alone(
    tmp_path: Path, compiled: bytes, place: str
) -> None:
    files: dict[str, Content] = {"setup.py": SETUP.format(name="hidden"), place: compiled}
    assert refusal(write_sdist(tmp_path, "demo", files=files)) == "module-compiled"


@pytest.mark.parametrize(
    ("backend_path", "files"),
    [
        (".", {"bk.py": "import __pycache__.hidden\n", "__pycache__/hidden.pyc": ""}),
        (".", {"bk.py": "", "tests/__pycache__/hidden.pyc": ""}),
        (".", {"bk.py": "import sub.a\n", "sub/a.py": "import ns.hidden\n", "ns/hidden.pyc": ""}),
        (".", {"bk.py": "", "sub/a.py": "import tests.hidden\n", "tests/hidden.pyc": ""}),
        (".", {"bk.py": "from importlib import import_module\n", "data/deep/hidden.pyc": ""}),
        ("be", {"be/bk.py": "import hidden\n", "be/hidden.pyc": ""}),
        ("tests/be", {"tests/be/bk.py": "import hidden\n", "tests/be/hidden.pyc": ""}),
        (".", {"bk.py": "", "src/hidden.pyc": ""}),
    ],
)
def test_byte_code_that_a_back_end_could_load(
    tmp_path: Path, compiled: bytes, backend_path: str, files: dict[str, Content]
) -> None:
    """Wherever it lies, and whatever names it."""
    files = {name: compiled if name.endswith(".pyc") else text for name, text in files.items()}
    files["pyproject.toml"] = IN_TREE.format(backend_path)
    assert refusal(write_sdist(tmp_path, "demo", files=files)) == "module-compiled"
    assert refusal(write_tree(tmp_path / "tree", files)) == "module-compiled"


def test_byte_code_among_a_sources_tests_is_let_be(tmp_path: Path, compiled: bytes) -> None:
    files: dict[str, Content] = {
        "setup.py": SETUP.format(name="os"), "tests/data/sample.pyc": compiled
    }  # fmt: skip
    assert refusal(write_sdist(tmp_path, "demo", files=files)) == ""


@pytest.mark.parametrize("place", ["stage.pyc", "__pycache__/stage.pyc", "a/__pycache__/b/c.pyc"])
def test_inner_archive_with_a_module_of_byte_code_alone(
    tmp_path: Path, compiled: bytes, place: str
) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(place, compiled)
    files: dict[str, Content] = {"demo/__init__.py": "", "demo/data.bin": packed.getvalue()}
    assert refusal(write_wheel(tmp_path, "demo", files=files)) == "module-compiled"


def test_nothing_of_it_is_installed(person: Person, compiled: bytes) -> None:  # noqa: F811
    files: dict[str, Content] = {"demo/__init__.py": "", "demo/hidden.pyc": compiled}
    write_wheel(person.workshop.archives, "demo", files=files)
    ended = person.types("install", "demo")
    assert ended.status == EXIT_UNSCANNABLE
    assert "compiled module without its source" in ended.screen
    assert nothing_happened(person)


# What lies here together is no package of the wheel's own.
TOPS = (
    *("demo-1.0.data/purelib/", "demo-1.0.data/scripts/", "demo-1.0.data/data/bin/"),
    "demo-1.0.data/data/lib/python3.11/site-packages/",
)


@pytest.mark.parametrize(
    ("place", "mode", "is_refused"),
    [
        ("__pycache__/six.cpython-311.pyc", py_compile.PycInvalidationMode.UNCHECKED_HASH, True),
        ("__pycache__/six.cpython-311.pyc", py_compile.PycInvalidationMode.TIMESTAMP, True),
        ("__PyCache__/six.cpython-311.PYC", py_compile.PycInvalidationMode.TIMESTAMP, True),
        ("other/__pycache__/a.cpython-311.pyc", py_compile.PycInvalidationMode.TIMESTAMP, True),
        ("demo/__pycache__/a.cpython-311.pyc", py_compile.PycInvalidationMode.TIMESTAMP, False),
        ("demo/__pycache__/a.cpython-311.pyc", py_compile.PycInvalidationMode.CHECKED_HASH, True),
        # No Python that safe-pip knows looks for these.
        (
            "demo/__pycache__/a.cpython-27-PYTEST.pyc",
            py_compile.PycInvalidationMode.CHECKED_HASH,
            False,
        ),
        (
            "six/__pycache__/a.cpython-36.opt-1.pyc",
            py_compile.PycInvalidationMode.CHECKED_HASH,
            False,
        ),
        (
            "demo-1.0.data/data/lib/python3.11/site-packages/six/__pycache__/a.cpython-311.pyc",
            py_compile.PycInvalidationMode.UNCHECKED_HASH,
            True,
        ),
        *(
            (
                f"{folder}__pycache__/six.cpython-311.pyc",
                py_compile.PycInvalidationMode.TIMESTAMP,
                True,
            )
            for folder in TOPS
        ),
    ],
)
def test_byte_code_for_a_source_of_another_project(
    tmp_path: Path, place: str, mode: py_compile.PycInvalidationMode, is_refused: bool
) -> None:
    """Python runs it in place of what that project installed, whose time may be well known."""
    source, cache = tmp_path / "a.py", tmp_path / "a.pyc"
    source.write_text("x = 1\n")
    py_compile.compile(str(source), str(cache), invalidation_mode=mode)
    files: dict[str, Content] = {"demo/__init__.py": "", place: cache.read_bytes()}
    files |= {f"{folder}__init__.py": "" for folder in TOPS if place.startswith(folder)}
    reason = "bytecode-for-source" if is_refused else ""
    assert refusal(write_wheel(tmp_path, "demo", files=files)) == reason
