"""Installed copies: what is read of them, and how they are audited."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import subprocess
import sys
import venv
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from safe_pip.archive import DEFAULT_LIMITS
from safe_pip.artifact import Artifact, OriginKind
from safe_pip.cli.installed_copies import installed_copies
from safe_pip.cli.surroundings import Surroundings
from safe_pip.distribution import Distribution
from safe_pip.errors import UnscannableError
from safe_pip.evidence import Surface
from safe_pip.extractors.surfaces import surfaces_of
from safe_pip.gates.site_folders import find_site_folders
from safe_pip.inspection.opening import open_artifact
from safe_pip.inspection.unscannable import claimed_names
from tests.builders import Content, make_wheel, write_tree
from tests.homes import use_home
from tests.unit.test_threats import osv, write

Run = Callable[..., int]


def install(
    site: Path,
    name: str = "demo",
    *,
    files: Mapping[str, Content] | None = None,
    outside: Mapping[str, Content] | None = None,
    entry_points: str | None = None,
) -> Path:
    """A wheel as pip leaves it; ``outside`` are files above site-packages. Gives its metadata."""
    with zipfile.ZipFile(io.BytesIO(make_wheel(name, files=files, entry_points=entry_points))) as w:
        w.extractall(site)
    metadata = site / f"{name}-1.0.dist-info"
    rows = [(metadata / "RECORD").read_text()]
    for path, content in (outside or {}).items():
        write_tree(site, {path: content})
        data = (site / path).read_bytes()
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        rows.append(f"{path},sha256={digest},{len(data)}\n")
    (metadata / "RECORD").write_text("".join(rows))
    return metadata


def read(path: Path) -> Distribution:
    artifact = Artifact(path=path, origin=OriginKind.INSTALLED)
    with open_artifact(artifact, DEFAULT_LIMITS) as distribution:
        return distribution


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "env" / "lib" / "python3.11" / "site-packages"
    folder.mkdir(parents=True)
    return folder


def paths(distribution: Distribution) -> set[str]:
    return {file.path for file in distribution.files}


def test_an_installed_copy_has_the_files_of_its_record_and_no_others(site: Path) -> None:
    write_tree(site, {"other.py": "", "demo/added_later.py": ""})
    distribution = read(install(site))
    assert (distribution.project, distribution.version) == ("demo", "1.0")
    assert "demo/__init__.py" in paths(distribution)
    assert not paths(distribution) & {"other.py", "demo/added_later.py"}
    assert distribution.anomalies == ()


def test_what_no_record_lists_is_read_too(site: Path) -> None:
    install(site)
    write_tree(site, {"evil.pth": "import evil", "demo/added_later.py": ""})
    distribution = read(site)
    assert paths(distribution) == {"evil.pth", "demo/added_later.py"}
    assert surfaces_of(distribution)["evil.pth"] is Surface.STARTUP


def test_a_package_behind_a_link_is_read_and_a_circle_ends(site: Path, tmp_path: Path) -> None:
    write_tree(tmp_path / "elsewhere", {"__init__.py": "import os"})
    (site / "linked").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    (site / "circle").symlink_to(site, target_is_directory=True)
    assert paths(read(site)) == {"linked/__init__.py"}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
def test_a_pipe_in_place_of_a_file_does_not_hang_the_audit(site: Path) -> None:
    metadata = install(site)
    for name in ("RECORD", "direct_url.json"):
        (metadata / name).unlink(missing_ok=True)
        os.mkfifo(metadata / name)
    assert list(installed_copies([site])) == [metadata, site]
    with pytest.raises(UnscannableError):
        read(metadata)
    kinds = {anomaly.path: anomaly.kind for anomaly in read(site).anomalies}
    assert kinds["demo-1.0.dist-info/RECORD"] == "device-member"


def test_generated_scripts_are_code_and_others_are_ready_made(site: Path) -> None:
    metadata = install(
        site,
        outside={"../../../bin/demo": "import demo", "../../../bin/raw": "import os"},
        entry_points="[console_scripts]\ndemo = demo:main\n",
    )
    assert {"bin/demo", "demo-1.0.data/scripts/raw"} <= paths(read(metadata))


def test_data_outside_of_the_modules_is_read(site: Path) -> None:
    metadata = install(site, outside={"../../../share/man/demo.1": "x", "../../../odd/x.py": "1"})
    assert {"demo-1.0.data/data/share/man/demo.1", "demo-1.0.data/data/odd/x.py"} <= paths(
        read(metadata)
    )


def test_a_file_that_changed_after_it_was_installed_is_noted(site: Path) -> None:
    metadata = install(site)
    (site / "demo" / "__init__.py").write_text("import evil")
    (anomaly,) = read(metadata).anomalies
    assert (anomaly.kind, anomaly.path) == ("record-mismatch", "demo/__init__.py")


def test_nothing_outside_of_the_environment_is_read(site: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.py"
    metadata = install(site, outside={"../../../../secret.py": "x"})
    distribution = read(metadata)
    assert secret.is_file()
    assert not any("secret" in path for path in paths(distribution))
    assert "parent-path" in {anomaly.kind for anomaly in distribution.anomalies}


@pytest.mark.parametrize(("flags", "is_read"), [(0, False), (3, False), (1, True)])
def test_compiled_modules_are_read_where_python_does_not_check_them(
    site: Path, flags: int, is_read: bool
) -> None:
    cache = "demo/__pycache__/demo.cpython-311.pyc"
    metadata = install(site)
    write_tree(site, {cache: b"head" + flags.to_bytes(4, "little") + b"code"})
    assert (cache in paths(read(site))) == is_read
    with (metadata / "RECORD").open("a") as record:
        record.write(f"{cache},,\n")  # As pip writes what it compiled.
    assert (cache in paths(read(metadata))) == is_read


def test_a_compiled_module_that_came_with_a_wheel_is_read(site: Path) -> None:
    cache = "demo/__pycache__/demo.cpython-311.pyc"
    assert cache in paths(read(install(site, outside={cache: b"head\0\0\0\0code"})))


def test_an_installed_copy_without_a_record_was_not_inspected(site: Path) -> None:
    metadata = write_tree(site / "demo-1.0.egg-info", {"PKG-INFO": "Name: demo"})
    with pytest.raises(UnscannableError) as raised:
        read(metadata)
    assert raised.value.reason == "no-record"


@pytest.mark.parametrize(
    ("name", "release"),
    [
        ("My_Demo-1.0.dist-info", ("my-demo", "1.0")),
        ("demo-1.0-py3.11.egg-info", ("demo", "1.0")),
        ("demo.egg-info", ("demo", None)),
    ],
)
def test_metadata_folders_name_their_release(name: str, release: tuple[str, str | None]) -> None:
    claimed = claimed_names(name)
    assert (claimed.kind, claimed.project, claimed.version) == ("installed", *release)


def test_finding_an_environment_starts_nothing_of_it(tmp_path: Path) -> None:
    environment, marker = tmp_path / "env", tmp_path / "ran"
    venv.create(environment)
    found = find_site_folders(environ={}, python=environment)
    (folder,) = found.folders
    line = f"import pathlib; pathlib.Path({str(marker)!r}).touch()\n"
    (folder / "canary.pth").write_text(line)
    (folder / "sitecustomize.py").write_text(line)
    assert find_site_folders(environ={}, python=environment) == found
    assert not marker.exists()
    subprocess.run([environment / "bin" / "python", "-c", ""], check=True)
    assert marker.exists()
    assert folder == environment.resolve() / folder.relative_to(environment.resolve())
    assert found.prefix == environment
    assert found.python_version == sys.version_info[:3]


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    folder = tmp_path / "env"
    venv.create(folder)
    return folder


def site_of(environment: Path) -> Path:
    (folder,) = find_site_folders(environ={}, python=environment).folders
    return folder


def test_an_audit_has_an_entry_a_distribution(
    run: Run, environment: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site = site_of(environment)
    install(site, "fine")
    install(site, "odd", files={"odd/__init__.py": "# pretend-score: 0.6\n"})
    write_tree(site, {"evil.py": "\n# pretend-score: 0.95\n"})
    arguments = ("scan", "--installed", "--python", environment)
    assert run(*arguments, "--format", "json") == 40
    output = capsys.readouterr()
    entries = json.loads(output.out)["decisions"]
    assert [(entry["project"], entry["kind"], entry["action"]) for entry in entries] == [
        ("fine", "installed", "allow"),
        ("odd", "installed", "ask"),
        (None, "installed", "block"),
    ]
    assert {entry["digest_of"] for entry in entries} == {"files"}
    assert str(environment) in output.err
    assert run(*arguments) == 40
    assert "No digest tells which archive" in capsys.readouterr().out
    assert run(*arguments, "--format", "sarif") == 40
    (result,) = [
        result
        for result in json.loads(capsys.readouterr().out)["runs"][0]["results"]
        if "evil.py" in json.dumps(result["locations"])
    ]
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == (site / "evil.py").as_uri()
    assert place["region"] == {"startLine": 2}


def test_an_audit_of_the_active_environment(
    run: Run, home: Surroundings, environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    active = replace(home, environ={"VIRTUAL_ENV": str(environment)})
    use_home(monkeypatch, active)
    install(site_of(environment), "odd", files={"odd/__init__.py": "# pretend-score: 0.6\n"})
    assert run("scan", "--installed") == 41


@pytest.mark.timeout(60)
def test_an_audit_of_nothing_ends(
    run: Run, environment: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("scan", "--installed", "--python", environment) == 0
    assert capsys.readouterr().out.startswith("0 inspected, 0 asked about or blocked")


def test_an_editable_says_where_its_code_is(
    run: Run, environment: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    metadata = install(site_of(environment))
    source = {"url": "file:///src/demo", "dir_info": {"editable": True}}
    (metadata / "direct_url.json").write_text(json.dumps(source))
    run("scan", "--installed", "--python", environment)
    assert "not checked: its code: it is installed as editable from file:///src/demo" in (
        capsys.readouterr().out
    )


def test_a_line_of_an_audit_can_be_explained(
    run: Run, site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    metadata = install(site, "odd", files={"odd/__init__.py": "# pretend-score: 0.6\n"})
    assert run("explain", metadata) == 41
    assert "odd/__init__.py:1" in capsys.readouterr().out
    assert run("scan", f"{metadata}/") == run("scan", metadata) == 41


def test_distributions_without_a_record_take_one_line(
    run: Run, environment: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site = site_of(environment)
    for name in ("six", "demo"):
        write_tree(site / f"{name}-1.0.egg-info", {"PKG-INFO": f"Name: {name}"})
        write_tree(site, {f"{name}.py": "x = 1"})
    arguments = ("scan", "--installed", "--python", environment)
    assert run(*arguments) == 0
    shown = capsys.readouterr().out
    assert "not checkable one by one, because they have no RECORD: demo 1.0, six 1.0." in shown
    assert "egg-info:" not in shown
    assert "\n1 inspected, 0 asked about or blocked, 2 not checkable one by one (" in shown
    assert run(*arguments, "--format", "json") == 0
    six = json.loads(capsys.readouterr().out)["decisions"][1]
    assert (six["action"], six["rule"], six["unscannable"]) == ("allow", "no-record", "no-record")
    assert str(site) in six["reason"]


def test_a_find_in_files_of_no_record_is_not_hidden(
    run: Run, environment: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site = site_of(environment)
    write_tree(site / "six-1.0.egg-info", {"PKG-INFO": "Name: six"})
    write_tree(site, {"six.py": "# pretend-score: 0.95\n"})
    assert run("scan", "--installed", "--python", environment) == 40
    assert "six.py:1" in capsys.readouterr().out


def test_without_a_record_and_with_an_unread_folder_nothing_was_inspected(
    run: Run, environment: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site = site_of(environment)
    write_tree(site / "six-1.0.egg-info", {"PKG-INFO": "Name: six"})
    write_tree(site, {"six.py": "# pretend-crash\n"})
    assert run("scan", "--installed", "--python", environment) == 42
    assert "six-1.0.egg-info: block, not scored" in capsys.readouterr().out


def test_what_was_checked_of_no_entry_is_told_once(
    run: Run, environment: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("one", "two"):
        install(site_of(environment), name)
    run("scan", "--installed", "--python", environment)
    assert capsys.readouterr().out.count("not checked: advisories") == 1


def test_known_malware_is_found_among_what_is_installed(
    run: Run, environment: Path, tmp_path: Path
) -> None:
    site = site_of(environment)
    write_tree(site / "demo-1.0.egg-info", {"PKG-INFO": "Name: demo"})
    assert run("scan", "--installed", "--python", environment) == 0
    run("feed", "update", write(tmp_path / "osv", osv()))
    assert run("scan", "--installed", "--python", environment) == 40


@pytest.mark.parametrize(
    "arguments", [[], ["--installed", "x.whl"], ["--python", "x", "x.whl"], ["--jobs", "0", "x"]]
)
def test_a_scan_of_two_things_or_none_is_a_usage_error(run: Run, arguments: list[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        raise SystemExit(run("scan", *arguments))
