"""Adversarial transformations: the same malware written so that a naive scanner misses it.

Each maps a malicious distribution to one with the same behaviour, in memory, never run.
"""

from __future__ import annotations

import ast
import base64
import enum
import random
from collections.abc import Callable, Mapping
from dataclasses import replace

from model.grafts import file_of, with_files
from model.payloads import parse_quietly, payload_of, text_of
from safe_pip.distribution import Distribution, DistributionKind, SourceFile

MIN_STRING_CHARS = 4
MAX_REWRITTEN_BYTES = 300_000
PADDING_FILES = 150


class Transform(enum.Enum):
    """What an evader does. The values name the rows of the model card."""

    STRING_ENCODING = "string encoding"
    STRING_SPLITTING = "string splitting"
    API_ALIASING = "API aliasing"
    RENAMING = "identifier renaming"
    METADATA_FORGING = "metadata forging"
    PADDING = "benign padding"
    MOVING = "moving between surfaces"
    SDIST_TO_WHEEL = "sdist to wheel"


def transform(
    sample: Distribution, kind: Transform, host: Distribution, seed: int
) -> Distribution | None:
    """The transformed sample, or None where it does not apply.

    ``host`` is a benign distribution of the same split that lends metadata or padding.
    """
    choice = random.Random(seed)
    rewriters: Mapping[Transform, Callable[[random.Random], ast.NodeTransformer]] = {
        Transform.STRING_ENCODING: _StringEncoder,
        Transform.STRING_SPLITTING: _StringSplitter,
        Transform.API_ALIASING: _Aliaser,
        Transform.RENAMING: _Renamer,
    }
    if kind in rewriters:
        return _rewrite(sample, rewriters[kind], choice)
    match kind:
        case Transform.METADATA_FORGING:
            return _forge(sample, host)
        case Transform.PADDING:
            return _pad(sample, host)
        case Transform.MOVING:
            return _move(sample)
        case _:
            return _to_wheel(sample)


def _rewrite(
    sample: Distribution,
    rewriter: Callable[[random.Random], ast.NodeTransformer],
    choice: random.Random,
) -> Distribution | None:
    changed: dict[str, SourceFile] = {}
    for file in sample.python_files():
        if file.size > MAX_REWRITTEN_BYTES:
            continue
        tree = parse_quietly(text_of(file))
        if tree is None or not tree.body:
            continue
        try:
            new = ast.fix_missing_locations(rewriter(choice).visit(tree))
            changed[file.path] = file_of(file.path, ast.unparse(new) + "\n")
        except (RecursionError, ValueError):
            continue
    return with_files(sample, changed) if changed else None


class _StringRewriter(ast.NodeTransformer):
    """Visits strings where an expression may stand: not docstrings, f-string parts, patterns."""

    def __init__(self, choice: random.Random) -> None:
        self._choice = choice

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        return node

    def visit_Expr(self, node: ast.Expr) -> ast.AST:
        return node if isinstance(node.value, ast.Constant) else self.generic_visit(node)

    def visit_Match(self, node: ast.Match) -> ast.AST:
        return node

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        if isinstance(node.value, str) and MIN_STRING_CHARS <= len(node.value) <= 100_000:
            return self.rewritten(node.value)
        return node

    def rewritten(self, value: str) -> ast.expr:
        raise NotImplementedError


class _StringEncoder(_StringRewriter):
    def rewritten(self, value: str) -> ast.expr:
        data = value.encode("utf-8", errors="replace")
        encoded = base64.b64encode(data).decode()
        forms = (
            f"__import__('base64').b64decode('{encoded}').decode()",
            f"bytes.fromhex('{data.hex()}').decode()",
            f"''.join(map(chr, {[ord(character) for character in value]}))"
            if len(value) < 200
            else f"bytes.fromhex('{data.hex()}').decode()",
        )
        return ast.parse(self._choice.choice(forms), mode="eval").body


class _StringSplitter(_StringRewriter):
    def rewritten(self, value: str) -> ast.expr:
        size = self._choice.randint(2, 6) if len(value) < 400 else len(value) // 50
        pieces = [value[start : start + size] for start in range(0, len(value), size)]
        if self._choice.random() < 0.5:
            return ast.parse(f"''.join({pieces!r})", mode="eval").body
        whole: ast.expr = ast.Constant(pieces[0])
        for piece in pieces[1:]:
            whole = ast.BinOp(left=whole, op=ast.Add(), right=ast.Constant(piece))
        return whole


class _Aliaser(ast.NodeTransformer):
    """Imports get other names, and attribute calls on modules go through ``getattr``."""

    def __init__(self, choice: random.Random) -> None:
        self._choice = choice
        self._aliases: dict[str, str] = {}

    def visit_Module(self, node: ast.Module) -> ast.AST:
        for statement in ast.walk(node):
            if isinstance(statement, ast.Import):
                for name in statement.names:
                    if "." not in name.name and name.asname is None:
                        name.asname = f"_{name.name[::-1]}_{self._choice.randint(10, 99)}"
                        self._aliases[name.name] = name.asname
        return self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if node.id in ("exec", "eval") and isinstance(node.ctx, ast.Load):
            pieces = f"'{node.id[:2]}' + '{node.id[2:]}'"
            return ast.parse(f"getattr(__import__('builtins'), {pieces})", mode="eval").body
        return ast.Name(id=self._aliases.get(node.id, node.id), ctx=node.ctx)

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        is_module = isinstance(node.value, ast.Name) and node.value.id in self._aliases
        visited = self.generic_visit(node)
        if is_module and isinstance(node.ctx, ast.Load) and isinstance(visited, ast.Attribute):
            middle = len(node.attr) // 2
            name = ast.BinOp(
                left=ast.Constant(node.attr[:middle]),
                op=ast.Add(),
                right=ast.Constant(node.attr[middle:]),
            )
            return ast.Call(
                func=ast.Name(id="getattr", ctx=ast.Load()), args=[visited.value, name], keywords=[]
            )
        return visited


class _Renamer(ast.NodeTransformer):
    """Functions, classes and variables of the file's own get meaningless names."""

    def __init__(self, choice: random.Random) -> None:
        self._choice = choice
        self._names: dict[str, str] = {}

    def visit_Module(self, node: ast.Module) -> ast.AST:
        for inner in ast.walk(node):
            if isinstance(inner, (ast.FunctionDef, ast.ClassDef)):
                self._rename(inner.name)
            elif isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store):
                self._rename(inner.id)
        for keep in ("setup", "run", "__version__"):
            self._names.pop(keep, None)
        return self.generic_visit(node)

    def _rename(self, name: str) -> None:
        if not name.startswith("__"):
            self._names.setdefault(name, "l" + "".join(self._choice.choices("lIO0", k=12)))

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.Name(id=self._names.get(node.id, node.id), ctx=node.ctx)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.name = self._names.get(node.name, node.name)
        return self.generic_visit(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        node.name = self._names.get(node.name, node.name)
        return self.generic_visit(node)


def _forge(sample: Distribution, host: Distribution) -> Distribution:
    """The sample with a respected project's metadata, description, licence and read-me."""
    names = ("name", "version", "metadata-version", "requires-dist")
    headers = {key: value for key, value in host.headers.items() if key not in names}
    headers |= {key: value for key, value in sample.headers.items() if key in names}
    lent = {
        file.path: file
        for file in host.files
        if "/" not in file.path and file.path.lower().startswith(("licen", "readme", "changelog"))
    }
    forged = replace(sample, headers=headers, description=host.description)
    return with_files(forged, {path: f for path, f in lent.items() if path not in sample.by_path})


def _pad(sample: Distribution, host: Distribution) -> Distribution | None:
    """The sample with the benign code of another project beside it."""
    python = [file for file in host.python_files() if file.path != "setup.py"]
    if not python:
        return None
    padding = {f"vendor_{file.path}": file for file in python[:PADDING_FILES]}
    renamed = {path: replace(file, path=path) for path, file in padding.items()}
    return with_files(sample, renamed)


def _module_folder(sample: Distribution) -> str:
    return (sample.project or "package").replace("-", "_")


def _move(sample: Distribution) -> Distribution | None:
    """The payload out of the set-up script into the package, or the other way round."""
    payload = payload_of(sample)
    setup = sample.by_path.get("setup.py")
    if payload is None or setup is None:
        return None
    folder = _module_folder(sample)
    bare = f"from setuptools import setup, find_packages\n\nsetup(name={sample.project!r}, " \
           f"version={sample.version!r}, packages=find_packages())\n"  # fmt: skip
    kept = tuple(f for f in sample.files if not f.path.endswith((".py", ".pyw")))
    moved = replace(sample, files=kept)
    if any(word in text_of(setup) for word in payload.split("\n")[:1]):
        path = f"{folder}/__init__.py"
        return with_files(
            moved, {"setup.py": file_of("setup.py", bare), path: file_of(path, payload + "\n")}
        )
    path = f"{folder}/__init__.py"
    return with_files(
        moved,
        {"setup.py": file_of("setup.py", f"{payload}\n\n{bare}"), path: file_of(path, "")},
    )


def _to_wheel(sample: Distribution) -> Distribution | None:
    """The sample as the wheel that an attacker would upload: payload at import."""
    payload = payload_of(sample)
    if payload is None or sample.kind is DistributionKind.WHEEL:
        return None
    folder = _module_folder(sample)
    info = f"{folder}-{sample.version or '0'}.dist-info"
    lines = [
        f"{key.title()}: {value}" for key, values in sample.headers.items() for value in values
    ]
    init = f"{folder}/__init__.py"
    kept = {
        file.path.removeprefix("src/"): replace(file, path=file.path.removeprefix("src/"))
        for file in sample.files
        if "/" in file.path and ".egg-info/" not in file.path and file.path.endswith(".py")
    }
    existing = text_of(kept[init]) if init in kept else ""
    if payload not in existing:
        existing = f"{payload}\n{existing}"
    files = kept | {
        init: file_of(init, existing),
        f"{info}/METADATA": file_of(f"{info}/METADATA", "\n".join(lines) + "\n"),
        f"{info}/WHEEL": file_of(
            f"{info}/WHEEL",
            "Wheel-Version: 1.0\nGenerator: bdist_wheel (0.37.1)\nRoot-Is-Purelib: true\n"
            "Tag: py3-none-any\n",
        ),
        f"{info}/top_level.txt": file_of(f"{info}/top_level.txt", folder + "\n"),
    }
    files[f"{info}/RECORD"] = file_of(f"{info}/RECORD", "".join(f"{path},,\n" for path in files))
    return replace(
        sample,
        kind=DistributionKind.WHEEL,
        filename=f"{folder}-{sample.version or '0'}-py3-none-any.whl",
        files=tuple(sorted(files.values(), key=lambda file: file.path)),
        anomalies=(),
    )
