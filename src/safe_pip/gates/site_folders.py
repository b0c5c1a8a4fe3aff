"""Site folders: where an interpreter's installed distributions lie, found without starting them.

Starting Python runs the ``.pth`` files and ``sitecustomize`` of its environment, which is what an
audit is about. Asked with ``-I -S``, it runs nothing of the environment.
"""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from safe_pip.errors import UnsupportedPipError
from safe_pip.gates.interpreter import PROBE_TIMEOUT_SECONDS, find_python, python_of_environment

# Without site, sys.prefix of a virtual environment is that of the Python it was made with (before
# 3.14), so pyvenv.cfg is read here as site reads it.
_PROBE = """\
import os, site, sys
folder = os.path.dirname(os.path.abspath(sys.executable))
settings = {}
for place in (folder, os.path.dirname(folder)):
    config = os.path.join(place, "pyvenv.cfg")
    if os.path.isfile(config):
        with open(config, encoding="utf-8", errors="replace") as lines:
            pairs = (line.partition("=") for line in lines)
            settings = {name.strip().lower(): value.strip() for name, _, value in pairs}
        break
else:
    place = None
wide = place is None or settings.get("include-system-site-packages", "").lower() == "true"
bases = {sys.base_prefix, sys.base_exec_prefix}
found = []
if place is not None:
    sys.prefix = sys.exec_prefix = place
    found += site.getsitepackages([place])
if wide:
    found.append(site.getusersitepackages())
    if place is not None:
        sys.prefix, sys.exec_prefix = sys.base_prefix, sys.base_exec_prefix
    found += site.getsitepackages(sorted(bases))
print(ascii((sys.version_info[:3], place or sys.base_prefix, found)))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteFolders:
    """``folders`` exist, each once, the environment's own before those of the system."""

    python_version: tuple[int, int, int]
    prefix: Path
    folders: tuple[Path, ...]
    chosen_by: str


def find_site_folders(*, environ: Mapping[str, str], python: Path | None) -> SiteFolders:
    """The site folders of an interpreter or environment, or of the one that pip would install
    into. Raises UnsupportedPipError if there is none that starts."""
    if python is None:
        choice = find_python(environ)
        python, chosen_by = choice.python, choice.chosen_by
    else:
        chosen_by = "named by --python"
        if python.is_dir():
            python = python_of_environment(python) or python
    try:
        completed = subprocess.run(
            [python, "-I", "-S", "-c", _PROBE],
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PROBE_TIMEOUT_SECONDS,
            check=True,
        )
        version, prefix, found = ast.literal_eval(completed.stdout.decode("ascii"))
    except (OSError, subprocess.SubprocessError, ValueError, SyntaxError) as error:
        raise UnsupportedPipError(
            f"{python} does not start, or is older than Python 3.4.",
            hint="Give --python an interpreter or the folder of a virtual environment.",
        ) from error
    folders = dict.fromkeys(Path(text).resolve() for text in found if Path(text).is_dir())
    return SiteFolders(
        python_version=version, prefix=Path(prefix), folders=tuple(folders), chosen_by=chosen_by
    )
