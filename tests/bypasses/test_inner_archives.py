"""Python imports modules from a zip inside of a package, by ``sys.path``, ``__path__``, a ``.pth`` line
or ``zipimport``: what lies there is read as well."""

from __future__ import annotations

import io
import py_compile
import struct
import subprocess
import sys
import zipfile
import zlib
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
from safe_pip.inspection.opening import open_artifact
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


def a_program(end: bytes, *, before: bytes = b"", directory_bytes: int = 0) -> bytes:
    """What unpacks archives knows the signatures, and names of modules for other reasons."""
    record = end + struct.pack("<4H2LH", 0, 0, 0, 0, directory_bytes, 0, 0)
    return b"MZ" + bytes(600) + b"setup.py" + bytes(40) + before + record + bytes(2_000)


@pytest.mark.parametrize(
    ("content", "is_refused"),
    [
        (a_program(b"PK\x05\x06"), False),
        (a_program(b"PK\x05\x06", directory_bytes=70_000), False),
        (a_program(b"PK\x05\x06", before=b"PK\x01\x02" + b"\xff" * 42, directory_bytes=46), True),
        (a_program(b"PK\x05\x06" + bytes(18) + b"PK\x05\x06"), False),
        (a_program(b"PK\x05\x06", before=b"PK\x06\x06" + bytes(72)), True),
    ],
)
def test_program_that_knows_archives_is_none(content: bytes, is_refused: bool) -> None:
    """As in setuptools before 66, which carries the stubs of ``bdist_wininst``."""
    distribution = distribution_of({"demo/wininst-6.0.exe": content})
    if is_refused:
        with pytest.raises(UnscannableError, match="holds modules"):
            with_inner_modules(distribution, DEFAULT_LIMITS)
    else:
        assert with_inner_modules(distribution, DEFAULT_LIMITS) is distribution


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


def python_runs(folder: Path, content: bytes) -> bool:
    place = folder / "lib.zip"
    place.write_bytes(content)
    code = "import sys; sys.path.insert(0, sys.argv[1]); import stage"
    ran = subprocess.run([sys.executable, "-c", code, place], capture_output=True, text=True)
    return ran.stdout == "look-alike\n"


def with_size_and_checksum_of(content: bytes, text: bytes) -> bytes:
    """In both headers of the only member; its data stay as they are."""
    changed = bytearray(content)
    for signature, place in ((b"PK\x03\x04", 14), (b"PK\x01\x02", 16)):
        at = content.index(signature) + place
        changed[at : at + 4] = struct.pack("<L", zlib.crc32(text))
        changed[at + 8 : at + 12] = struct.pack("<L", len(text))
    return bytes(changed)


def stored(files: Mapping[str, Content]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


def with_two_directories(*, is_hidden: bool) -> bytes:
    """Two members. The zip64 record has the directory of both, or of the second alone; the last
    record, which is all that an older Python's import reads, always has the first's."""
    evil, good = stored({"stage.py": HIDDEN}), stored({"data.txt": "x"})
    evil_at, good_at = (each.index(b"PK\x01\x02") for each in (evil, good))
    members = evil[:evil_at] + good[:good_at]
    first = evil[evil_at : evil.index(b"PK\x05\x06")]
    second = bytearray(good[good_at : good.index(b"PK\x05\x06")])
    second[42:46] = struct.pack("<L", evil_at)
    start = len(members) + (len(first) if is_hidden else 0)
    size, count = len(second) + (0 if is_hidden else len(first)), 1 if is_hidden else 2
    end = len(members) + len(first) + len(second)
    wide = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, size, start)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, end, 1)
    narrow_size = len(first) + len(second) + len(wide) + len(locator) if is_hidden else size
    narrow_start = len(members)
    record = struct.pack(
        "<4s4H2LH", b"PK\x05\x06", 0, 0, count, count, narrow_size, narrow_start, 0
    )
    return members + first + bytes(second) + wide + locator + record


def with_unsigned_locator() -> bytes:
    """Two members, of which the last record's directory has the second alone; the zip64 record and
    its locator without a signature are the comment of that."""
    evil, good = stored({"stage.py": HIDDEN}), stored({"data.txt": "x"})
    evil_at, good_at = (each.index(b"PK\x01\x02") for each in (evil, good))
    members = evil[:evil_at] + good[:good_at]
    first = evil[evil_at : evil.index(b"PK\x05\x06")]
    second = bytearray(good[good_at : good.index(b"PK\x05\x06")])
    second[42:46] = struct.pack("<L", evil_at)
    second[32:34] = struct.pack("<H", 76)
    start, size = len(members), len(first) + len(second)
    wide = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 2, 2, size, start)
    locator = struct.pack("<4sLQL", b"", 0, start + size, 1)
    narrow = (len(second) + 76, start + len(first))
    record = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, *narrow, 0)
    return members + first + bytes(second) + wide + locator + record


def test_directory_that_a_newer_python_reads_alone(tmp_path: Path) -> None:
    content = with_unsigned_locator()
    assert python_runs(tmp_path, content) is (sys.version_info >= (3, 13))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.namelist() == ["data.txt"]
    with pytest.raises(UnscannableError, match="holds modules"):
        with_inner_modules(distribution_of({"demo/a.bin": content}), DEFAULT_LIMITS)


def test_size_that_cuts_a_module_short_for_us_alone(tmp_path: Path) -> None:
    """Python's import inflates all there is, and takes all that is stored."""
    source = f"x = 1\n{HIDDEN}".encode()
    cut = with_size_and_checksum_of(zipped({"stage.py": source}), b"x = 1\n")
    assert python_runs(tmp_path, cut)
    assert refusal({"lib.zip": cut}) == "inner-archive"
    empty = with_size_and_checksum_of(stored({"stage.py": source}), b"")
    assert python_runs(tmp_path, empty)
    assert refusal({"lib.zip": empty}) == "inner-archive"


def test_directory_that_an_older_python_reads_alone(tmp_path: Path) -> None:
    hidden = with_two_directories(is_hidden=True)
    with zipfile.ZipFile(io.BytesIO(hidden)) as archive:
        assert archive.namelist() == ["data.txt"], "zipfile sees another one"
    # Python 3.13 learned zip64 here.
    assert python_runs(tmp_path, hidden) is (sys.version_info < (3, 13))
    assert refusal({"lib.zip": hidden}) == "inner-archive"
    # As PyTorch ends its archives, which hold modules too.
    honest = distribution_of({"model.pt": with_two_directories(is_hidden=False)})
    assert "model.pt/stage.py" in with_inner_modules(honest, DEFAULT_LIMITS).by_path


def test_modules_behind_much_else_are_read(tmp_path: Path) -> None:
    behind = b"not a zip" * 600_000 + zipped({"stage.py": HIDDEN})
    assert python_runs(tmp_path, behind)
    with opened(tmp_path, {"demo/weights.bin": behind}) as distribution:
        assert distribution.by_path["demo/weights.bin/stage.py"].read() == HIDDEN.encode()


def test_names_in_a_directory_that_cannot_be_held_are_not_passed_over() -> None:
    """Nor is one of which the names stand before all that is looked at."""
    content = bytearray(zipped({"stage.py": HIDDEN}) + b"x" * (17 << 20))
    record = content.index(b"PK\x05\x06")
    content += content[record : record + 22]
    at = len(content) - 22
    content[at + 12 : at + 16] = struct.pack("<L", at - content.index(b"PK\x01\x02"))
    assert refusal({"model.pt": bytes(content)}, max_loaded_bytes=50) == "inner-archive"


def compiled(folder: Path, mode: py_compile.PycInvalidationMode | None = None) -> bytes:
    source, place = folder / "stage.py", folder / "stage.pyc"
    source.write_text(HIDDEN, encoding="utf-8")
    py_compile.compile(str(source), cfile=str(place), doraise=True, invalidation_mode=mode)
    source.unlink()
    return place.read_bytes()


def test_compiled_modules_of_an_inner_archive_are_seen(tmp_path: Path) -> None:
    """And refused, as they are outside of one."""
    archive = zipped({"stage.pyc": compiled(tmp_path)})
    assert python_runs(tmp_path, archive)
    with (
        pytest.raises(UnscannableError, match=r"demo/lib\.dat/stage\.pyc"),
        opened(tmp_path, {"demo/lib.dat": archive}),
    ):
        pass


def test_compiled_module_of_an_inner_archive_that_hides_its_source(tmp_path: Path) -> None:
    """Unlike in a folder, Python takes it first."""
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    files: dict[str, Content] = {
        "stage.py": "x = 1\n",
        "stage.pyc": compiled(tmp_path, mode),
    }
    assert python_runs(tmp_path, zipped(files))
    assert refusal({"lib.zip": zipped(files)}) == "inner-archive"


def test_what_no_python_takes_hides_no_source(tmp_path: Path) -> None:
    """Of another Python, or no byte code at all, as in test data of honest projects."""
    for content in ('"""fake"""\n', b"\x03\xf3\r\n" + bytes(12)):
        files: dict[str, Content] = {"stage.py": HIDDEN, "stage.pyc": content}
        assert python_runs(tmp_path, zipped(files))
        assert refusal({"lib.zip": zipped(files)}) is None
