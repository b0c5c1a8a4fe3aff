"""Each file feature is seen where it should be, and not where it should not."""

from __future__ import annotations

import gzip
import io
import math
import random
import struct
import tarfile
from collections.abc import Mapping

import pytest

from safe_pip.archive import read_archive
from safe_pip.evidence import Evidence
from safe_pip.extractors import files
from safe_pip.extractors.file_kinds import FileKind, kind_of
from safe_pip.feature import FeatureSchema, Fold, Group
from tests.builders import (
    Content,
    make_sdist,
    make_tar,
    make_wheel,
    make_zip,
    tar_member,
    wheel_filename,
)

SCHEMA = FeatureSchema(features=files.FEATURES)
NATIVE_TAG = "cp311-cp311-manylinux_2_28_x86_64"
NOISE = random.Random(0).randbytes(20_000)
ELF_LIBRARY = b"\x7fELF\x02\x01" + bytes(10) + struct.pack("<H", 3) + bytes(100)
ELF_PROGRAM = b"\x7fELF\x02\x01" + bytes(10) + struct.pack("<H", 2) + bytes(100)
MACH_O_PROGRAM = b"\xcf\xfa\xed\xfe" + bytes(8) + struct.pack("<L", 2) + bytes(40)
PYC = b"\xa7\r\r\n" + bytes(12) + b"\xe3\x00\x00"
NAMESPACE_PTH = (
    "import sys, types, os;has_mfs = sys.version_info > (3, 5);"
    "p = os.path.join(sys._getframe(1).f_locals['sitedir'], *('zope',));"
    "importlib = has_mfs and __import__('importlib.util');"
    "has_mfs and __import__('importlib.machinery');"
    "m = has_mfs and sys.modules.setdefault('zope', "
    "importlib.util.module_from_spec(importlib.machinery.PathFinder.find_spec('zope', "
    "[os.path.dirname(p)])));m = m or sys.modules.setdefault('zope', types.ModuleType('zope'));"
    "mp = (m or []) and m.__dict__.setdefault('__path__',[]);(p not in mp) and mp.append(p)\n"
)


def pe(flags: int) -> bytes:
    header = b"MZ" + bytes(0x3A) + struct.pack("<L", 0x80)
    return header.ljust(0x80, b"\0") + b"PE\0\0" + bytes(18) + struct.pack("<H", flags) + bytes(9)


def observed(data: bytes, filename: str) -> list[Evidence]:
    with read_archive(data, filename) as distribution:
        found = list(files.observe(distribution))
    SCHEMA.fold(found)
    return found


def in_wheel(
    members: Mapping[str, Content], *, tag: str = "py3-none-any", name: str = "demo"
) -> list[Evidence]:
    return observed(make_wheel(name, files=members, tag=tag), wheel_filename(name, "1.0", tag=tag))


def in_sdist(members: Mapping[str, Content], *, name: str = "demo") -> list[Evidence]:
    return observed(make_sdist(name, files=members), f"{name}-1.0.tar.gz")


def places(found: list[Evidence], feature: str) -> list[tuple[str, int]]:
    return [(e.location.path, e.location.line) for e in found if e.feature == feature]


def value(found: list[Evidence], feature: str) -> float:
    return float(SCHEMA.fold(found).values[SCHEMA.positions[feature]])


def test_every_feature_is_of_this_group_and_explains_itself() -> None:
    for feature in files.FEATURES:
        assert feature.group is Group.FILE
        assert feature.reason
        assert feature.says
        assert feature.fold is Fold.ANY or math.isfinite(feature.clip), feature.name


def test_evidence_does_not_depend_on_the_order_of_members() -> None:
    members: Mapping[str, Content] = {
        "a/__init__.py": "x = 1",
        "b.pth": "import os; exec('')",
        "c.png": PYC,
    }
    turned = {path: members[path] for path in sorted(members, reverse=True)}
    one, other = (SCHEMA.fold(in_wheel(m)).values.tolist() for m in (members, turned))
    assert one == other


def test_wheel_is_told_from_sdist() -> None:
    assert value(in_wheel({"a.py": "x"}), "is_wheel") == 1
    assert value(in_sdist({"a.py": "x"}), "is_wheel") == 0


def test_sizes_are_logarithmic_and_capped() -> None:
    few = in_wheel({"a.py": "x = 1"})
    assert value(few, "n_py") == pytest.approx(math.log1p(1))
    assert value(few, "n_files") == pytest.approx(math.log1p(4))
    assert value(few, "total_py_bytes") == value(few, "max_py_bytes") > 0
    many = in_wheel({f"m{number}.py": "x = 1\n" * 500 for number in range(300)})
    more = in_wheel({f"m{number}.py": "x = 1\n" * 900 for number in range(500)})
    for feature in ("n_py", "n_files", "total_py_bytes"):
        assert value(many, feature) == value(more, feature)


def test_share_of_code_in_the_setup_script_is_measured() -> None:
    assert value(in_sdist({"setup.py": "x" * 75, "a.py": "y" * 25}), "py_frac_in_setup") == 0.75
    assert value(in_wheel({"setup.py": "x"}), "py_frac_in_setup") == 0


def test_source_that_is_only_a_setup_script_is_seen() -> None:
    stub = {"setup.py": "print(1)", "demo/__init__.py": '"""Doc."""\n__version__ = "1"\n'}
    assert places(in_sdist(stub), "only_setup") == [("setup.py", 1)]
    assert places(in_sdist(stub | {"tests/test_a.py": "print(1)"}), "only_setup")


@pytest.mark.parametrize("path", ["demo/core.py", "demo/fast.c", "single.py"])
def test_source_with_code_to_install_is_not_only_a_setup_script(path: str) -> None:
    found = in_sdist({"setup.py": "print(1)", path: "def f(): return 1"})
    assert not places(found, "only_setup")


def test_package_without_code_is_empty() -> None:
    assert value(in_wheel({"demo/__init__.py": "# nothing\n"}), "empty_package") == 1
    assert value(in_wheel({"demo/__init__.py": "import os\n"}), "empty_package") == 0
    assert value(in_wheel({"demo/__init__.py": "x = (" * 2_000}), "empty_package") == 0


def test_tests_and_documentation_are_seen() -> None:
    assert value(in_sdist({"tests/test_a.py": ""}), "has_tests_docs") == 1
    assert value(in_sdist({"demo/latest.py": ""}), "has_tests_docs") == 0


def test_pth_at_the_root_is_seen_with_the_line_that_runs() -> None:
    found = in_wheel({"demo.pth": "# comment\n./demo\nimport demo_start\n"})
    assert places(found, "pth_present") == [("demo.pth", 0)]
    assert places(found, "pth_import_line") == [("demo.pth", 3)]
    assert not places(found, "pth_suspicious")


def test_pth_of_paths_alone_runs_nothing() -> None:
    found = in_wheel({"demo.pth": "./demo\nimportant\n"})
    assert places(found, "pth_present")
    assert not places(found, "pth_import_line")


@pytest.mark.parametrize("folder", ["demo-1.0.data/purelib/", "demo-1.0.data/platlib/"])
def test_pth_that_reaches_the_root_by_another_way_is_seen(folder: str) -> None:
    assert places(in_wheel({f"{folder}demo.pth": "import a"}), "pth_import_line")


def test_pth_in_data_that_lands_in_site_packages_is_seen() -> None:
    path = "demo-1.0.data/data/lib/python3.11/site-packages/demo.pth"
    assert places(in_wheel({path: "import a"}), "pth_import_line") == [(path, 1)]


def test_pth_after_a_byte_order_mark_is_seen() -> None:
    assert places(in_wheel({"demo.pth": b"\xef\xbb\xbfimport a"}), "pth_import_line")


def test_pth_in_a_source_is_seen() -> None:
    assert places(in_sdist({"src/demo.pth": "import a"}), "pth_import_line")


@pytest.mark.parametrize("path", ["demo/sub.pth", "demo/weights.pth"])
def test_pth_in_a_package_is_never_read(path: str) -> None:
    assert not places(in_wheel({path: "import a"}), "pth_present")


def test_weights_are_no_pth_file() -> None:
    assert not places(in_sdist({"demo.pth": b"\x80\x02\x00import a"}), "pth_present")


@pytest.mark.parametrize(
    "line",
    [
        "import os; exec(open('x').read())",
        "import subprocess; subprocess.Popen(['x'])",
        "import base64; base64.b64decode('eA==')",
        "import urllib.request as u; u.urlopen('http://localhost')",
        "import os; os.system('x')",
        "import sys; " + "x = 1; " * 40,
    ],
)
def test_pth_that_acts_is_suspicious(line: str) -> None:
    found = in_wheel({"demo.pth": f"./demo\n{line}\n"})
    assert set(places(found, "pth_suspicious")) == {("demo.pth", 2)}


def test_pth_of_a_namespace_package_is_not_suspicious() -> None:
    found = in_wheel({"zope-nspkg.pth": NAMESPACE_PTH})
    assert places(found, "pth_import_line")
    assert not places(found, "pth_suspicious")


def test_pth_that_only_resembles_a_namespace_package_is_suspicious() -> None:
    line = NAMESPACE_PTH.replace("'zope'", "'zope' or exec('x')", 1)
    assert places(in_wheel({"zope-nspkg.pth": line}), "pth_suspicious")


@pytest.mark.parametrize("name", ["sitecustomize.py", "usercustomize.py", "sitecustomize.abi3.so"])
def test_start_up_module_is_seen(name: str) -> None:
    assert places(in_wheel({name: ""}), "startup_modules") == [(name, 0)]
    assert places(in_sdist({f"src/{name}": ""}), "startup_modules")


@pytest.mark.parametrize("name", ["demo/sitecustomize.py", "sitecustomize.txt", "mysite.py"])
def test_other_modules_are_not_run_at_start_up(name: str) -> None:
    assert not places(in_wheel({name: ""}), "startup_modules")


def test_ready_made_script_is_seen() -> None:
    path = "demo-1.0.data/scripts/pip"
    assert places(in_wheel({path: "#!python"}), "data_scripts") == [(path, 0)]
    assert not places(in_wheel({"demo/scripts/pip": ""}), "data_scripts")


@pytest.mark.parametrize("below", ["bin/python", "lib/python3.11/os.py", "sitecustomize.py"])
def test_data_outside_of_the_usual_folders_escape(below: str) -> None:
    path = f"demo-1.0.data/data/{below}"
    assert places(in_wheel({path: ""}), "data_escape") == [(path, 0)]


@pytest.mark.parametrize("below", ["share/jupyter/a.json", "etc/demo.conf", "share/man/man1/d.1"])
def test_data_in_the_usual_folders_do_not_escape(below: str) -> None:
    assert not places(in_wheel({f"demo-1.0.data/data/{below}": ""}), "data_escape")


def test_module_of_a_popular_project_is_seen() -> None:
    members = {"requests/__init__.py": "", "requests/api.py": ""}
    found = in_wheel(members, name="requestz")
    assert places(found, "overwrites_popular_toplevel") == [("requests/__init__.py", 0)]
    assert not places(in_wheel(members, name="requests"), "overwrites_popular_toplevel")
    assert not places(in_wheel({"requestz/__init__.py": ""}), "overwrites_popular_toplevel")


@pytest.mark.parametrize("path", [".hidden/a.py", "demo/.cache.py", "demo/.x/run.sh"])
def test_code_under_a_dot_is_hidden(path: str) -> None:
    assert places(in_sdist({path: ""}), "hidden_dot_code") == [(path, 0)]


@pytest.mark.parametrize("path", [".github/scripts/a.py", "demo/.dylibs/a.so", ".flake8", "a.b.py"])
def test_files_of_development_tools_are_not_hidden(path: str) -> None:
    assert not places(in_sdist({path: ""}), "hidden_dot_code")


def test_build_back_end_in_the_tree_is_seen_at_its_line() -> None:
    pyproject = '[build-system]\nrequires = []\nbuild-backend = "b"\nbackend-path = ["."]\n'
    found = in_sdist({"pyproject.toml": pyproject, "b.py": ""})
    assert places(found, "inner_build_backend") == [("pyproject.toml", 4)]
    assert not places(in_sdist({"a.py": ""}), "inner_build_backend")
    assert not places(in_sdist({"pyproject.toml": "[["}), "inner_build_backend")
    assert not places(in_wheel({"pyproject.toml": pyproject}), "inner_build_backend")


@pytest.mark.parametrize(
    ("head", "name", "kind"),
    [
        (ELF_LIBRARY, "libx.so.1", FileKind.LIBRARY),
        (ELF_LIBRARY, "x", FileKind.PROGRAM),
        (ELF_PROGRAM, "libx.so", FileKind.PROGRAM),
        (pe(0x2022), "a.dll", FileKind.LIBRARY),
        (pe(0x0022), "a.dll", FileKind.PROGRAM),
        (MACH_O_PROGRAM, "a", FileKind.PROGRAM),
        (b"MZ is how this text starts", "a.txt", FileKind.TEXT),
        (b"MZ" + bytes(100), "a", FileKind.UNKNOWN),
        (b"PK\x03\x04" + bytes(60), "a", FileKind.ZIP),
        (gzip.compress(b"x"), "a", FileKind.COMPRESSED),
        (PYC, "a", FileKind.BYTECODE),
        (b"\x03\xf3\r\n" + bytes(4) + b"c\x00\x00\x00" + bytes(8), "a", FileKind.BYTECODE),
        (b"ab\r\ncd", "a", FileKind.TEXT),
        (b"\x89PNG\r\n\x1a\n" + bytes(20), "a", FileKind.KNOWN),
        (b"", "a", FileKind.TEXT),
        ("é" * 10 + "x", "a", FileKind.TEXT),
        ("caf\u00e9 au lait".encode("latin-1"), "a", FileKind.TEXT),
        (NOISE[:64], "a", FileKind.UNKNOWN),
    ],
)
def test_kind_is_told_by_content(head: bytes | str, name: str, kind: FileKind) -> None:
    assert kind_of(head.encode() if isinstance(head, str) else head, name) is kind


def test_native_code_in_a_pure_wheel_is_odd() -> None:
    assert places(in_wheel({"demo/_x.so": ELF_LIBRARY}), "native_odd") == [("demo/_x.so", 0)]
    assert not places(in_wheel({"demo/_x.so": ELF_LIBRARY}, tag=NATIVE_TAG), "native_odd")
    assert not places(in_wheel({"demo/_x.so": "no library"}), "native_odd")


def test_native_code_in_a_source_is_odd() -> None:
    assert places(in_sdist({"demo/a.dll": pe(0x2022)}), "native_odd") == [("demo/a.dll", 0)]


def test_pure_wheel_is_told_by_its_tags_where_the_name_does_not_say() -> None:
    data = make_wheel(files={"demo/_x.so": ELF_LIBRARY})
    assert places(observed(data, "demo-1.0.tar.gz"), "native_odd")
    data = make_wheel(files={"demo/_x.so": ELF_LIBRARY}, tag=NATIVE_TAG)
    assert not places(observed(data, "demo-1.0.tar.gz"), "native_odd")


def test_library_that_a_module_names_is_seen_at_the_module_s_line() -> None:
    loader = "import ctypes\n\nctypes.CDLL('terminate.dll')\n"
    members: Mapping[str, Content] = {"demo/__init__.py": loader, "demo/terminate.dll": pe(0x2022)}
    found = in_wheel(members, tag=NATIVE_TAG)
    assert places(found, "native_loaded_by_name") == [("demo/__init__.py", 3)]


@pytest.mark.parametrize(
    ("path", "content"),
    [("demo/a.so", ELF_LIBRARY + b"PyInit_a"), ("demo.libs/a.so", ELF_LIBRARY)],
)
def test_extensions_and_bundled_libraries_may_be_named(path: str, content: bytes) -> None:
    found = in_wheel({"demo/__init__.py": "'a.so'", path: content}, tag=NATIVE_TAG)
    assert not places(found, "native_loaded_by_name")


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("demo/run", ELF_PROGRAM),
        ("demo/run.bin", pe(0x0022)),
        ("demo/a.ps1", "Get-Item"),
        ("demo/a.bat", "echo"),
        ("demo/a.jar", b"PK"),
    ],
)
def test_program_is_seen(path: str, content: Content) -> None:
    assert places(in_wheel({path: content}, tag=NATIVE_TAG), "exe_payload") == [(path, 0)]


@pytest.mark.parametrize(
    ("path", "content"),
    [("demo/_x.so", ELF_LIBRARY), ("docs/make.bat", "sphinx-build"), ("demo/a.py", "MZ = 1")],
)
def test_other_files_are_no_programs(path: str, content: Content) -> None:
    assert not places(in_wheel({path: content}, tag=NATIVE_TAG), "exe_payload")


@pytest.mark.parametrize(
    ("path", "content", "line"),
    [
        ("demo/logo.png", pe(0x0022), 0),
        ("demo/data.json", make_zip([("a.py", "")]), 0),
        ("README.md", ELF_LIBRARY, 0),
        ("demo/logo.ico", PYC, 0),
        ("demo/logo.png", b"\x89PNG" + bytes(99) + make_zip([("a.py", "")]), 0),
        ("demo/font.woff", "# font\nimport os\nos.system('x')\n", 2),
    ],
)
def test_disguise_is_seen(path: str, content: Content, line: int) -> None:
    assert places(in_wheel({path: content}), "magic_ext_mismatch") == [(path, line)]


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("demo/logo.png", b"\x89PNG\r\n\x1a\n" + bytes(64)),
        ("demo/logo.png", "version https://git-lfs.github.com/spec/v1\n"),
        ("demo/logo.svg", "<svg><script>import x</script></svg>"),
        ("demo/data.zip", make_zip([("a.txt", "")])),
        ("README.md", "import os\n"),
    ],
)
def test_what_its_name_says_is_no_disguise(path: str, content: Content) -> None:
    assert not places(in_wheel({path: content}), "magic_ext_mismatch")


def test_bytecode_without_source_is_seen() -> None:
    assert places(in_wheel({"demo/a.pyc": PYC}), "pyc_without_py") == [("demo/a.pyc", 0)]
    assert not places(in_wheel({"demo/a.pyc": PYC, "demo/a.py": ""}), "pyc_without_py")
    cached: dict[str, Content] = {"demo/__init__.py": "", "demo/__pycache__/a.cpython-311.pyc": PYC}
    assert not places(in_wheel(cached), "pyc_without_py")


@pytest.mark.parametrize("compress", [gzip.compress, __import__("bz2").compress])
def test_code_in_an_inner_tar_is_seen(compress: object) -> None:
    assert callable(compress)
    inner = compress(make_tar([("a.txt", "x" * 600), ("b/setup.py", "")]))
    assert places(in_sdist({"demo/x.bin": inner}), "nested_archive_code") == [("demo/x.bin", 0)]


def test_code_in_an_inner_zip_is_seen() -> None:
    inner = make_zip([("pkg/a.py", "")])
    found = in_wheel({"demo/vendor.whl": inner})
    assert places(found, "nested_archive_code") == [("demo/vendor.whl", 0)]


@pytest.mark.parametrize(
    "inner",
    [
        make_zip([("a.txt", "")]),
        b"PK\x03\x04" + bytes(100),
        gzip.compress(b"just text"),
        b"\x1f\x8b\x08" + NOISE,
        b"BZh9" + NOISE,
        b"\xfd7zXZ\x00" + NOISE,
        gzip.compress(make_tar([("a.txt", "")])),
    ],
)
def test_inner_archives_of_data_and_damaged_ones_hold_no_code(inner: bytes) -> None:
    assert not places(in_sdist({"demo/x.bin": inner}), "nested_archive_code")


def test_noise_is_opaque_and_more_so_the_longer_it_is() -> None:
    long, short = in_wheel({"demo/a.bin": NOISE}), in_wheel({"demo/a.bin": NOISE[:4_000]})
    assert places(long, "opaque_blob") == [("demo/a.bin", 0)]
    assert value(long, "opaque_blob") > value(short, "opaque_blob") > 0


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("demo/a.bin", b"\x00\x01\x02\x03" * 5_000),
        ("demo/a.png", b"\x89PNG\r\n\x1a\n" + NOISE),
        ("demo/key.bin", NOISE[:500]),
        ("demo/a.txt", NOISE.hex()),
    ],
)
def test_known_formats_and_structured_data_are_not_opaque(path: str, content: Content) -> None:
    assert not places(in_wheel({path: content}), "opaque_blob")


def test_record_mismatch_is_evidence_at_the_file() -> None:
    data = make_wheel(files={"a.py": "x"}, record="")
    found = observed(data, "demo-1.0-py3-none-any.whl")
    assert ("a.py", 0) in places(found, "record_mismatch")
    assert not places(in_wheel({"a.py": "x"}), "record_mismatch")


def test_archive_anomaly_is_evidence_at_the_member() -> None:
    data = make_zip([("demo-1.0/setup.py", ""), ("demo-1.0/../../evil.py", "")])
    found = observed(data, "demo-1.0.zip")
    assert places(found, "archive_anomaly") == [("evil.py", 0)]
    assert not places(in_sdist({"a.py": ""}), "archive_anomaly")


def test_what_only_tells_how_a_corpus_was_collected_is_no_feature() -> None:
    wheel = observed(make_wheel(), "other-2.0.tar.gz")
    link = tar_member("demo-1.0/b.py", type=tarfile.SYMTYPE, link="a.py")
    buffer = io.BytesIO(gzip.compress(make_tar([("demo-1.0/a.py", ""), (link, "")])))
    twice = gzip.compress(make_tar([("demo-1.0/a.py", "")]) * 2)
    others = (observed(data, "demo-1.0.tar.gz") for data in (buffer.getvalue(), twice))
    for found in (wheel, *others):
        assert not places(found, "archive_anomaly")
