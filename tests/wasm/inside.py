"""What is run in the CPython that pyodide brings: every import, then the tests that can run there.

There are no processes, threads or sockets in it, and neither numpy nor onnxruntime is built for it.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import sys
import traceback
import warnings
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from tests.wasm import numpy_stand_in

# Left out: what needs processes, threads, sockets, a model, an interpreter to install into; and what
# nests deeper than the stack of WebAssembly, which ends all.
FILES = """
    unit/test_golden_vectors.py unit/test_archive_tar.py unit/test_archive_wheel.py
    unit/test_archive_zip.py unit/test_archive_zstandard.py unit/test_code_*.py
    unit/test_folding.py bypasses/test_hidden_code.py bypasses/test_seldom_places.py
    property/test_archive.py property/test_code_properties.py property/test_files.py
""".split()  # noqa: SIM905
SETTINGS = (
    "-c", "/dev/null", "--rootdir", "/repository", "-p", "no:cacheprovider", "-q", "--tb=short",
    "--deselect", "tests/unit/test_code_units.py::test_hostile_source_gives_a_reason_and_no_crash",
    "-W", "error", "-W", "ignore::pytest.PytestUnknownMarkWarning",
)  # fmt: skip


def provide_what_is_not_built() -> None:
    """numpy in plain Python, and a name in place of onnxruntime: no model is run."""
    if importlib.util.find_spec("numpy") is None:
        numpy_stand_in.register()
    sys.modules.setdefault("onnxruntime", ModuleType("onnxruntime"))


def import_all() -> list[str]:
    """The modules of safe_pip that cannot be imported without an error or a warning."""
    import safe_pip

    failed = []
    warnings.simplefilter("error")
    names = [found.name for found in pkgutil.walk_packages(safe_pip.__path__, "safe_pip.")]
    for name in names:
        if name.endswith("__main__"):
            continue
        try:
            importlib.import_module(name)
        except Exception:
            traceback.print_exc()
            failed.append(name)
    print(f"{len(names)} modules of safe_pip, {len(failed)} cannot be imported: {failed}")
    return failed


def main(rest: Sequence[str]) -> int:
    print(f"Python {sys.version}")
    provide_what_is_not_built()
    failed = import_all()
    import pytest

    tests = Path("tests")
    files = [str(path) for pattern in FILES for path in sorted(tests.glob(pattern))]
    return int(pytest.main([*SETTINGS, *(rest or files)])) or int(bool(failed))
