"""What a module can do is seen in every layout that Python takes: spaces, brackets, continued lines
and comments between the parts of an expression, and a function that is handed on before it is used.
"""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safe_pip.extractors.triggers import earns_tree

FORMS = [
    "import os\nos{}.{}system('x')",
    "import os\nos{}.{}execv('a', b)",
    "import os\nos{}.{}__dict__[name]('x')",
    "import sys\nsys{}.{}modules{}[{}'os'].x",
    "import sys\nsys{}.{}modules{}.{}get('os')",
    "getattr{}({}os, name)('x')",
    "getattr{}({}os{},{}'execv')('x')",
    "vars{}({}os)['sys' + 'tem']",
    "globals{}({}){}['name']",
    "exec{}({}'x')",
    "f.__globals__{}[{}'x']",
    "import builtins\nbuiltins{}.{}exec('x')",
]
GAPS = st.sampled_from(["", " ", "\t", "\\\n", " \\\r\n ", "\x0c"])
GAPS_IN_BRACKETS = GAPS | st.sampled_from(["\n", "  # why\n", "\n# why\n\n"])


@pytest.mark.parametrize("form", FORMS)
@given(data=st.data())
def test_layout_of_an_expression(form: str, data: st.DataObject) -> None:
    gaps = [data.draw(GAPS) for _ in range(form.count("{}"))]
    source = form.format(*gaps)
    ast.parse(source)
    assert earns_tree(source.encode())


@pytest.mark.parametrize("form", FORMS)
@given(data=st.data())
def test_layout_in_brackets(form: str, data: st.DataObject) -> None:
    first, newline, last = form.rpartition("\n")
    source = f"{first}{newline}({last}\n)"
    source = source.format(*(data.draw(GAPS_IN_BRACKETS) for _ in range(form.count("{}"))))
    ast.parse(source)
    assert earns_tree(source.encode())


@pytest.mark.parametrize(
    "source",
    [
        "(exec)('x')",
        "(os).execv('a', b)",
        "run = exec; run('x')",
        "{1: exec}[1]('x')",
        "(exec if code else print)(code)",
        "run = exec or print",
        "run = exec @ runner",
        "exec.__call__('x')",
        "import json, os as o\no.execv('a', b)",
        "import json, \\\n pty\n",
        "import json, nt",
        "import \\\n  pip",
        "import a" + ", a" * 2_000 + ", pty",
        "from os import(execv)",
        "from os import*",
        "from os import path, \\\n execv",
        "from\\\n os import execv",
        "import builtins as b\nb.exec('x')",
        "import builtins\nb = builtins\nb.exec('x')",
        "vars(os).get('execv')",
        "getattr(sys.modules[one], other)('x')",
    ],
)
def test_roundabout_ways(source: str) -> None:
    ast.parse(source)
    assert earns_tree(source.encode())
