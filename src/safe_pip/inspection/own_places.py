"""Places that belong to the environment, to pip or to safe-pip: what another project's wheel puts
there is run or believed in their stead, however harmless it looks by itself."""

from __future__ import annotations

import re
from collections.abc import Iterator

from packaging.utils import canonicalize_name

from safe_pip.distribution import Distribution, DistributionKind, SourceFile
from safe_pip.errors import UnscannableError
from safe_pip.extractors.wheel_layout import scheme_path, site_path

# Packages that decide what is installed, and the projects that they belong to.
_OWNERS = {"pip": canonicalize_name("pip"), "safe_pip": canonicalize_name("safe-pip-guard")}
# What starts Python or sets it up, and what pip and git start by name: a script of that name comes
# first on the PATH.
_PROGRAMS = re.compile(
    r"(?P<name>pythonw?|pypy|pip|safe-pip|git|hg|svn|bzr|ssh|keyring|activate(?:_this)?|deactivate"
    # What pip tells an index of the machine that it runs on.
    r"|rustc|lsb_release|uname|oslevel)"
    r"[\d.]*(?:\.(?:bat|cmd|com|csh|exe|fish|nu|ps1|py|xsh))?",
    re.IGNORECASE,
)
# Of those programs, the ones that another project than that of their name brings.
_PROJECTS = {
    "safe-pip": canonicalize_name("safe-pip-guard"),
    "hg": canonicalize_name("mercurial"),
}
_SETTINGS = "pyvenv.cfg"
# pip spreads its content over the environment like that of every folder with this ending; to others
# it is a folder like any.
_NAMELESS = ".data/"
# A wheel's own stands at its root, where pip wants one alone.
_METADATA = (".dist-info", ".egg-info")
_PROGRAM_FOLDERS = frozenset({"bin", "sbin", "scripts"})
_SCRIPT_GROUPS = ("console_scripts", "gui_scripts")
_MAX_ENTRY_POINTS_BYTES = 1 << 20


def refuse_foreign_places(distribution: Distribution) -> None:
    """Raises UnscannableError for a wheel that takes the place of the interpreter, of its settings,
    of pip, of safe-pip, of another project's metadata, or of a program that pip starts."""
    if distribution.kind is not DistributionKind.WHEEL:
        return
    for file in distribution.files:
        place = _foreign_place(file.path, distribution)
        if place is not None:
            raise UnscannableError(
                f"{file.path!a} takes the place of {place}", reason="foreign-place"
            )
        if file.path.count("/") == 1 and file.path.endswith(".dist-info/entry_points.txt"):
            _refuse_entry_points(file, distribution)


def _foreign_place(path: str, distribution: Distribution) -> str | None:
    if path.startswith(_NAMELESS):
        return "a project without a name"
    scheme, below = scheme_path(path)
    places = [site_path(path, distribution) or ""]
    if scheme == "data":
        places.append(below)  # pip's --target puts it beside the packages.
    for package in (place.partition("/")[0].casefold() for place in places):
        # Compiled, it may be pip.cpython-311-x86_64-linux-gnu.so.
        owner = _OWNERS.get(package.partition(".")[0])
        if owner is not None and distribution.project != owner:
            return f"a file of {owner}"
        if below != path and package.endswith(_METADATA):
            return "the metadata of a project"
    if scheme == "data" and below.casefold() == _SETTINGS:
        return "the environment's settings"
    folder, _, name = below.rpartition("/")
    is_program = scheme == "scripts" or (scheme == "data" and folder.casefold() in _PROGRAM_FOLDERS)
    return _foreign_program(name, distribution) if is_program else None


def _foreign_program(name: str, distribution: Distribution) -> str | None:
    match = _PROGRAMS.fullmatch(name)
    if match is None:
        return None
    program = match["name"].lower()
    own = _PROJECTS.get(program, canonicalize_name(program))
    return None if own == distribution.project else f"the program {match['name']}"


def _refuse_entry_points(file: SourceFile, distribution: Distribution) -> None:
    """pip writes a script of each name, wherever the name leads."""
    if file.size > _MAX_ENTRY_POINTS_BYTES:
        raise UnscannableError(f"{file.path!a}: {file.size:,} bytes", reason="metadata-too-large")
    for name in script_names(file):
        if "/" in name or "\\" in name:
            raise UnscannableError(
                f"{file.path!a} names a script in another folder: {name[:80]!a}",
                reason="foreign-place",
            )
        place = _foreign_program(name, distribution)
        if place is not None:
            raise UnscannableError(
                f"{file.path!a} names a script {name[:80]!a}, which takes the place of {place}",
                reason="foreign-place",
            )


def script_names(entry_points: SourceFile) -> Iterator[str]:
    """What pip writes scripts for. Line by line, as its readers do: to them an indented line
    continues none. Raises UnscannableError for a line that is not a heading to all of them."""
    group = ""
    for line in map(str.strip, entry_points.read().decode("utf-8", "replace").splitlines()):
        if line.startswith("["):
            if not line.endswith("]"):
                raise UnscannableError(
                    f"{entry_points.path!a} has the heading {line[:80]!a}, which has no end",
                    reason="foreign-place",
                )
            group = line.strip("[] \t")
        elif group in _SCRIPT_GROUPS and not line.startswith("#"):
            yield line.partition("=")[0].strip()
