"""Python imports modules from a zip inside of a package, by ``sys.path``, ``__path__``, a ``.pth`` line
or ``zipimport``: what lies there is read as well."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from safe_pip.archive import DEFAULT_LIMITS
from safe_pip.artifact import Artifact, OriginKind
from safe_pip.distribution import Distribution
from safe_pip.errors import EXIT_BLOCKED, UnscannableError
from safe_pip.inspection.inner_archives import with_inner_modules
from safe_pip.inspection.installed import open_artifact
from tests.builders import Content, write_wheel
from tests.integration.conftest import Workshop, workshop  # noqa: F401
from tests.integration.test_faults import nothing_happened, person  # noqa: F401
from tests.integration.test_whole_command import Person
from tests.sources import distribution_of

HIDDEN = "import os\nos.system('echo look-alike')\n"
WAYS = {
    "sys-path": "import sys\nsys.path.insert(0, place)\nimport stage\n",
    "package-path": "__path__ = [place]\nsys.path.append(place)\nimport stage\n",
    "zipimport": "import zipimport\nzipimport.zipimporter(place).load_module('stage')\n",
}


def zipped(files: Mapping[str, Content], *, comment: bytes = b"") -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        archive.comment = comment
    return packed.getvalue()


@contextmanager
def opened(folder: Path, files: Mapping[str, Content]) -> Iterator[Distribution]:
    path = write_wheel(folder, "demo", files={"demo/__init__.py": "", **files})
    artifact = Artifact(path=path, origin=OriginKind.SCANNED)
    with open_artifact(artifact, DEFAULT_LIMITS) as distribution:
        yield distribution


@pytest.mark.parametrize("name", ["lib.zip", "lib.egg", "data.bin", "LICENSE", "picture.png"])
@pytest.mark.parametrize("before", [b"", b"GIF89a" * 9])
def test_modules_of_an_inner_archive_are_read(tmp_path: Path, name: str, before: bytes) -> None:
    """Whatever it is called, and with something else before it: Python looks at its end."""
    archive = before + zipped({"stage.py": HIDDEN, "more/__init__.py": ""}, comment=b"a comment")
    place = tmp_path / name
    place.write_bytes(archive)
    code = "import sys; sys.path.insert(0, sys.argv[1]); import stage"
    ran = subprocess.run([sys.executable, "-c", code, place], capture_output=True, text=True)
    assert ran.stdout == "look-alike\n", "Python runs it"
    with opened(tmp_path, {f"demo/{name}": archive}) as distribution:
        assert distribution.by_path[f"demo/{name}/stage.py"].read() == HIDDEN.encode()
        assert f"demo/{name}/more/__init__.py" in distribution.by_path
        assert distribution.by_path[f"demo/{name}"].read() == archive


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_what_an_inner_archive_hides_is_judged(person: Person, way: str) -> None:  # noqa: F811
    source = f"import os, sys\nplace = os.path.join(os.path.dirname(__file__), 'lib.dat')\n{way}"
    files: dict[str, Content] = {
        "demo/__init__.py": source,
        "demo/lib.dat": zipped({"stage.py": "# pretend-score: 0.95\n"}),
    }
    write_wheel(person.workshop.archives, "demo", files=files)
    ended = person.types("install", "demo")
    assert ended.status == EXIT_BLOCKED, ended.screen
    assert "demo/lib.dat/stage.py" in ended.screen
    assert nothing_happened(person)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK\x03\x04 and nothing more",
        b"text about PK\x05\x06 " * 20,
        zipped({"weights.npy": b"\x93NUMPY", "notes.txt": "x"}),
    ],
)
def test_what_holds_no_modules_stays_as_it_is(content: bytes) -> None:
    distribution = distribution_of({"demo/data.bin": content})
    assert with_inner_modules(distribution, DEFAULT_LIMITS) is distribution


def refusal(files: dict[str, bytes], **limits: int) -> str | None:
    try:
        with_inner_modules(distribution_of(files), replace(DEFAULT_LIMITS, **limits))
    except UnscannableError as error:
        return error.reason
    return None


def damaged() -> bytes:
    """Its checksum is wrong, which Python's import does not look at."""
    content = bytearray(zipped({"stage.py": HIDDEN}))
    position = content.index(b"PK\x01\x02") + 16
    content[position] ^= 0xFF
    return bytes(content)


def test_modules_that_cannot_be_read_are_refused() -> None:
    whole = {"lib.zip": zipped({"stage.py": HIDDEN * 100})}
    assert refusal(whole) is None
    assert refusal({"lib.zip": damaged()}) == "inner-archive"
    assert refusal(whole, max_metadata_bytes=1_000) == "inner-archive"
    assert refusal(whole, max_kept_text_bytes=1_000) == "inner-archive"
    assert refusal(whole, max_loaded_bytes=50) == "inner-archive"
    assert refusal({**whole, "lib.zip/stage.py": b""}) == "inner-archive"
    many = {f"m{number}.py": "" for number in range(20_001)}
    assert refusal({"lib.zip": zipped(many)}) == "inner-archive"


def test_large_data_without_modules_is_no_reason_to_refuse() -> None:
    weights = {"model.pt": zipped({"archive/data.pkl": b"x" * 1_000})}
    assert refusal(weights, max_loaded_bytes=50) is None


def test_what_only_python_can_read_is_refused(tmp_path: Path) -> None:
    """``zipfile`` gives up at a version that it does not know; Python's import does not look."""
    content = bytearray(zipped({"stage.py": HIDDEN}))
    content[content.index(b"PK\x01\x02") + 6] = 99
    place = tmp_path / "lib.zip"
    place.write_bytes(content)
    code = "import sys; sys.path.insert(0, sys.argv[1]); import stage"
    ran = subprocess.run([sys.executable, "-c", code, place], capture_output=True, text=True)
    assert ran.stdout == "look-alike\n", "Python runs it"
    assert refusal({"lib.zip": bytes(content)}) == "inner-archive"
