"""Payload text of malicious archives, as text: what an attacker would carry into another package.

Nothing here is run; what comes out is only ever placed into a distribution in memory.
"""

from __future__ import annotations

import ast
import re
import textwrap
import warnings
from collections.abc import Iterator, Sequence

from safe_pip.distribution import Distribution, SourceFile

MIN_PAYLOAD_CHARS = 40
MAX_PAYLOAD_CHARS = 60_000
# Words, not features: what counts as a payload must not depend on what the extractors can see.
BEHAVIOUR = re.compile(
    r"\b(exec|eval|subprocess|popen|system|urlopen|urlretrieve|requests|socket|b64decode|fernet|"
    r"ctypes|marshal|powershell|httpx|aiohttp|http\.client|gethostbyname|getlogin|environ)\b",
    re.IGNORECASE,
)
# ``install.run(self)``, ``super().run()`` and the like: the command's own work.
_CALL_OF_BASE = re.compile(r"super\(.{0,80}\)\.(?:run|__init__)\(|\.(?:run|__init__)\(self")
_BUILD_MODULES = ("setuptools", "distutils", "wheel", "codecs", "pathlib", "io")
_BUILD_CALLS = ("setup", "find_packages")


def parse_quietly(source: str) -> ast.Module | None:
    """The tree of hostile source, or None."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def text_of(file: SourceFile) -> str:
    return file.read().decode("utf-8", errors="replace").replace("\r\n", "\n").replace("\r", "\n")


def payload_of(distribution: Distribution) -> str | None:
    """The payload of a malicious distribution: top-level code, or None if none is found.

    The file with the densest behaviour words wins, set-up scripts and packages first.
    """
    candidates = sorted(distribution.python_files(), key=_order)
    best: tuple[int, str] | None = None
    for file in candidates[:40]:
        source = text_of(file)
        tree = parse_quietly(source)
        if tree is None:
            continue
        text = "\n".join(_payload_statements(tree, source))
        text = _running(text)
        hits = min(20, len(BEHAVIOUR.findall(text)))
        if not hits or not MIN_PAYLOAD_CHARS <= len(text) <= MAX_PAYLOAD_CHARS:
            continue
        if best is None or hits > best[0]:
            best = (hits, text)
    return None if best is None else best[1]


def _running(text: str) -> str:
    """The text, with a call at its end if it only defines functions; empty if nothing can run.

    A payload that another file of the sample called would be dead code in its host.
    """
    tree = parse_quietly(text)
    if tree is None:
        return ""
    defined = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)
    for statement in tree.body:
        is_definition = isinstance(statement, defined)
        if not is_definition and any(isinstance(node, ast.Call) for node in ast.walk(statement)):
            return text
    callable_ = [
        (len(BEHAVIOUR.findall(ast.get_source_segment(text, function) or "")), function.name)
        for function in tree.body
        if isinstance(function, ast.FunctionDef) and not function.args.args
    ]
    hits, name = max(callable_, default=(0, ""))
    return f"{text}\n{name}()" if hits else ""


def _order(file: SourceFile) -> tuple[bool, bool, int, str]:
    name = file.path.rpartition("/")[2]
    return (name != "setup.py", name != "__init__.py", file.path.count("/"), file.path)


def _payload_statements(tree: ast.Module, source: str) -> Iterator[str]:
    """The module's statements without the set-up call; install commands become plain calls."""
    for statement in tree.body:
        if _is_build_statement(statement):
            continue
        if isinstance(statement, ast.ClassDef) and _is_command(statement):
            yield from _command_body(statement, source)
            continue
        if isinstance(statement, ast.If) and "__main__" in ast.dump(statement.test):
            yield _body_text(statement.body, source)
            continue
        segment = ast.get_source_segment(source, statement)
        if segment:
            yield segment


def _is_build_statement(statement: ast.stmt) -> bool:
    match statement:
        case ast.ImportFrom(module=str(module)):
            return module.partition(".")[0] in _BUILD_MODULES
        case ast.Import(names=names):
            return all(name.name.partition(".")[0] in _BUILD_MODULES for name in names)
        case ast.Expr(value=ast.Call(func=function)):
            return _last_name(function) in _BUILD_CALLS
        case ast.Expr(value=ast.Constant()):
            return True
    return False


def _last_name(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(attr=name):
            return name
    return ""


def _is_command(statement: ast.ClassDef) -> bool:
    commands = ("install", "develop", "egg_info", "build_py", "sdist", "build", "Command")
    return any(_last_name(base).endswith(commands) for base in statement.bases)


def _command_body(statement: ast.ClassDef, source: str) -> Iterator[str]:
    for method in statement.body:
        if isinstance(method, ast.FunctionDef) and method.name in ("run", "__init__"):
            body = _body_text(method.body, source)
            yield "\n".join(line for line in body.split("\n") if not _CALL_OF_BASE.search(line))


def _body_text(body: Sequence[ast.stmt], source: str) -> str:
    """The lines of a block, at the left margin."""
    first, last = body[0].lineno - 1, body[-1].end_lineno or body[-1].lineno
    return textwrap.dedent("\n".join(source.split("\n")[first:last]))
