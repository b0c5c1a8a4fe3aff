"""What a wheel is, what its RECORD says, and what metadata say."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace

import pytest

from safe_pip.archive import DEFAULT_LIMITS
from safe_pip.distribution import DistributionKind
from safe_pip.file_names import disagreement, parse_file_name
from tests.builders import core_metadata, make_sdist, make_wheel, make_zip, record_text
from tests.reading import SDIST, WHEEL, ZIP_SDIST, anomaly_kinds, opened, refusal

DIST_INFO = "demo-1.0.dist-info"


def record_anomalies(data: bytes) -> dict[str, str]:
    anomalies = opened(data, WHEEL).anomalies
    return {a.path: a.detail for a in anomalies if a.kind == "record-mismatch"}


def wheel_with_record(rows: str, **files: str) -> bytes:
    return make_wheel(files=files or {"a.py": "x"}, record=rows)


def own_rows() -> str:
    """The rows of what make_wheel adds itself."""
    wheel = opened(make_wheel(files={}), WHEEL)
    return next(file for file in wheel.files if file.path.endswith("RECORD")).read().decode()


def test_wheel_is_told_by_its_dist_info() -> None:
    wheel = opened(make_wheel("My.Demo", "1.0"), "my_demo-1.0-py3-none-any.whl")
    assert wheel.kind is DistributionKind.WHEEL
    assert (wheel.project, wheel.version) == ("my-demo", "1.0")


def test_wheel_named_sdist_is_a_wheel_with_an_anomaly() -> None:
    wheel = opened(make_wheel(), SDIST)
    assert wheel.kind is DistributionKind.WHEEL
    assert {a.kind for a in wheel.anomalies} == {"misnamed-format"}


def test_sdist_named_wheel_is_an_sdist_with_an_anomaly() -> None:
    sdist = opened(make_sdist(format="zip"), WHEEL)
    assert sdist.kind is DistributionKind.SDIST
    assert "misnamed-format" in {a.kind for a in sdist.anomalies}


def test_zip_with_dist_info_and_setup_script_is_a_source_as_pip_takes_it() -> None:
    data = make_wheel(files={"setup.py": "print('runs')"})
    assert opened(data, ZIP_SDIST).kind is DistributionKind.SDIST
    assert opened(data, WHEEL).kind is DistributionKind.WHEEL


def test_wheel_without_a_telling_name_is_a_wheel() -> None:
    assert opened(make_wheel(), "download").kind is DistributionKind.WHEEL


def test_changed_file_is_a_record_mismatch() -> None:
    rows = record_text({"a.py": "y"}, f"{DIST_INFO}/RECORD") + own_rows()
    assert record_anomalies(wheel_with_record(rows)) == {
        "a.py": "is not the content that RECORD lists"
    }


def test_added_file_is_a_record_mismatch() -> None:
    assert record_anomalies(wheel_with_record(own_rows())) == {"a.py": "is not listed in RECORD"}


def test_missing_file_is_a_record_mismatch() -> None:
    rows = record_text({"a.py": "x", "b.py": ""}, f"{DIST_INFO}/RECORD") + own_rows()
    assert record_anomalies(wheel_with_record(rows)) == {
        "b.py": "is listed in RECORD and not there"
    }


def test_other_size_is_a_record_mismatch() -> None:
    rows = record_text({"a.py": "x"}, f"{DIST_INFO}/RECORD").replace(",1\n", ",2\n") + own_rows()
    assert "a.py" in record_anomalies(wheel_with_record(rows))


def test_row_without_a_digest_is_a_record_mismatch() -> None:
    assert "a.py" in record_anomalies(wheel_with_record("a.py,,\n" + own_rows()))


def test_row_given_twice_differently_is_a_record_mismatch() -> None:
    rows = record_text({"a.py": "x"}, f"{DIST_INFO}/RECORD") + "a.py,sha256=AAAA,1\n" + own_rows()
    assert record_anomalies(wheel_with_record(rows)) == {"a.py": "is listed twice, differently"}


def test_missing_record_is_a_mismatch() -> None:
    assert "record-mismatch" in anomaly_kinds(make_wheel(record=False), WHEEL)


@pytest.mark.parametrize("algorithm", ["sha384", "sha512"])
def test_stronger_digests_are_checked(algorithm: str) -> None:
    digest = base64.urlsafe_b64encode(hashlib.new(algorithm, b"x").digest()).decode()
    assert not record_anomalies(wheel_with_record(f"a.py,{algorithm}={digest},1\n" + own_rows()))
    assert record_anomalies(wheel_with_record(f"a.py,{algorithm}=AAAA,1\n" + own_rows()))


def test_weak_digest_is_a_record_mismatch() -> None:
    digest = base64.urlsafe_b64encode(hashlib.md5(b"x").digest()).decode()
    assert record_anomalies(wheel_with_record(f"a.py,md5={digest},1\n" + own_rows()))


def test_record_with_backslashes_and_quotes_is_understood() -> None:
    files = {"demo/a,b.py": "x", "demo/c.py": "y"}
    rows = record_text(files, f"{DIST_INFO}/RECORD").replace("demo/c.py", "demo\\c.py")
    assert not record_anomalies(make_wheel(files=files, record=rows + own_rows()))


@pytest.mark.parametrize("rows", ["\0,\0,\0", '"', "x" * 200_000, ",,,,,\n\n", '"a\n\n,'])
def test_record_that_is_no_table_is_a_mismatch_and_no_crash(rows: str) -> None:
    assert record_anomalies(wheel_with_record(rows))


def test_oversized_record_is_refused() -> None:
    limits = replace(DEFAULT_LIMITS, max_record_bytes=10)
    assert refusal(make_wheel(), WHEEL, limits=limits) == "file-too-large"


def test_anomalies_of_one_kind_are_capped() -> None:
    files = {f"{number}.py": "" for number in range(500)}
    assert len(opened(make_wheel(files=files, record=""), WHEEL).anomalies) == 50


@pytest.mark.parametrize("name", ["METADATA", "RECORD", "deep/x"])
def test_two_dist_infos_are_refused_as_by_pip(name: str) -> None:
    data = make_wheel(files={f"aaa-9.dist-info/{name}": core_metadata("aaa", "9")})
    assert refusal(data, WHEEL) == "ambiguous-member"


@pytest.mark.parametrize(
    ("filename", "project", "version", "is_said"),
    [
        (WHEEL, "demo", "1.0", False),
        (WHEEL, "other", "1.0", True),
        (WHEEL, "demo", "2.0", True),
        ("demo-1.0+local.1-py3-none-any.whl", "demo", "1.0+local.1", False),
        ("my_demo-1.0.tar.gz", "my-demo", "1.0", False),
        ("my-demo-1.0-beta.tar.gz", "my-demo", "1.0b0", False),
        ("my-demo-1.0-dev-3.zip", "my-demo", "1.0-dev-3", False),
        ("my-demo-1.0.tar.gz", "my", "1.0", True),
        ("demo-1.0.tar.gz", "demo", "1.0.0", False),
        ("demo-1.0.tar.gz", "demo", "1.1", True),
        ("whatever.tar.gz", "demo", "1.0", False),
    ],
)
def test_file_name_and_metadata_are_compared_as_pip_does(
    filename: str, project: str, version: str, is_said: bool
) -> None:
    data = make_wheel(files={}, metadata=core_metadata(project, version), record=False)
    name = parse_file_name(filename)
    stated = opened(data, "x").project
    assert stated == project
    assert (disagreement(name, stated, version) is not None) is is_said


def test_other_name_inside_is_an_anomaly() -> None:
    data = make_sdist("other", "1.0", top_folder="demo-1.0")
    assert "name-mismatch" in anomaly_kinds(data, SDIST)


def test_headers_hold_every_value_in_order() -> None:
    metadata = (
        "Metadata-Version: 2.1\nName: Demo\nVersion: 1.0\nSummary: A demo\n"
        "Classifier: A :: B\nClassifier: C\nProject-URL: Home, https://a.example\n"
        "Project-URL: Bugs, https://b.example\nRequires-Dist: x>1\nRequires-Dist: y\n"
        "Keywords: a,b\nX-Odd: 1\nAuthor: J\u00fcrgen\n\nLong\ntext\n"
    )
    wheel = opened(make_wheel(metadata=metadata), WHEEL)
    assert wheel.headers["classifier"] == ("A :: B", "C")
    assert wheel.headers["project-url"] == ("Home, https://a.example", "Bugs, https://b.example")
    assert wheel.headers["requires-dist"] == ("x>1", "y")
    assert wheel.header("Keywords") == "a,b"
    assert wheel.header("X-Odd") == "1"
    assert wheel.header("author") == "J\u00fcrgen"
    assert wheel.description == "Long\ntext\n"
    assert "description" not in wheel.headers


def test_description_in_a_header_is_the_description() -> None:
    wheel = opened(make_wheel(metadata="Name: demo\nDescription: old style\n"), WHEEL)
    assert "old style" in wheel.description


@pytest.mark.parametrize(
    "metadata",
    [
        b"",
        b"\xff\xfe\x00",
        b"no colon at all",
        b"Name: a\nName: b\nVersion:\n",
        b"Content-Type: multipart/mixed; boundary=x\nName: demo\n\n--x\n\n--x--\n",
        b"Name: \xe9\xff\nVersion: \xff\n\n\xff",
        b": : :\n\n",
        b"Name: =?utf-8?q?demo?=\n",
    ],
)
def test_bad_metadata_never_fail(metadata: bytes) -> None:
    wheel = opened(make_wheel(metadata=metadata), WHEEL)
    assert wheel.kind is DistributionKind.WHEEL


def test_project_is_taken_from_the_file_name_without_metadata() -> None:
    data = make_zip([("demo-1.0/a.py", "")])
    assert opened(data, "my-demo-1.0.zip").project == "my-demo"
    assert opened(data, "my-demo-1.0.zip").version == "1.0"
    assert opened(data, "download").project is None


def test_oversized_metadata_are_refused() -> None:
    limits = replace(DEFAULT_LIMITS, max_metadata_bytes=100)
    data = make_wheel(description="x" * 200)
    assert refusal(data, WHEEL, limits=limits) == "metadata-too-large"


def test_metadata_with_very_many_fields_are_refused() -> None:
    metadata = "".join(f"X-{number}: 1\n" for number in range(5_000))
    assert refusal(make_wheel(metadata=metadata), WHEEL) == "metadata-too-large"


def test_pyproject_stands_in_for_missing_pkg_info() -> None:
    pyproject = """
[project]
name = "My.Demo"
version = "2.0"
description = "A demo"
keywords = ["a", "b"]
authors = [{name = "A", email = "a@b.example"}, {name = "B"}]
license = {text = "MIT"}
classifiers = ["A :: B"]
dependencies = ["x>1"]
urls = {Home = "https://a.example"}
optional-dependencies = {extra = ["y"]}
readme = {text = "Long", content-type = "text/plain"}
"""
    sdist = opened(make_sdist(files={"pyproject.toml": pyproject}, pkg_info=False), "x")
    assert (sdist.project, sdist.version) == ("my-demo", "2.0")
    assert sdist.header("summary") == "A demo"
    assert sdist.header("keywords") == "a,b"
    assert sdist.header("author-email") == "A <a@b.example>"
    assert sdist.header("author") == "B"
    assert sdist.header("license") == "MIT"
    assert sdist.headers["requires-dist"] == ("x>1", 'y; extra == "extra"')
    assert sdist.header("project-url") == "Home, https://a.example"
    assert sdist.description == "Long"


def test_setup_cfg_stands_in_for_missing_pkg_info() -> None:
    setup_cfg = (
        "[metadata]\nname = demo\nversion = attr: demo.__version__\ndescription = A demo\n"
        "url = https://a.example\nclassifiers =\n    A :: B\n    C\n"
    )
    sdist = opened(make_sdist(files={"setup.cfg": setup_cfg, "setup.py": ""}, pkg_info=False), "x")
    assert (sdist.project, sdist.version) == ("demo", None)
    assert sdist.header("home-page") == "https://a.example"
    assert sdist.headers["classifier"] == ("A :: B", "C")


@pytest.mark.parametrize(
    "pyproject",
    ["[project", "project = 1", "[project]\nname = 1", "a = " + "[" * 5_000, "[project]\nurls = 3"],
)
def test_bad_pyproject_never_fails(pyproject: str) -> None:
    data = make_sdist(files={"pyproject.toml": pyproject}, pkg_info=False)
    assert opened(data, SDIST).project == "demo"


def test_egg_info_is_the_last_resort() -> None:
    files = {"setup.py": "", "src/demo.egg-info/PKG-INFO": core_metadata("demo", "3")}
    assert opened(make_sdist(files=files, pkg_info=False), "x").version == "3"
