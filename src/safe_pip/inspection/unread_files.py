"""Files that Python would run and that nobody reads as what they are."""

from __future__ import annotations

import ast
from collections.abc import Set
from dataclasses import replace

from safe_pip.archive.member_names import name_on_windows
from safe_pip.distribution import Distribution, DistributionKind, SourceFile
from safe_pip.errors import UnscannableError
from safe_pip.extractors.parsing import decode_source, parse
from safe_pip.extractors.program import IMPORTING
from safe_pip.extractors.surfaces import is_python_path
from safe_pip.extractors.wheel_layout import scheme_path, site_path

_RUN = (".py", ".pyw", ".pyc", ".pyd", ".pth", "setup.cfg", "pyproject.toml")
_PROGRAM_FOLDERS = ("bin/", "sbin/", "scripts/")
_ACTING = (ast.Call, ast.Import, ast.ImportFrom)
_MAX_SCRIPT_BYTES = 16 << 20
_FIRST_LINE_BYTES = 4_096
# So much of a script is looked at to tell whether it is Python.
_READ_BYTES = 200


def refuse_unread_files(distribution: Distribution) -> None:
    """Raises UnscannableError for a ``.pth`` file in which Python finds other lines than we do, and
    for what is Python under the name that Windows makes of its own."""
    for file in distribution.files:
        kept = name_on_windows(file.path)
        if kept.lower().endswith(_RUN) and not file.path.lower().endswith(_RUN):
            raise UnscannableError(
                f"{file.path!a} is {kept!a} on Windows", reason="ambiguous-member"
            )
        if file.path.endswith(".pth") and _is_in_site_folder(file, distribution):
            _refuse_unread_lines(file)


def with_unread_scripts(distribution: Distribution) -> Distribution:
    """With the Python scripts of a wheel that are not known for Python by their path and first
    line, such as ``pip3.11``, under a path by which they are; so are those in other folders than
    those of programs, if their first line names Python."""
    if distribution.kind is not DistributionKind.WHEEL:
        return distribution
    scripts = tuple(
        replace(file, path=_free_path(file.path, distribution.by_path.keys()))
        for file in distribution.files
        if _is_unread_script(file)
    )
    return replace(distribution, files=(*distribution.files, *scripts)) if scripts else distribution


def _free_path(path: str, taken: Set[str]) -> str:
    path = f"{path}.py"
    return _free_path(path, taken) if path in taken else path


def _is_in_site_folder(file: SourceFile, distribution: Distribution) -> bool:
    """A source's own may lie anywhere: those count that are in the wheel which is built of it."""
    if distribution.kind is not DistributionKind.WHEEL:
        return False
    below = site_path(file.path, distribution)
    return below is not None and "/" not in below


def _refuse_unread_lines(file: SourceFile) -> None:
    """``site`` knows no coding cookie, and from Python 3.13 on takes more characters than a line
    feed for the end of a line."""
    data = file.read()
    text = data.decode("utf-8-sig", "replace")
    run = {line.rstrip() for line in text.splitlines() if line.startswith(IMPORTING)}
    read = {line.rstrip() for line in decode_source(data).split("\n")}
    if not run <= read:
        raise UnscannableError(
            f"{file.path!a} has lines that not every Python runs", reason="ambiguous-pth"
        )


def _is_unread_script(file: SourceFile) -> bool:
    scheme, below = scheme_path(file.path)
    is_program = scheme == "scripts" or (
        scheme == "data" and below.casefold().startswith(_PROGRAM_FOLDERS)
    )
    is_looked_at = is_program or (scheme == "data" and file.head(2) == b"#!")
    if not is_looked_at or file.path.endswith((".py", ".pyw")):
        return False
    first_line = file.head(_FIRST_LINE_BYTES).partition(b"\n")[0]
    is_python = first_line.startswith(b"#!") and b"python" in first_line
    if is_python_path(file.path) and is_python and b"python" in first_line[:_READ_BYTES]:
        return False
    if is_python or (first_line.startswith(b"#!") and b"pypy" in first_line):
        return True
    # A shell script can be Python too, and hand itself over to it.
    if not is_program or b"\0" in first_line or file.size > _MAX_SCRIPT_BYTES:
        return False
    tree = parse(decode_source(file.read().replace(b"\0", b" "))).tree
    return tree is not None and any(isinstance(node, _ACTING) for node in ast.walk(tree))
