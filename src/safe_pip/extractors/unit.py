"""Python units: every piece of Python in a distribution, decoded, parsed and folded once."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from safe_pip.distribution import Distribution, DistributionKind, SourceFile
from safe_pip.evidence import Surface
from safe_pip.extractors.parsing import decode_source, parse

STARTUP_MODULES = ("sitecustomize.py", "usercustomize.py")


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldedLiteral:
    """A string or bytes literal after constant folding.

    ``is_folded`` says that the value is not written so in the source but was computed from
    constants (concatenation, chr, decoding). A part that is not constant stands as ``{}``.
    """

    value: str | bytes
    line: int
    is_folded: bool = False


@dataclass(frozen=True, kw_only=True)
class PythonUnit:
    """One file's Python, or the import lines of one ``.pth`` file.

    ``source`` keeps the file's line numbers. ``tree`` is None in two cases: nothing in the bytes
    can be a finding of the code group, so no tree was earned (``parse_error`` is empty); or the
    source does not parse (``parse_error`` says why), and then ``literals`` come from its tokens.
    ``surface`` is where the unit's top level runs.
    """

    path: str
    data: bytes
    source: str
    tree: ast.Module | None
    surface: Surface
    literals: tuple[FoldedLiteral, ...]
    parse_error: str = ""


def python_units(distribution: Distribution) -> Iterator[PythonUnit]:
    """Every unit, by path: modules, ``.pth`` import lines, scripts, and data files run as code."""
    for file in sorted(distribution.files, key=lambda file: file.path):
        if not _is_candidate(file.path):
            continue
        data = file.read()
        source = decode_source(data)
        if file.path.endswith(".pth"):
            source = import_lines(source)
        elif not file.path.endswith((".py", ".pyw")) and not _has_python_shebang(data):
            continue
        parsed = parse(source)
        yield PythonUnit(
            path=file.path,
            data=data,
            source=source,
            tree=parsed.tree,
            surface=surface_of(file, distribution),
            literals=tuple(_literals(parsed.tree)),
            parse_error=parsed.error,
        )


def import_lines(source: str) -> str:
    """The lines of a ``.pth`` file that ``site`` executes, the others blanked."""
    return "\n".join(
        line if line.startswith(("import ", "import\t")) else "" for line in source.splitlines()
    )


def surface_of(file: SourceFile, distribution: Distribution) -> Surface:
    """Where the top level of a file runs."""
    folder, _, name = file.path.rpartition("/")
    if distribution.kind is not DistributionKind.WHEEL and file.path == "setup.py":
        return Surface.SETUP
    if name.endswith(".pth") or name in STARTUP_MODULES:
        return Surface.STARTUP
    if name == "__init__.py":
        return Surface.INIT
    if name == "__main__.py" or folder.endswith(".data/scripts"):
        return Surface.ENTRY_POINT
    return Surface.MODULE


def _is_candidate(path: str) -> bool:
    folder, _, name = path.rpartition("/")
    return path.endswith((".py", ".pyw", ".pth")) or (
        "." not in name and folder.rpartition("/")[2] in ("scripts", "bin")
    )


def _has_python_shebang(data: bytes) -> bool:
    first_line = data[:200].partition(b"\n")[0]
    return first_line.startswith(b"#!") and b"python" in first_line


def _literals(tree: ast.Module | None) -> Iterator[FoldedLiteral]:
    if tree is None:
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, (str, bytes)):
            yield FoldedLiteral(value=node.value, line=node.lineno)
