"""Scripts that a build back end runs because ``pyproject.toml`` names them: they must be Python,
and be named as it.

poetry hands its script to Python, which takes a source of any name, byte code of any name, and an
archive; hatchling and pdm import theirs, compiled modules among them.
"""

from __future__ import annotations

import posixpath
import sys
from collections.abc import Iterator

from safe_pip.distribution import Distribution, DistributionKind
from safe_pip.errors import UnscannableError
from safe_pip.extractors.build_system import MAX_PYPROJECT_BYTES

_COMPILED = (".pyc", ".so", ".pyd")
_BACK_ENDS = ("hatch", "pdm", "poetry")


def refuse_unread_build_scripts(distribution: Distribution) -> None:
    """Raises UnscannableError for a script that is not named as Python, or is compiled."""
    file = distribution.by_path.get("pyproject.toml")
    is_wheel = distribution.kind is DistributionKind.WHEEL
    if is_wheel or file is None or file.size > MAX_PYPROJECT_BYTES:
        return
    text = file.read().decode("utf-8", "replace")
    # Most name none, and the parser takes long to import.
    if "\\" not in text and not any(name in text for name in _BACK_ENDS):
        return
    # Some file systems make no difference between upper and lower case.
    paths = {path.casefold() for path in distribution.by_path}
    for name, is_run_by_any_name in _scripts(text):
        path = posixpath.normpath(name.replace("\\", "/")).casefold()
        if path in paths and (path.endswith(_COMPILED) or is_run_by_any_name):
            raise UnscannableError(
                f"{name[:80]!a} is run by the build, and is not named as Python",
                reason="build-script-unread",
            )


def _scripts(text: str) -> Iterator[tuple[str, bool]]:
    """What may be the name of a script, and whether it is run whatever that is."""
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        tools = tomllib.loads(text).get("tool")
    except (RecursionError, ValueError):
        return  # pip stops at it too.
    if not isinstance(tools, dict):
        return
    poetry = tools.get("poetry")
    build = poetry.get("build") if isinstance(poetry, dict) else None
    script = build.get("script") if isinstance(build, dict) else build
    if isinstance(script, str):
        yield script, not script.endswith(".py")
    for name in _BACK_ENDS:
        yield from ((text, False) for text in _texts(tools.get(name)))


def _texts(value: object) -> Iterator[str]:
    waiting = [value]
    while waiting:
        match waiting.pop():
            case str() as text:
                yield text
            case dict() as table:
                waiting += table.values()
            case list() as values:
                waiting += values
