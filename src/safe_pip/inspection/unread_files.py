"""Files that Python would run and that nobody reads as what they are."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import replace

from safe_pip.distribution import Distribution, DistributionKind, SourceFile
from safe_pip.errors import UnscannableError
from safe_pip.extractors.parsing import decode_source
from safe_pip.extractors.program import import_lines
from safe_pip.extractors.wheel_layout import scheme_path, site_path

_IMPORT = ("import ", "import\t")


def refuse_unread_files(distribution: Distribution) -> None:
    """Raises UnscannableError for a ``.pth`` file in which Python finds other lines than we do."""
    for file in distribution.files:
        if file.path.endswith(".pth") and _is_in_site_folder(file, distribution):
            _refuse_unread_lines(file)


def with_dotted_scripts(distribution: Distribution) -> Distribution:
    """With the Python scripts of a wheel that have a dot in their name, such as ``pip3.11``, under
    a path by which they are known for Python."""
    if distribution.kind is not DistributionKind.WHEEL:
        return distribution
    scripts = tuple(
        replace(file, path=_free_path(file.path, distribution.by_path.keys()))
        for file in distribution.files
        if _is_dotted_script(file)
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
    run = {line.rstrip() for line in text.splitlines() if line.startswith(_IMPORT)}
    read = {line.rstrip() for line in import_lines(decode_source(data)).split("\n")}
    if not run <= read:
        raise UnscannableError(
            f"{file.path!a} has lines that not every Python runs", reason="ambiguous-pth"
        )


def _is_dotted_script(file: SourceFile) -> bool:
    scheme, below = scheme_path(file.path)
    is_program = scheme == "scripts" or (scheme == "data" and below.startswith("bin/"))
    name = below.rpartition("/")[2]
    if not is_program or "." not in name or name.endswith((".py", ".pyw")):
        return False
    first_line = file.head(200).partition(b"\n")[0]
    return first_line.startswith(b"#!") and b"python" in first_line
