"""What runs whenever Python starts is judged as that, wherever a wheel has it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from safe_pip.archive import DEFAULT_LIMITS
from safe_pip.artifact import Artifact, OriginKind
from safe_pip.errors import UnscannableError
from safe_pip.evidence import Surface
from safe_pip.extractors import observe
from safe_pip.extractors.surfaces import surfaces_of
from safe_pip.inspection.opening import open_artifact
from tests.builders import Content, make_zip, write_tree, write_wheel

RUN = "import subprocess\nsubprocess.run(['echo', 'ran'])\n"
SITE = "demo-1.0.data/data/lib/python3.11/site-packages"


def started(path: Path) -> set[str]:
    """The features of what is judged as running at every start."""
    with open_artifact(
        Artifact(path=path, origin=OriginKind.INDEX), DEFAULT_LIMITS
    ) as distribution:
        return {one.feature for one in observe(distribution) if one.surface is Surface.STARTUP}


@pytest.mark.parametrize(
    "files",
    [
        {"sitecustomize/__init__.py": RUN},
        {"sitecustomize/__init__.py": RUN, "sitecustomize.py": ""},
        {"demo.pth": "demo/vendor\n", "demo/vendor/sitecustomize.py": RUN},
        {"demo.pth": "demo/vendor\n", "demo/vendor/sitecustomize/__init__.py": RUN},
        {"demo.pth": "demo/data.bin\n", "demo/data.bin": make_zip([("usercustomize.py", RUN)])},
        {"demo.pth": "demo/vendor\nimport boot\n", "demo/vendor/boot.py": RUN},
        {"demo.pth": "import sys; sys.path.append('x'); import boot\n", "x/boot/__init__.py": RUN},
        {"demo.pth": "import boot.a\n", "boot/__init__.py": RUN, "boot/a.py": ""},
    ],
    ids=["package", "both", "folder", "in a folder", "archive", "import", "path", "parent"],
)
def test_module_that_a_start_imports(tmp_path: Path, files: dict[str, Content]) -> None:
    site = write_tree(tmp_path / "site", files)
    code = "import os, site, sys; os.chdir(sys.argv[1]); site.addsitedir(sys.argv[1]); "
    code += "sys.path.insert(0, sys.argv[1]); site.execsitecustomize(); site.execusercustomize()"
    shown = subprocess.run(
        [sys.executable, "-S", "-c", code, str(site)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    ).stdout
    assert shown == "ran\n", "Python runs it"
    assert "proc_spawn" in started(write_wheel(tmp_path, "demo", files=files))


@pytest.mark.parametrize(
    "files",
    [
        {"demo.pth": "import boot\n", "demo-1.0.data/purelib/boot.py": RUN},
        {"demo.pth": "import boot.a\n", f"{SITE}/boot/a.py": RUN, f"{SITE}/boot/__init__.py": ""},
        {"demo.pth": "import boot.a\n", f"{SITE}/boot/__init__.py": RUN, "boot/a.py": ""},
        {"demo.pth": "import os, boot as b\n", "demo-1.0.data/purelib/boot.py": RUN},
        {
            "demo.pth": "import os; from boot import (b, a)\n",
            f"{SITE}/boot/a.py": RUN,
            f"{SITE}/boot/__init__.py": "",
        },
        {f"{SITE}/sitecustomize.py": RUN},
        {f"{SITE}/usercustomize/__init__.py": RUN},
        {"demo-1.0.data/data/sitecustomize.py": RUN},
        {"demo.pth": "import boot\n", "demo-1.0.data/data/boot/__init__.py": RUN},
    ],
)
def test_module_of_another_scheme_that_a_start_imports(
    tmp_path: Path, files: dict[str, Content]
) -> None:
    assert "proc_spawn" in started(write_wheel(tmp_path, "demo", files=files))


@pytest.mark.parametrize(
    "files",
    [
        {"sitecustomize.py": ""},
        {"demo-1.0.data/purelib/sitecustomize.py": ""},
        {"demo.pth": "import boot, os\n", "boot.py": "", "demo/os.py": ""},
        {"demo/sitecustomize.py": "", "demo/boot.py": ""},
        {"demo.pth": "demo/vendor\n", "demo/vendor/boot.py": ""},
    ],
)
def test_what_is_known_for_it_has_no_second_path(tmp_path: Path, files: dict[str, Content]) -> None:
    path = write_wheel(tmp_path, "demo", files=files)
    with open_artifact(
        Artifact(path=path, origin=OriginKind.INDEX), DEFAULT_LIMITS
    ) as distribution:
        assert set(surfaces_of(distribution)) == set(files)


@pytest.mark.parametrize("end", [b"\0", b"\n" + b" " * (16 << 20)], ids=["nul", "large"])
def test_pth_file_that_python_reads_further_than_we_do(tmp_path: Path, end: bytes) -> None:
    path = write_wheel(tmp_path, "demo", files={"demo.pth": b"import os; print('ran')\n" + end})
    with pytest.raises(UnscannableError, match="lines that Python runs"):
        open_artifact(Artifact(path=path, origin=OriginKind.INDEX), DEFAULT_LIMITS).__enter__()
    weights = write_wheel(tmp_path, "weights", files={"weights.pth": b"\x80\x02import \0"})
    with open_artifact(Artifact(path=weights, origin=OriginKind.INDEX), DEFAULT_LIMITS):
        pass


@pytest.mark.parametrize("place", ["", "demo-1.0.data/platlib/"])
def test_start_file_of_python_3_15(tmp_path: Path, place: str) -> None:
    """It names functions that are called at every start (PEP 829)."""
    files: dict[str, Content] = {
        "demo/boot.py": "import subprocess\ndef go():\n    subprocess.run(['echo', 'ran'])\n",
        f"{place}demo.start": "# a remark\ndemo.boot:go\nno entry point\n",
    }
    found = started(write_wheel(tmp_path, "demo", files=files))
    assert {"startup_spawns", "pth_import_line"} <= found
    other = write_wheel(tmp_path, "other", files={"demo/demo.start": "demo.boot:go\n"})
    assert not started(other)
