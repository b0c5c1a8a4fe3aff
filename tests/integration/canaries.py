"""Canaries: harmless projects whose code leaves a mark when it runs.

The mark is a line in the file that the variable CANARY_MARKS names. Everything builds with the
standard library alone, so that no network and no setuptools is needed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.builders import Content, write_sdist, write_tree, write_wheel

MARKS_VARIABLE = "CANARY_MARKS"

# What a build backend does, from the sdist itself or from a build requirement.
_BACKEND = """\
import base64, hashlib, os, zipfile

NAME = {name!r}
VERSION = {version!r}
DYNAMIC = {dynamic!r}


def mark(what):
    path = os.environ.get("CANARY_MARKS")
    if path:
        with open(path, "a") as file:
            file.write(what + "\\n")


mark({owner!r} + " backend")


def get_requires_for_build_wheel(config_settings=None):
    mark({owner!r} + " requires")
    return DYNAMIC


def _project():
    for line in open("pyproject.toml"):
        key, _, value = line.partition("=")
        if key.strip() == "canary-name":
            return value.strip().strip('"'), "1.0"
    return NAME, VERSION


def _wheel(folder, files):
    name, version = _project()
    info = name + "-" + version + ".dist-info/"
    files = dict(files)
    files[info + "METADATA"] = "Metadata-Version: 2.1\\nName: %s\\nVersion: %s\\n" % (name, version)
    files[info + "WHEEL"] = (
        "Wheel-Version: 1.0\\nGenerator: canary\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
    )
    lines = []
    for path, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode()
        lines.append("%s,sha256=%s,%d" % (path, digest.rstrip("="), len(text.encode())))
    files[info + "RECORD"] = "\\n".join(lines + [info + "RECORD,,", ""])
    filename = "%s-%s-py3-none-any.whl" % (name, version)
    with zipfile.ZipFile(os.path.join(folder, filename), "w") as archive:
        for path, text in files.items():
            archive.writestr(zipfile.ZipInfo(path, (2024, 1, 1, 0, 0, 0)), text)
    return filename


def build_wheel(folder, config_settings=None, metadata_directory=None):
    mark({owner!r} + " build")
    name, _ = _project()
    return _wheel(folder, {{name + "/__init__.py": "NAME = %r\\n" % name}})


def build_editable(folder, config_settings=None, metadata_directory=None):
    mark({owner!r} + " editable")
    name, _ = _project()
    return _wheel(folder, {{name + ".pth": os.getcwd() + "\\n"}})
"""

PTH = "import os; m = os.environ.get('CANARY_MARKS'); m and open(m, 'a').write({!r})\n"


def backend(
    owner: str, *, name: str = "", version: str = "1.0", dynamic: Sequence[str] = ()
) -> str:
    return _BACKEND.format(owner=owner, name=name or owner, version=version, dynamic=list(dynamic))


def project_files(
    name: str, *, requires: Sequence[str] = (), dynamic: Sequence[str] = ()
) -> dict[str, Content]:
    """A project that builds with a backend in its own tree."""
    return {
        "pyproject.toml": (
            f"[build-system]\nrequires = {list(requires)!r}\n"
            'build-backend = "backend"\nbackend-path = ["."]\n'
        ),
        "backend.py": backend(name, dynamic=dynamic),
        f"{name}/__init__.py": "",
    }


def project_built_by(name: str, tool: str) -> dict[str, Content]:
    """A project whose backend is a build requirement."""
    return {
        "pyproject.toml": (
            f'[build-system]\nrequires = ["{tool}"]\nbuild-backend = "{tool}"\n'
            f'[tool.canary]\ncanary-name = "{name}"\n'
        ),
    }


def write_canary_sdist(
    folder: Path, name: str, *, requires: Sequence[str] = (), dynamic: Sequence[str] = ()
) -> Path:
    return write_sdist(folder, name, files=project_files(name, requires=requires, dynamic=dynamic))


def write_setup_py_sdist(folder: Path, name: str) -> Path:
    """The oldest kind: a setup.py that marks as soon as it is looked at."""
    setup = (
        "import os\nm = os.environ.get('CANARY_MARKS')\n"
        f"m and open(m, 'a').write('{name} setup\\n')\n"
        f"from setuptools import setup\nsetup(name='{name}', version='1.0')\n"
    )
    return write_sdist(folder, name, files={"setup.py": setup})


def write_pth_wheel(folder: Path, name: str, *, files: Mapping[str, Content] | None = None) -> Path:
    """A wheel that marks at every start of an interpreter that sees it."""
    content = {f"{name}.pth": PTH.format(f"{name} pth\n"), f"{name}/__init__.py": ""}
    return write_wheel(folder, name, files={**content, **(files or {})})


def write_tool_wheel(folder: Path, tool: str) -> Path:
    """A build requirement: backend and .pth in a wheel."""
    return write_pth_wheel(folder, tool, files={f"{tool}/__init__.py": backend(tool)})


# As much of setuptools as runs a setup.py, for pip asks the index for a setuptools to build with.
_SETUPTOOLS = """\
import os, sys
from setuptools import ARGUMENTS
from setuptools.backend import _wheel


class __legacy__:
    @staticmethod
    def build_wheel(folder, config_settings=None, metadata_directory=None):
        with open("setup.py") as file:
            exec(compile(file.read(), "setup.py", "exec"), {"__name__": "__main__"})
        name = ARGUMENTS["name"]
        return _wheel(folder, {name + "/__init__.py": "BUILT_BY = 'setup.py'\\n"}, name)


sys.modules[__name__ + ".__legacy__"] = __legacy__
"""


def write_setuptools(folder: Path) -> Path:
    write_wheel(folder, "wheel", "0.45")  # older pips ask for both
    files = {
        "setuptools/__init__.py": "ARGUMENTS = {}\n\n\ndef setup(**arguments):\n"
        "    ARGUMENTS.update(arguments)\n",
        "setuptools/build_meta.py": _SETUPTOOLS,
        "setuptools/backend.py": backend("setuptools").replace(
            "def _wheel(folder, files):\n    name, version = _project()",
            "def _wheel(folder, files, name, version='1.0'):",
        ),
    }
    return write_wheel(folder, "setuptools", "80.0", files=files)


def write_project(folder: Path, name: str) -> Path:
    return write_tree(folder / name, project_files(name))
