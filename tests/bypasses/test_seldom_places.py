"""Code at places where honest code computes nothing, and in syntax that this Python may not know.

All payloads are harmless look-alikes. Each test names the place; what Python runs there while it
imports the module is evidence of a module that acts unasked, in every supported Python.
"""

from __future__ import annotations

import base64
import sys
import zlib

import pytest

from safe_pip.evidence import Evidence
from safe_pip.extractors.parsing import parse_leniently
from tests.sources import code_evidence, features, places

SPAWN = 'os.system("echo look-alike")'
QUOTED = "os.system('echo look-alike')"
PATH = "demo/__init__.py"


def _evidence(source: str) -> list[Evidence]:
    return code_evidence({PATH: source})


SELDOM = {
    "default": f"def f(x={SPAWN}): pass",
    "default of a keyword": f"def f(*, x={SPAWN}): pass",
    "default of a lambda": f"f = lambda x={SPAWN}: x",
    "annotation of a parameter": f"def f(x: {SPAWN}): pass",
    "annotation of the rest": f"def f(*x: {SPAWN}): pass",
    "annotation of a result": f"async def f() -> {SPAWN}: pass",
    "annotation of a variable": f"x: {SPAWN}",
    "annotation of a variable with a value": f"x: {SPAWN} = 1",
    "annotation inside of another": f"x: dict[str, list[{SPAWN}]]",
    "annotation of an attribute": f"class A: x: {SPAWN}",
    "annotation in quotes": f'def f(x: "{QUOTED}"): pass',
    "annotation with a name put together": 'x: getattr(os, "sys" + "tem")("echo look-alike")',
    "type that except names": f"try: 1\nexcept {SPAWN}: pass",
    "cause of an error": f"raise ValueError from {SPAWN}",
    "message of an assertion": f"assert x, {SPAWN}",
    "index that is deleted": f"del x[{SPAWN}]",
    "guard of a case": f"match x:\n    case y if {SPAWN}: pass",
    "end of a slice": f"x[y:{SPAWN}]",
    "slice among others": f"x[1, {SPAWN}:2]",
    "format of a value": f'f"{{1:{{{QUOTED}}}}}"',
    "test for the main program": f'if {SPAWN} and __name__ == "__main__": pass',
}


@pytest.mark.parametrize("source", SELDOM.values(), ids=SELDOM.keys())
def test_code_at_a_place_where_none_is_expected(source: str) -> None:
    line = next(n for n, text in enumerate(source.split("\n"), start=2) if "echo" in text)
    found = _evidence(f"import os\n{source}\n")
    assert "unparsable_python" not in features(found)
    assert (PATH, line) in places(found, "proc_spawn_unasked")


def test_own_function_at_such_a_place() -> None:
    source = f"import os\ndef run():\n    return {SPAWN}\ndef f(x=run()):\n    pass\n"
    assert (PATH, 3) in places(_evidence(source), "proc_spawn_unasked")


def test_ordinary_signature_is_no_evidence() -> None:
    source = """
        import os, platform, subprocess
        from dataclasses import dataclass, field

        def machine():
            return platform.machine()

        class Options:
            def __init__(self, path=os.environ.get("X"), system=platform.system()) -> None: ...

        @dataclass
        class Run:
            # Found in annotations of honest projects: no call of these acts.
            options: "Options | None (may be left out)" = None
            result: subprocess.CompletedProcess[str] = field(default_factory=dict)

            def start(self, kind: machine() = Options(), shell=subprocess.PIPE): ...
    """
    assert features(_evidence(source)) & {"proc_spawn", "dyn_exec", "net_out"} == set()


def test_functions_that_call_each_other_end() -> None:
    source = "def a(x=1): return b()\ndef b(): return a()\ndef c(x=a()): pass\n" * 50
    assert "proc_spawn" not in features(_evidence("import os\n" + source))


NEWER = {
    "template string": ((3, 14), f'x = t"{{{QUOTED}}}"'),
    "raw template string": ((3, 14), f'x = Rt"\\d{{{QUOTED}}}"'),
    "template string in an f-string": ((3, 14), f"f'{{t\"{{{SPAWN}}}\"}}'"),
    "quotes in an f-string": ((3, 12), f'x = f"{{{SPAWN}}}"'),
    "comment in an f-string": ((3, 12), f'x = f"{{\n  {SPAWN}  # why not\n}}"'),
    "f-strings in one another": ((3, 12), f'x = f"{{f"{{f"{{{SPAWN}}}"}}"}}"'),
    "three exceptions": ((3, 14), f"try: import x\nexcept A, B, C: {SPAWN}"),
    "exceptions of modules": ((3, 14), f"try: import x\nexcept a.A, b.B: {SPAWN}"),
    "groups of exceptions": ((3, 14), f"try: import x\nexcept* a.A, b.B: {SPAWN}"),
    "alias": ((3, 12), f"type X = {SPAWN}"),
    "generic alias": ((3, 12), f"type X[T] = {SPAWN}"),
    "bound of a parameter": ((3, 12), f"def f[T: {SPAWN}](x: T): pass"),
    "constraint of a class": ((3, 12), f"class A[T: (int, {SPAWN})]: pass"),
    "default of a parameter": ((3, 13), f"class A[T = {SPAWN}]: pass"),
    "default of an alias": ((3, 13), f"type X[T = {SPAWN}] = T"),
    "lazy import": ((3, 15), f"lazy import json\n{SPAWN}"),
    "unpacked in a comprehension": ((3, 15), f"x = [*{SPAWN} for y in z]"),
}


@pytest.mark.parametrize("source", [source for _, source in NEWER.values()], ids=NEWER.keys())
def test_code_in_syntax_that_this_python_may_not_know(source: str) -> None:
    line = next(n for n, text in enumerate(source.split("\n"), start=2) if "echo" in text)
    assert (PATH, line) in places(_evidence(f"import os\n{source}\n"), "proc_spawn_unasked")


@pytest.mark.parametrize(("needs", "source"), NEWER.values(), ids=NEWER.keys())
def test_syntax_parses_where_it_is_said_to(needs: tuple[int, int], source: str) -> None:
    error = parse_leniently(f"import os\n{source}\n").error
    assert bool(error) == (sys.version_info < needs), error


def test_lazily_imported_module_is_known_by_its_name() -> None:
    for source in ("lazy import os\nos.system('echo')", "lazy from os import system as s\ns('e')"):
        assert (PATH, 2) in places(_evidence(source + "\n"), "proc_spawn_unasked")


def test_lines_that_no_tree_holds_are_searched_by_words() -> None:
    source = f"import os\nthis is no python {SPAWN}\nwith this neither\n    {SPAWN} either\n"
    assert {(PATH, 2)} <= places(_evidence(source), "proc_spawn_unasked")
    assert (PATH, 4) in places(_evidence(source), "proc_spawn")


DECODED = base64.b64encode(zlib.compress(b"import os; os.system('echo look-alike')")).decode()

ELSEWHERE = {
    "interpreter": "from concurrent import interpreters\n"
    f'interpreters.create().exec("import os; {QUOTED}")',
    "interpreter that is kept": "import concurrent.interpreters as i\nx = i.create()\n"
    f'x.exec("import os; {QUOTED}")',
    "interpreter below": "import _interpreters as i\n"
    f'i.exec(i.create(), "import os; {QUOTED}")',
    "interpreter before 3.13": "import _xxsubinterpreters as i\n"
    f'i.run_string(i.create(), "import os; {QUOTED}")',
    "reference that is evaluated": "import annotationlib, os\n"
    f'annotationlib.ForwardRef("{QUOTED}").evaluate()',
    "function in an interpreter": "import os\nfrom concurrent import interpreters\n"
    f"def f(): {SPAWN}\ninterpreters.create().call(f)",
    "pool of interpreters": "import os\nfrom concurrent.futures import InterpreterPoolExecutor\n"
    f"def f(): {SPAWN}\nInterpreterPoolExecutor().submit(f)",
    "decompressor under its new name": "from compression import zlib\nimport base64\n"
    f'exec(zlib.decompress(base64.b64decode("{DECODED}")))',
}  # fmt: skip


@pytest.mark.parametrize("source", ELSEWHERE.values(), ids=ELSEWHERE.keys())
def test_code_that_runs_in_another_interpreter(source: str) -> None:
    assert "proc_spawn_unasked" in features(_evidence(source + "\n"))


@pytest.mark.parametrize(
    "start", ["import sys\nsys.", "import sys as s\ns.", "from sys import *\n"]
)
def test_script_that_is_run_in_another_process(start: str) -> None:
    found = code_evidence({"demo/a.py": f'{start}remote_exec(1234, "run.py")\n'})
    assert "dyn_exec" in features(found)


def test_script_of_its_own_for_another_process() -> None:
    source = 'import sys\nsys.remote_exec(1234, "demo/run.txt")\n'
    found = code_evidence({PATH: source, "demo/run.txt": f"import os\n{SPAWN}\n"})
    assert ("demo/run.txt", 2) in places(found, "proc_spawn_unasked")


def test_zstandard_decodes() -> None:
    source = 'from compression import zstd\nexec(zstd.decompress(b"(\\xb5/\\xfd look-alike"))\n'
    assert (PATH, 2) in places(_evidence(source), "chain_decode_exec_unasked")


@pytest.mark.parametrize(
    "source",
    ["# several interpreters\nx = gateway.remote_exec(f)\n", "interpreters = [1]\nexecnet = 2\n"],
)
def test_words_alone_earn_no_tree(source: str) -> None:
    assert code_evidence({"demo/a.py": source}) == []
