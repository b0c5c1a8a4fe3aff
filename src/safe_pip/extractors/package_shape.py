"""Size and shape of a distribution: context for the other features, capped low.

Malware is mostly tiny sdists and popular benign projects are mostly large wheels, so whatever
tells size or format is a shortcut for a model. There are few of these columns, and each is
clipped where ordinary small projects begin.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Iterator

from safe_pip.distribution import Distribution, SourceFile
from safe_pip.evidence import Evidence, Location
from safe_pip.extractors.fact import fact
from safe_pip.extractors.wheel_layout import is_test_or_doc, is_wheel, scheme_path
from safe_pip.feature import Feature, Fold, Group

_MAX_FILES = 200
_MAX_MODULES = 100
_MAX_TOTAL_BYTES = 200_000
_MAX_MODULE_BYTES = 50_000

FEATURES = (
    Feature(
        name="is_wheel",
        group=Group.FILE,
        fold=Fold.VALUE,
        clip=1.0,
        reason="context only: a set-up script runs in an sdist and not in a wheel",
        says="is a wheel",
    ),
    Feature(
        name="n_files",
        group=Group.FILE,
        fold=Fold.VALUE,
        clip=math.log1p(_MAX_FILES),
        reason="context, capped",
        says="has few or many files",
    ),
    Feature(
        name="n_py",
        group=Group.FILE,
        fold=Fold.VALUE,
        clip=math.log1p(_MAX_MODULES),
        reason="context, capped",
        says="has few or many Python files",
    ),
    Feature(
        name="total_py_bytes",
        group=Group.FILE,
        fold=Fold.VALUE,
        clip=math.log1p(_MAX_TOTAL_BYTES),
        reason="context, capped",
        says="has little or much Python code",
    ),
    Feature(
        name="max_py_bytes",
        group=Group.FILE,
        fold=Fold.VALUE,
        clip=math.log1p(_MAX_MODULE_BYTES),
        reason="context for densities, capped",
        says="has a long Python file",
    ),
    Feature(
        name="py_frac_in_setup",
        group=Group.FILE,
        fold=Fold.VALUE,
        clip=1.0,
        reason="a package that is only its payload has its code in setup.py",
        says="has much of its code in setup.py",
    ),
    Feature(
        name="only_setup",
        group=Group.FILE,
        fold=Fold.ANY,
        is_monotone=True,
        reason="a source that installs nothing has a set-up script for another purpose",
        says="has a setup.py and nothing to install",
    ),
    Feature(
        name="empty_package",
        group=Group.FILE,
        fold=Fold.ANY,
        reason="name squatting without content; context, so that it does not pass for malware",
        says="has no code at all",
    ),
    Feature(
        name="has_tests_docs",
        group=Group.FILE,
        fold=Fold.VALUE,
        clip=1.0,
        reason="weak sign of maturity, easily faked",
        says="ships tests or documentation",
    ),
)

_MAX_STUB_BYTES = 4_096
_EXTENSION_MODULE = re.compile(r"\.(?:so|pyd|pyx|c|cc|cpp|rs|f90|f)$", re.IGNORECASE)


def observe(distribution: Distribution) -> Iterator[Evidence]:
    modules = list(distribution.python_files())
    total_bytes = sum(file.size for file in modules)
    yield from fact("is_wheel", is_wheel(distribution))
    yield from fact("n_files", math.log1p(len(distribution.files)))
    yield from fact("n_py", math.log1p(len(modules)))
    yield from fact("total_py_bytes", math.log1p(total_bytes))
    yield from fact("max_py_bytes", math.log1p(max((file.size for file in modules), default=0)))
    yield from fact("has_tests_docs", any(is_test_or_doc(file.path) for file in distribution.files))
    importable = [file for file in modules if _is_importable(file, distribution)]
    setup = None if is_wheel(distribution) else distribution.by_path.get("setup.py")
    if setup is not None and total_bytes:
        yield from fact("py_frac_in_setup", setup.size / total_bytes)
    has_extensions = any(_EXTENSION_MODULE.search(file.path) for file in distribution.files)
    if not has_extensions and all(_is_stub(file) for file in importable):
        if setup is not None and setup.size:
            yield Evidence(
                feature="only_setup",
                location=Location(path="setup.py", line=1),
                detail="has a set-up script and no module with code",
            )
        elif modules:
            yield from fact("empty_package", 1)


def _is_importable(file: SourceFile, distribution: Distribution) -> bool:
    """Whether installing leaves this module where it can be imported or run."""
    if is_wheel(distribution):
        return scheme_path(file.path)[0] != "headers"
    return file.path not in ("setup.py", "conftest.py") and not is_test_or_doc(file.path)


def _is_stub(file: SourceFile) -> bool:
    """Whether a module does nothing: comments, docstrings, ``pass``, names set to constants."""
    if file.size > _MAX_STUB_BYTES:
        return False
    try:
        tree = ast.parse(file.read())
    except (MemoryError, RecursionError, SyntaxError, ValueError):
        return False
    return all(_does_nothing(statement) for statement in tree.body)


def _does_nothing(statement: ast.stmt) -> bool:
    match statement:
        case ast.Pass() | ast.Expr(value=ast.Constant()) | ast.Assign(value=ast.Constant()):
            return True
    return False
