"""docs/recipes as they stand there: each file is used as its reader would, on harmless projects."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.builders import write_wheel
from tests.integration.conftest import Workshop
from tests.integration.dockerfile import Build

REPOSITORY = Path(__file__).parents[2]
DOCS = REPOSITORY / "docs"
RECIPES = DOCS / "recipes"
TIMEOUT_SECONDS = 200
SCRIPTS = Path(sysconfig.get_path("scripts"))


@pytest.fixture
def project(workshop: Workshop) -> Path:
    """A project that needs one release of the index and has one test."""
    write_wheel(workshop.archives, "canary")
    files = {
        "requirements.txt": "canary==1.0\n",
        "safe-pip.toml": 'sdists = "block"\n',
        "test_demo.py": "import unittest, canary\n\nclass Demo(unittest.TestCase):\n"
        "    def test_it(self): self.assertTrue(canary)\n",
    }
    for name, text in files.items():
        (workshop.work / name).write_text(text)
    return workshop.work


def environ_of(workshop: Workshop, **more: str) -> dict[str, str]:
    """safe-pip on PATH, and folders of their own for whoever types."""
    return {
        **workshop.environ,
        "PATH": f"{commands(workshop)}{os.pathsep}{os.environ['PATH']}",
        "NO_COLOR": "1",
        **more,
    }


def commands(workshop: Workshop) -> Path:
    """A folder with our command, and an interpreter that has nothing installed."""
    folder = workshop.folder / "commands"
    if not folder.exists():
        folder.mkdir()
        (folder / "safe-pip").symlink_to(SCRIPTS / "safe-pip")
        (folder / "python").symlink_to(getattr(sys, "_base_executable", sys.executable))
    return folder


def run(
    *command: str | Path, cwd: Path, env: Mapping[str, str], stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=cwd,
        env=env,
        input=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TIMEOUT_SECONDS,
    )


def denying(project: Path) -> None:
    (project / "safe-pip.toml").write_text('deny = ["canary"]\n')


def test_every_recipe_is_linked_once_and_tested_here() -> None:
    text = (DOCS / "recipes.md").read_text(encoding="utf-8")
    linked = re.findall(r"\]\(recipes/([\w.-]+)\)", text)
    assert sorted(linked) == sorted(path.name for path in RECIPES.iterdir() if path.is_file())
    here = Path(__file__).read_text(encoding="utf-8")
    assert all(f'"{name}"' in here for name in linked)


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of this checkout."""
    folder = tmp_path_factory.mktemp("wheels")
    tree = folder / "clone"
    for name in ("src", "model"):
        ignored = shutil.ignore_patterns("__pycache__", "*.egg-info", "tables", "plots")
        shutil.copytree(REPOSITORY / name, tree / name, ignore=ignored)
    for name in ("pyproject.toml", "README.md"):
        shutil.copy2(REPOSITORY / name, tree / name)
    options = ("--no-deps", "--no-build-isolation", "--no-index", "-q", "-w", str(folder))
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", *options, str(tree)],
        check=True,
        timeout=TIMEOUT_SECONDS,
    )
    shutil.rmtree(tree)
    return folder


@pytest.fixture(scope="session")
def dependencies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What safe-pip needs, as if it had been fetched: all that is here, but safe-pip itself."""
    folder = tmp_path_factory.mktemp("dependencies")
    for path in Path(sysconfig.get_path("purelib")).iterdir():
        if "safe_pip" not in path.name and path.suffix != ".pth":
            (folder / path.name).symlink_to(path)
    return folder


def test_the_dockerfile_installs_what_was_inspected_and_remembers_it(
    workshop: Workshop, project: Path, wheels: Path, dependencies: Path
) -> None:
    shutil.copytree(wheels, project / "wheels")
    environ = environ_of(workshop, PYTHONPATH=str(dependencies))
    build = Build(
        (RECIPES / "Dockerfile").read_text(),
        context=project,
        folder=workshop.folder / "image",
        environ=environ,
    )
    build.run()
    assert "safe-pip: 1 inspected, " in build.output
    assert not list(build.root.rglob("safe_pip"))
    record = json.loads((build.root / "app" / "safe-pip.lock").read_text())
    assert [artifact["project"] for artifact in record["artifacts"]] == ["canary"]
    imported = run("python", "-c", "import canary", cwd=build.root, env=build.environ)
    assert imported.returncode == 0, imported.stdout
    build.run(unchanged="guard")
    assert "safe-pip: 1 inspected, 1 from memory, " in build.output


def yaml(name: str) -> Any:
    return pytest.importorskip("yaml").safe_load((RECIPES / name).read_text())


def test_the_workflow_is_one_that_github_reads() -> None:
    workflow = yaml("github-workflow.yml")
    # YAML 1.1 reads the key "on" as a truth value.
    assert set(workflow) == {"name", True, "permissions", "jobs"}
    assert workflow["permissions"]["security-events"] == "write"
    (job,) = workflow["jobs"].values()
    assert set(job) == {"runs-on", "steps"}
    for step in job["steps"]:
        assert set(step) <= {"name", "uses", "with", "run", "if"}
        assert ("uses" in step) != ("run" in step)
        assert re.fullmatch(r"[\w-]+(/[\w-]+)+@v\d+", step.get("uses", "a/b@v1"))
    (upload,) = [step for step in job["steps"] if "upload-sarif" in step.get("uses", "")]
    # A block ends the step before; its findings are what is to be shown.
    assert "cancelled()" in upload["if"]
    assert upload["with"]["sarif_file"] == "safe-pip.sarif"


def test_the_workflows_steps_install_and_report(
    workshop: Workshop, project: Path, wheels: Path, dependencies: Path
) -> None:
    shutil.copytree(wheels, project / "wheels")
    environ = environ_of(workshop, PYTHONPATH=str(dependencies), CI="true")
    (job,) = yaml("github-workflow.yml")["jobs"].values()
    scripts = [step["run"] for step in job["steps"] if "run" in step]

    def steps() -> list[int]:
        # As GitHub starts them.
        shell = ("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c")
        return [run(*shell, text, cwd=project, env=environ).returncode for text in scripts]

    assert steps() == [0, 0]
    assert json.loads((project / "safe-pip.sarif").read_text())["runs"][0]["results"] == []
    assert list(project.glob(".venv/lib/python*/site-packages/canary"))
    denying(project)
    shutil.rmtree(project / ".venv")
    assert steps() == [0, 40]
    results = json.loads((project / "safe-pip.sarif").read_text())["runs"][0]["results"]
    (result,) = (one for one in results if one["ruleId"] == "policy/deny")
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "requirements.txt"
    assert place["region"]["startLine"] == 1


def test_the_hook_of_pre_commit_checks_the_record(workshop: Workshop, project: Path) -> None:
    pytest.importorskip("pre_commit")
    environ = environ_of(
        workshop, VIRTUAL_ENV=str(workshop.environment), PRE_COMMIT_HOME=str(workshop.folder / "pc")
    )
    recipes = (DOCS / "recipes.md").read_text(encoding="utf-8")
    (record,) = re.findall(r"^safe-pip --record .*$", recipes, re.MULTILINE)
    made = run("sh", "-c", record, cwd=project, env=environ)
    assert made.returncode == 0, made.stdout
    shutil.copy2(RECIPES / "pre-commit-config.yaml", project / ".pre-commit-config.yaml")

    def commit() -> tuple[int, str]:
        for command in (("init", "-q"), ("add", ".")):
            assert run("git", *command, cwd=project, env=environ).returncode == 0
        hook = (sys.executable, "-m", "pre_commit", "run")
        done = run(*hook, cwd=project, env=environ)
        return done.returncode, done.stdout

    assert commit()[0] == 0
    denying(project)
    status, shown = commit()
    assert status == 1
    assert "canary 1.0 (canary-1.0-py3-none-any.whl) would be blocked" in shown
    assert "exit code: 40" in shown


@pytest.mark.parametrize(("tool", "file"), [("tox", "tox.ini"), ("nox", "noxfile.py")])
def test_tox_and_nox_install_through_the_gate(
    workshop: Workshop, project: Path, tool: str, file: str
) -> None:
    pytest.importorskip(tool)
    shutil.copy2(RECIPES / file, project / file)
    environ = environ_of(workshop, TOX_OVERRIDE="")
    passed = "PIP_INDEX_URL,PIP_CONFIG_FILE,PIP_CACHE_DIR,NO_PROXY"
    environ["TOX_OVERRIDE"] = f"testenv.pass_env={passed}"
    done = run(sys.executable, "-m", tool, cwd=project, env=environ)
    assert done.returncode == 0, done.stdout
    assert "canary" in done.stdout or list(project.rglob("site-packages/canary"))
    assert list(project.rglob("site-packages/canary"))
    shutil.rmtree(project / f".{tool}")
    denying(project)
    refused = run(sys.executable, "-m", tool, cwd=project, env=environ)
    assert refused.returncode != 0
    assert "the policy denies canary" in refused.stdout
    assert not list(project.rglob("site-packages/canary"))


def test_the_alias_is_safe_pip(workshop: Workshop, project: Path) -> None:
    denying(project)
    environ = environ_of(workshop, VIRTUAL_ENV=str(workshop.environment))
    lines = f'shopt -s expand_aliases\n. "{RECIPES / "alias.sh"}"\n'
    shell = ("bash", "--noprofile", "--norc", "-c")
    done = run(
        *shell, f"{lines}pip freeze --path . && pip3 install canary", cwd=project, env=environ
    )
    assert done.returncode == 40
    assert "the policy denies canary" in done.stdout


def answered(command: object, project: Path) -> tuple[int, Any]:
    call = {"hook_event_name": "PreToolUse", "tool_name": "Bash", "tool_input": command}
    hook = (sys.executable, RECIPES / "agent_hook.py")
    done = run(*hook, cwd=project, env=dict(os.environ), stdin=json.dumps(call))
    return done.returncode, json.loads(done.stdout) if done.returncode == 0 and done.stdout else {}


@pytest.mark.parametrize(
    "command",
    [
        "pip install demo",
        "cd x && python3 -m pip install -r requirements.txt",
        "PIP_INDEX_URL=x sudo -E pip3.12 -q install demo",
        ".venv/bin/pip download demo; ls",
        "(pip wheel .)",
        'bash -c "pip install demo"',
        "echo $(pip install demo)",
        "uv pip install demo",
        "uv add demo",
        "poetry add demo",
        "timeout 60 pip install demo",
        "true\npip install demo",
        "pip install 'unbalanced",
    ],
)
def test_an_agent_is_told_what_to_run_instead(command: str, project: Path) -> None:
    status, answer = answered({"command": command}, project)
    assert status == 0
    said = answer["hookSpecificOutput"]
    assert (said["hookEventName"], said["permissionDecision"]) == ("PreToolUse", "deny")
    assert "safe-pip --unattended --report" in said["permissionDecisionReason"]


@pytest.mark.parametrize(
    "command",
    [
        "safe-pip --unattended --report safe-pip.json install demo",
        "pip list && pip show demo",
        "grep 'pip install' README.md",
        "python -m pytest",
        "uv --version",
        "",
    ],
)
def test_an_agent_is_not_disturbed_otherwise(command: str, project: Path) -> None:
    assert answered({"command": command}, project) == (0, {})


@pytest.mark.parametrize("command", [None, ["pip"], {"command": 3}])
def test_what_the_hook_cannot_read_is_refused(command: object, project: Path) -> None:
    assert answered(command, project)[0] == 2


def test_what_the_hook_tells_to_run_gives_a_verdict_and_asks_nobody(
    workshop: Workshop, project: Path
) -> None:
    _, answer = answered({"command": "pip install canary"}, project)
    reason = answer["hookSpecificOutput"]["permissionDecisionReason"]
    (instead,) = re.findall(r"`(.*?)`", reason)
    denying(project)
    environ = environ_of(workshop, VIRTUAL_ENV=str(workshop.environment))
    done = run("sh", "-c", instead.replace("...", "canary"), cwd=project, env=environ)
    assert done.returncode == 40
    (decision,) = json.loads((project / "safe-pip.json").read_text())["decisions"]
    assert (decision["action"], decision["rule"]) == ("block", "deny")
