"""Shadowing: files of a wheel that Python, pip or safe-pip would take before those they mean.

Python looks for modules beside a script first, so that what lies beside ``pip`` is imported by it;
pip and Python read settings from the environment, and take whatever has a name like that of
metadata for another project.
"""

from __future__ import annotations

import re

from packaging.utils import canonicalize_name

from safe_pip.distribution import Distribution, DistributionKind, SourceFile
from safe_pip.errors import UnscannableError
from safe_pip.extractors.wheel_layout import scheme_path, site_path
from safe_pip.inspection.own_places import script_names
from safe_pip.inspection.python_modules import IN_SOME_PYTHON

# What safe-pip's and pip's scripts import that does not belong to Python, most of it where it is
# there: tests compare them with what the two import.
OURS = frozenset(
    """flatbuffers google markdown_it mdurl numpy onnxruntime packaging pip platformdirs pygments
    pypi_attestations rich safe_pip sigstore tomli""".split()  # noqa: SIM905
)
OF_PIP = frozenset(
    """__pypy__ _manylinux attr backports brotli brotlicffi chardet cryptography filelock h2
    importlib_metadata ipython ipywidgets keyring lockfile openssl redis simplejson socks truststore
    typing_extensions zstandard""".split()  # noqa: SIM905
)
_OF_OTHERS = OURS | OF_PIP
_OF_PYTHON = frozenset(map(str.casefold, IN_SOME_PYTHON))
_SUFFIX = r"(?:\.[\w-]+)*\.(?:pyw?|pyc|so|pyd)"
_MODULE = re.compile(rf"(?P<name>[^./]+){_SUFFIX}", re.IGNORECASE)
_PACKAGE = re.compile(rf"(?P<name>[^./]+)/__init__{_SUFFIX}", re.IGNORECASE)
_PROGRAM_FOLDER = re.compile(r"(?:s?bin|scripts)/", re.IGNORECASE)
# pip.conf and pip.ini, and by which Python finds its own library (documentation of sys.path).
_SETTINGS = re.compile(
    r"pip\.(?:conf|ini)|(?:(?:s?bin|scripts)/)?(?:pybuilddir\.txt|[\w.]+\._pth)", re.IGNORECASE
)
_LIBRARY = re.compile(
    r"(?:lib(?:64)?/)?(?:python|pypy)[\d.]+(?:t?\.zip)?(?:/(?!(?:site|dist)-packages/)|\Z)"
    r"|(?:lib|dlls)/[^/]+\.(?:pyw?|pyc|pyd)\Z|.*/(?:site|dist)-packages/",
    re.IGNORECASE,
)
_METADATA = re.compile(r"(?P<project>[^/-]+)[^/]*\.(?:dist|egg)-info", re.IGNORECASE)
# pip freeze tells it, and what is installed from there comes from where it says.
_ORIGIN = ".dist-info/direct_url.json"
_START_UP = {
    "_virtualenv": canonicalize_name("virtualenv"),
    "_distutils_hack": canonicalize_name("setuptools"),
}


def refuse_shadowing(distribution: Distribution) -> None:
    """Raises UnscannableError for a wheel with such a file."""
    if distribution.kind is not DistributionKind.WHEEL:
        return
    for file in distribution.files:
        if what := _shadowed(file.path, distribution):
            raise UnscannableError(
                f"{file.path!a} takes the place of {what}", reason="foreign-place"
            )
        if file.path.count("/") == 1 and file.path.endswith(".dist-info/entry_points.txt"):
            _refuse_scripts(file)


def _shadowed(path: str, distribution: Distribution) -> str | None:
    scheme, below = scheme_path(path)
    if below.casefold().endswith(_ORIGIN) and below.count("/") == 1:
        return "pip's record of where a project comes from"
    if scheme == "data":
        if _SETTINGS.fullmatch(below):
            return "settings of pip or Python"
        if _LIBRARY.match(below) and site_path(path, distribution) is None:
            return "Python's own library"
    program = below if scheme == "scripts" else None
    if scheme == "data" and _PROGRAM_FOLDER.match(below):
        program = below.partition("/")[2]
    if program is not None:
        return _module_of_a_script(program)
    top, slash, _ = below.partition("/")
    if scheme in ("purelib", "platlib", "data"):
        owner = _START_UP.get(top.partition(".")[0])
        if owner is not None and owner != distribution.project:
            return f"what {owner} runs whenever Python starts"
    if scheme in ("purelib", "platlib"):
        return _other_project(top, slash, distribution)
    return None


def _module_of_a_script(program: str) -> str | None:
    match = _MODULE.fullmatch(program) or _PACKAGE.fullmatch(program)
    name = program.partition("/")[0] if match is None else match["name"]
    if match is not None and name.casefold() in _OF_PYTHON:
        return f"the module {name}, for every script beside it"
    # Of a module that may be missing, a folder with anything in it is a package.
    if (match is not None or "/" in program) and name.casefold() in _OF_OTHERS:
        return f"the module {name}, for every script beside it"
    return None


def _other_project(top: str, slash: str, distribution: Distribution) -> str | None:
    """A wheel's own metadata is in a folder whose name ends in small letters: pip wants one of
    these alone."""
    match = _METADATA.fullmatch(top)
    if match is None or (slash and top.endswith(".dist-info")):
        return None
    if canonicalize_name(match["project"]) == distribution.project:
        return None
    return "the metadata of another project"


def _refuse_scripts(file: SourceFile) -> None:
    """A script is written under the name of its entry point: under that of a module, it is one."""
    for name in script_names(file):
        if what := _module_of_a_script(name):
            raise UnscannableError(
                f"{file.path!a} names a script {name[:80]!a}, which takes the place of {what}",
                reason="foreign-place",
            )
