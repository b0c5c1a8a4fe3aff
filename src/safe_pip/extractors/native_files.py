"""Native code, and programs for other interpreters, where a package should have none."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from safe_pip.distribution import Distribution, SourceFile
from safe_pip.evidence import MAX_EXCERPT_CHARS, Evidence, Location
from safe_pip.extractors.file_kinds import FileKind, file_kind, suffix_of
from safe_pip.extractors.wheel_layout import is_test_or_doc, is_wheel, site_path
from safe_pip.feature import Feature, Fold, Group

FEATURES = (
    Feature(
        name="native_odd",
        group=Group.FILE,
        fold=Fold.ANY,
        is_monotone=True,
        reason="a native file has no business in a pure wheel, and none without source in an sdist",
        says="holds native code where there should be none",
    ),
    Feature(
        name="native_loaded_by_name",
        group=Group.FILE,
        fold=Fold.ANY,
        is_monotone=True,
        reason="a loader such as colorinal's leaves clean Python and a library that it names",
        says="loads a native library that is no Python extension",
    ),
    Feature(
        name="exe_payload",
        group=Group.FILE,
        fold=Fold.ANY,
        is_monotone=True,
        reason="a payload must be carried or fetched",
        says="carries a program or a script for another interpreter",
    ),
)

_FOREIGN = ".ps1 .psm1 .bat .cmd .vbs .vbe .scr .hta .wsf .jar .lnk .msi"
_FOREIGN_SCRIPTS = frozenset(_FOREIGN.split())
_LIBRARY_FOLDER = re.compile(r"\.(?:libs|dylibs)(?:/|$)")
_LIBRARY_NAME = re.compile(r"\.(?:so|dll|dylib|pyd)(?:\.[\d.]+)?$", re.IGNORECASE)
# Each is looked for in every module beside it.
_MAX_NAMED_LIBRARIES = 64
_MAX_SEARCHED_LIBRARY_BYTES = 32 * 1024 * 1024


def observe(distribution: Distribution) -> Iterator[Evidence]:
    """Evidence about programs and libraries.

    Raises UnscannableError when a member cannot be read.
    """
    is_pure = _is_pure(distribution)
    libraries = []
    for file in distribution.files:
        kind = file_kind(file)
        if kind.is_native:
            yield from _observe_native(file, kind, distribution, is_pure=is_pure)
            if kind is FileKind.LIBRARY:
                libraries.append(file)
        suffix = suffix_of(file.path)
        if suffix in _FOREIGN_SCRIPTS and not _is_sphinx_script(file.path):
            yield _seen("exe_payload", file, f"{suffix} is run by another interpreter")
    yield from _observe_loading(libraries, distribution)


def _observe_native(
    file: SourceFile, kind: FileKind, distribution: Distribution, *, is_pure: bool
) -> Iterator[Evidence]:
    if kind is FileKind.PROGRAM:
        yield _seen("exe_payload", file, "is a native program")
    if is_pure:
        yield _seen("native_odd", file, f"is {kind.value} in a wheel for any platform")
    elif not is_wheel(distribution):
        yield _seen("native_odd", file, f"is {kind.value} in a source distribution")


def _observe_loading(
    libraries: Iterable[SourceFile], distribution: Distribution
) -> Iterator[Evidence]:
    """Libraries that are no Python extensions and whose file name stands in a module."""
    if not is_wheel(distribution):
        return
    by_top: dict[str, list[SourceFile]] = {}
    for file in sorted(libraries, key=_place):
        below = site_path(file.path, distribution)
        if below is None or _LIBRARY_FOLDER.search(below) or _is_extension(file):
            continue
        named = by_top.setdefault(file.path.partition("/")[0], [])
        if len(named) < _MAX_NAMED_LIBRARIES:
            named.append(file)
    if not by_top:
        return
    for module in distribution.python_files():
        beside = by_top.get(module.path.partition("/")[0], ())
        data = module.read() if beside else b""
        for library in beside:
            name = library.path.rpartition("/")[2]
            position = data.find(name.encode())
            if position >= 0:
                yield Evidence(
                    feature="native_loaded_by_name",
                    location=Location(path=module.path, line=data.count(b"\n", 0, position) + 1),
                    excerpt=name[:MAX_EXCERPT_CHARS],
                    detail=f"names {library.path}, a native library and no Python extension",
                )


def _place(file: SourceFile) -> tuple[bool, str]:
    """Libraries under an odd name first."""
    return _LIBRARY_NAME.search(file.path) is not None, file.path


def _is_extension(file: SourceFile) -> bool:
    """Whether a library has the entry point of a Python extension, or is too large to search."""
    if file.size > _MAX_SEARCHED_LIBRARY_BYTES:
        return True
    end = b""
    for piece in file.chunks():
        if b"PyInit_" in end + piece:
            return True
        end = piece[-6:]
    return False


def _is_sphinx_script(path: str) -> bool:
    """Sphinx puts a make.bat beside the documentation of most projects."""
    return path.endswith("/make.bat") and is_test_or_doc(path)


def _is_pure(distribution: Distribution) -> bool:
    """Whether a wheel claims to fit any platform."""
    if not is_wheel(distribution):
        return False
    if distribution.filename.endswith(".whl"):
        return distribution.filename.endswith("-any.whl")
    for file in distribution.files:
        if file.path.endswith(".dist-info/WHEEL") and file.path.count("/") == 1:
            return re.search(rb"(?m)^Tag: .*-any\s*$", file.read()) is not None
    return False


def _seen(feature: str, file: SourceFile, detail: str) -> Evidence:
    return Evidence(feature=feature, location=Location(path=file.path), detail=detail)
