"""Files that Python runs at every interpreter start (documentation of ``site``)."""

from __future__ import annotations

from collections.abc import Iterator

from safe_pip.distribution import Distribution, SourceFile
from safe_pip.evidence import MAX_EXCERPT_CHARS, Evidence, Location, Surface
from safe_pip.extractors.late_regex import late_regex
from safe_pip.extractors.wheel_layout import is_wheel, site_path
from safe_pip.feature import Feature, Fold, Group

FEATURES = (
    Feature(
        name="pth_present",
        group=Group.FILE,
        fold=Fold.ANY,
        is_monotone=True,
        reason="rare in benign wheels; the worst incidents of 2026 came with one",
        says="installs a .pth file, which Python reads at every start",
    ),
    Feature(
        name="pth_import_line",
        group=Group.FILE,
        fold=Fold.COUNT,
        is_monotone=True,
        clip=1.8,
        reason="only lines that start with import run, at each interpreter start",
        says="has a .pth line that runs code at every interpreter start",
    ),
    Feature(
        name="pth_suspicious",
        group=Group.FILE,
        fold=Fold.COUNT,
        is_monotone=True,
        clip=1.8,
        reason="a loader has to execute, decode, spawn or fetch, and does not fit a short line",
        says="has a .pth line that decodes, executes, starts or fetches something",
    ),
    Feature(
        name="pth_loader",
        group=Group.FILE,
        fold=Fold.ANY,
        is_monotone=True,
        reason="a program packed into a .pth line has no honest use: a module is imported instead",
        says="has a .pth line that carries a program and runs it",
    ),
    Feature(
        name="startup_modules",
        group=Group.FILE,
        fold=Fold.ANY,
        is_monotone=True,
        reason="sitecustomize is the same persistence by another door",
        says="installs a module that Python imports at every start",
    ),
)

_STARTUP_NAMES = frozenset({"sitecustomize", "usercustomize"})
_MODULE_SUFFIX = late_regex(r"\.(?:py|pyc|pyw|[\w.-]*so|[\w.-]*pyd)$")
_MAX_PTH_BYTES = 16 * 1024 * 1024
_LONG_LINE_CHARS = 200
_SIGNS = (
    ("executes a string", late_regex(r"\b(?:exec|eval|compile|__builtins__)\b")),
    ("starts a process", late_regex(r"\b(?:subprocess|Popen|os\.system|spawn\w*|execv\w*|pty)\b")),
    (
        "decodes data",
        late_regex(
            r"b(?:16|32|64|85)decode|base64|\bzlib\b|\bmarshal\b|fromhex|\bcodecs\b|\bchr\("
        ),
    ),
    (
        "opens a connection",
        late_regex(r"\b(?:urllib|urlopen|requests|httpx|socket|http\.client|https?://)"),
    ),
    ("reads a file", late_regex(r"\bopen\(|read_(?:text|bytes)\(|runpy")),
)
# What setuptools wrote for namespace packages until it dropped them: long, with semicolons, and
# always the same.
_NAMESPACE_LINE = late_regex(
    r"import sys, types, os;\s?has_mfs = sys\.version_info > \(3, 5\);"
    r"p = os\.path\.join\(sys\._getframe\(1\)\.f_locals\['sitedir'\], "
    r"\*\('[\w', ]+\)\);"
    r"importlib = has_mfs and __import__\('importlib\.util'\);"
    r"has_mfs and __import__\('importlib\.machinery'\);"
    r"m = has_mfs and sys\.modules\.setdefault\('[\w.]+', "
    r"importlib\.util\.module_from_spec\(importlib\.machinery\.PathFinder\.find_spec\('[\w.]+', "
    r"\[os\.path\.dirname\(p\)\]\)\)\);"
    r"m = m or sys\.modules\.setdefault\('[\w.]+', types\.ModuleType\('[\w.]+'\)\);"
    r"mp = \(m or \[\]\) and m\.__dict__\.setdefault\('__path__',\s?\[\]\);"
    r"\(p not in mp\) and mp\.append\(p\)"
    r"(?:;m and setattr\(sys\.modules\['[\w.]+'\], '\w+', m\))?"
)


def observe(distribution: Distribution) -> Iterator[Evidence]:
    """Evidence of ``.pth`` files and start-up modules. Raises UnscannableError if unreadable."""
    for file in distribution.files:
        name = file.path.rpartition("/")[2]
        if name.lower().endswith(".pth"):
            if _is_read_by_site(file, distribution):
                yield from _observe_pth(file)
        elif name.partition(".")[0] in _STARTUP_NAMES and _MODULE_SUFFIX.search(name):
            below = site_path(file.path, distribution)
            if below == name or not is_wheel(distribution):
                yield Evidence(
                    feature="startup_modules",
                    location=Location(path=file.path),
                    surface=Surface.STARTUP,
                    detail=f"{name} is imported at every interpreter start",
                )


def _is_read_by_site(file: SourceFile, distribution: Distribution) -> bool:
    """Python reads those at the root of site-packages; a set-up script can put them there."""
    if b"\0" in file.prefix or file.size > _MAX_PTH_BYTES:
        return False  # PyTorch's weights end in .pth too.
    below = site_path(file.path, distribution)
    return not is_wheel(distribution) or (below is not None and "/" not in below)


def _observe_pth(file: SourceFile) -> Iterator[Evidence]:
    data = file.read()
    if b"\0" in data:
        return
    yield Evidence(
        feature="pth_present", location=Location(path=file.path), surface=Surface.STARTUP
    )
    lines = data.decode("utf-8-sig", "replace").splitlines()
    for number, line in enumerate(lines, start=1):
        if not line.startswith(("import ", "import\t")):
            continue
        location = Location(path=file.path, line=number)
        excerpt = line[:MAX_EXCERPT_CHARS]
        yield Evidence(
            feature="pth_import_line", location=location, surface=Surface.STARTUP, excerpt=excerpt
        )
        if carries_program(line):
            yield Evidence(
                feature="pth_loader",
                location=location,
                surface=Surface.STARTUP,
                excerpt=excerpt,
                detail="carries a program and runs it at every interpreter start",
            )
        for sign in _signs(line):
            yield Evidence(
                feature="pth_suspicious",
                location=location,
                surface=Surface.STARTUP,
                excerpt=excerpt,
                detail=f"{sign} at every interpreter start",
            )


_RUNS = late_regex(
    r"\b(?:exec|eval|compile|Popen|system|popen|spawn\w*|execv\w*|check_\w+|run|call|loads)\s*\("
    r"|\b__builtins__\b"
)
_UNPACKS = late_regex(
    r"b(?:16|32|64|85)decode|\bdecompress\b|\bmarshal\b|fromhex|\bcodecs\b|\bchr\(|urlopen"
    r"|\brequests\b|urlretrieve|\bhttpx\b"
)
_LONG_STRING = late_regex(r"([\"'])(?:(?!\1)[^\\]|\\.){600,}\1")


def carries_program(line: str) -> bool:
    """Whether an import line unpacks or fetches something, or holds a long string, and runs it."""
    if _NAMESPACE_LINE.fullmatch(line.strip()) or not _RUNS.search(line):
        return False
    return bool(_UNPACKS.search(line) or _LONG_STRING.search(line))


def _signs(line: str) -> Iterator[str]:
    if _NAMESPACE_LINE.fullmatch(line.strip()):
        return
    for sign, pattern in _SIGNS:
        if pattern.search(line):
            yield sign
    if len(line) > _LONG_LINE_CHARS:
        yield f"has {len(line)} characters in one line and runs"
