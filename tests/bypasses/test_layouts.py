"""What a module can do is seen in every layout that Python takes: spaces, brackets, continued lines
and comments between the parts of an expression, and a function that is handed on before it is used.
"""

from __future__ import annotations

import ast

import pytest
from hypothesis import given, settings
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


# What looks like an example in a docstring, and ends or is none.
EXAMPLES = (
    '"""\n>>> """;socket',
    '"""\n>>> a\rsocket"""',
    '"""\n>>> a\r""";socket',
    'f"""\n>>> {socket}"""',
    'f"""{\n>>> socket}"""',
    'x = """\\\n>>> \\""";socket"""',
    ">>> socket",
    "# coding: utf-7\n'''\n>>> +ACcAJwAnADs-socket\n",
    "# coding: raw_unicode_escape\n'''\n>>> \\u0027\\u0027\\u0027;socket\n",
)
_PIECES = [">>>", " ", '"""', "'''", "\n", "\r", "f", "{", "}", "socket", "\\", ";", "x", "#", "="]


@pytest.mark.parametrize("source", EXAMPLES)
def test_code_that_looks_like_an_example(source: str) -> None:
    assert "socket" not in _names(source) or earns_tree(source.encode())


@pytest.mark.filterwarnings("ignore:invalid escape")
@settings(max_examples=1_000, deadline=None)
@given(st.lists(st.sampled_from(_PIECES), max_size=14).map("".join))
def test_a_name_is_found_wherever_python_reads_one(source: str) -> None:
    assert "socket" not in _names(source) or earns_tree(source.encode())


def _names(source: str) -> set[str]:
    try:
        tree = ast.parse(source.encode())
    except (SyntaxError, ValueError):
        return set()
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
