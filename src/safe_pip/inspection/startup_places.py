"""Modules that run whenever Python starts, wherever a wheel has them: under a path by which they
are known for that.

``site`` imports sitecustomize, which may be a package, from any folder that a ``.pth`` file adds;
and what such a file imports may come from those folders too, or from another scheme of the wheel.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Set
from dataclasses import replace
from functools import partial

from safe_pip.distribution import PREFIX_BYTES, Distribution, SourceFile
from safe_pip.errors import UnscannableError
from safe_pip.extractors.wheel_layout import is_wheel, scheme_path, site_path
from safe_pip.inspection.python_modules import IN_EVERY_PYTHON

_STARTUP = ("sitecustomize", "usercustomize")
_SUFFIX = re.compile(r"(?:/__init__)?((?:\.[\w-]+)*\.(?:pyw?|so|pyd))")
_IMPORTED = re.compile(r"(?:\bfrom\s+([\w.]+)\s+)?\bimport\b\s*\(?([^;'\"()#]*)")
_IMPORTED_BY_CALL = re.compile(r"\b(?:__import__|import_module)\(\s*[\"']([\w.]+)[\"']")
_NAME = re.compile(r"\s*([\w.]+)")
_IMPORT_LINE = re.compile(rb"(?:\A(?:\xef\xbb\xbf)?|[\r\n])import[ \t]")
_ENTRY_POINT = re.compile(r"([\w.]+)\s*:\s*([\w.]+)")
_CALL = "import sys; from {} import {}; {}()\n"
_MAX_START_BYTES = 1 << 20
_MAX_PTH_BYTES = 16 << 20
_MAX_NAMES = 200


def with_startup_places(distribution: Distribution) -> Distribution:
    """With a second path for each such module that has none. Raises UnscannableError for a ``.pth``
    file of another kind than Python reads to its end."""
    if not is_wheel(distribution):
        return distribution
    distribution = _with_start_lines(distribution)
    names, is_path_longer = _started(distribution)
    taken = set(distribution.by_path)
    found: list[SourceFile] = []
    for file in distribution.files:
        for name in names:
            if _is_module(file, name, distribution, anywhere=is_path_longer):
                suffix = _SUFFIX.search(file.path)
                path = _free_path(f"{name.replace('.', '/')}{suffix[1] if suffix else ''}", taken)
                taken.add(path)
                found.append(replace(file, path=path))
    return replace(distribution, files=(*distribution.files, *found)) if found else distribution


def _with_start_lines(distribution: Distribution) -> Distribution:
    """With what Python 3.15 calls for a ``.start`` file (PEP 829) as lines of a ``.pth`` file."""
    found: list[SourceFile] = []
    for file in distribution.files:
        below = site_path(file.path, distribution)
        if below is None or "/" in below or not below.endswith(".start"):
            continue
        path = f"{file.path}.pth"
        if path in distribution.by_path or file.size > _MAX_START_BYTES:
            raise UnscannableError(f"{file.path!a} cannot be read", reason="ambiguous-pth")
        lines = file.read().decode("utf-8-sig", "replace").splitlines()
        points = (_ENTRY_POINT.fullmatch(line.strip()) for line in lines)
        calls = [_CALL.format(one[1], one[2].partition(".")[0], one[2]) for one in points if one]
        content = "".join(calls).encode()
        found.append(
            replace(
                file,
                path=path,
                size=len(content),
                load=partial(bytes, content),
                stream=None,
                prefix=content[:PREFIX_BYTES],
            )
        )
    return replace(distribution, files=(*distribution.files, *found)) if found else distribution


def _started(distribution: Distribution) -> tuple[Set[str], bool]:
    """The modules that are imported at every start, and whether there are folders added to those
    that they may come from."""
    names, is_path_longer = set(_STARTUP), False
    for file in distribution.files:
        below = site_path(file.path, distribution)
        if below is None or "/" in below or not below.endswith(".pth"):
            continue
        for line in _lines(file):
            if line.startswith(("import ", "import\t")):
                names |= {
                    name for name in _with_packages(_imported(line)) if not _is_of_python(name)
                }
                is_path_longer = is_path_longer or "path" in line or "site" in line
            elif line.strip() and not line.startswith("#"):
                is_path_longer = True
    if len(names) > _MAX_NAMES:
        raise UnscannableError("too many modules are started", reason="ambiguous-pth")
    return names, is_path_longer


def _imported(line: str) -> Iterator[str]:
    """The modules that a line may import. What comes ``from`` a package may be a module of it."""
    for package, items in _IMPORTED.findall(line):
        words = [found[1] for found in map(_NAME.match, items.split(",")) if found]
        if package:
            yield package
        yield from (f"{package}.{word}" if package else word for word in words)
    yield from _IMPORTED_BY_CALL.findall(line)


def _with_packages(names: Iterator[str]) -> Iterator[str]:
    """Modules, and the packages that they are in."""
    for name in names:
        parts = name.split(".")
        yield from (".".join(parts[:end]) for end in range(1, len(parts) + 1))


def _lines(file: SourceFile) -> list[str]:
    data = file.read()
    if b"\0" not in data and file.size <= _MAX_PTH_BYTES:
        return data.decode("utf-8-sig", "replace").splitlines()
    # PyTorch's weights end in .pth too.
    if _IMPORT_LINE.search(data):
        raise UnscannableError(
            f"{file.path!a} has lines that Python runs, and is no text", reason="ambiguous-pth"
        )
    return []


def _is_of_python(name: str) -> bool:
    return name.partition(".")[0] in IN_EVERY_PYTHON


def _is_module(file: SourceFile, name: str, distribution: Distribution, *, anywhere: bool) -> bool:
    path = name.replace(".", "/")
    below = site_path(file.path, distribution)
    place = below if below is not None else scheme_path(file.path)[1]
    if _names(place, path):
        if below is None:
            # pip's --target puts it beside the packages.
            return scheme_path(file.path)[0] == "data"
        is_package = "/" in place[len(path) :]
        is_known = below == file.path or (
            scheme_path(file.path)[0] in ("purelib", "platlib") and name in _STARTUP
        )
        return not is_known or (is_package and name in _STARTUP)
    start = place.rfind(f"/{path}")
    return anywhere and start >= 0 and _names(place[start + 1 :], path)


def _names(place: str, path: str) -> bool:
    return place.startswith(path) and _SUFFIX.fullmatch(place, len(path)) is not None


def _free_path(path: str, taken: Set[str]) -> str:
    """Where an installed one is known for what it is."""
    for folder in ("", "startup.data/purelib/", "startup.data/platlib/"):
        if f"{folder}{path}" not in taken:
            return f"{folder}{path}"
    raise UnscannableError(f"{path!a} is there many times", reason="ambiguous-member")
