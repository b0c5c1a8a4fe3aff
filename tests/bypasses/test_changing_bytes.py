"""Bytes that change between the moment they are digested and the one they are read."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest

from safe_pip.archive import DEFAULT_LIMITS, open_distribution, read_archive
from safe_pip.artifact import Artifact, OriginKind
from safe_pip.errors import UnscannableError
from safe_pip.inspection.opening import open_artifact
from tests.builders import Content, write_tree
from tests.bypasses.test_gate import stored_wheel
from tests.bypasses.test_inner_archives import zipped


class ChangingFile(io.BytesIO):
    """Holds other bytes once it was read to its end, as a file does that somebody has mapped."""

    def __init__(self, first: bytes, then: bytes) -> None:
        super().__init__(first)
        self._size, self._then, self._read = len(first), then, 0

    def read(self, length: int | None = -1, /) -> bytes:
        content = super().read(length)
        self._read += len(content)
        if self._read == self._size:
            with self.getbuffer() as all_of_it:
                all_of_it[:] = self._then
        return content


@pytest.mark.parametrize("n_bytes", [0, 33 << 20])
def test_bytes_that_are_digested_are_those_that_are_read(tmp_path: Path, n_bytes: int) -> None:
    """Else a verdict about harmless ones would stand, and be kept, under the others' digest."""
    padding = "#" * n_bytes
    evil = stored_wheel(tmp_path, "demo", f"x = 'evil'\n{padding}").read_bytes()
    good = stored_wheel(tmp_path, "demo", f"x = 'good'\n{padding}").read_bytes()
    assert len(evil) == len(good)
    file = ChangingFile(evil, good)
    if n_bytes:
        with (
            pytest.raises(UnscannableError, match="changed while it was read"),
            read_archive(file, "demo-1.0-py3-none-any.whl"),
        ):
            pass
        return
    with read_archive(file, "demo-1.0-py3-none-any.whl") as distribution:
        assert distribution.by_path["demo/__init__.py"].read() == b"x = 'evil'\n"


def test_archive_that_poses_as_a_compiled_module(tmp_path: Path) -> None:
    """Those that Python checks against their source are left out of a person's own folder."""
    head = b"\xa7\r\r\n" + bytes(12)
    place = "__pycache__/a.cpython-311.pyc"
    archive = head + zipped({"stage.py": "print('ran')\n"})
    files: dict[str, Content] = {"a.py": "", place: archive, f"{place[:-4]}.x.pyc": head + b"code"}
    tree = write_tree(tmp_path / "tree", files)
    code = "import sys; sys.path.insert(0, sys.argv[1]); import stage"
    command = [sys.executable, "-c", code, str(tree / place)]
    assert subprocess.run(command, capture_output=True, text=True).stdout == "ran\n"
    artifact = Artifact(path=tree, origin=OriginKind.DIRECTORY)
    with open_artifact(artifact, DEFAULT_LIMITS) as distribution:
        assert set(distribution.by_path) == {"a.py", place, f"{place}/stage.py"}


def test_wheel_in_other_letters_is_the_source_that_pip_takes_it_for(tmp_path: Path) -> None:
    path = tmp_path / "demo-1.0-py3-none-any.WHL"
    path.write_bytes(zipped({"setup.py": "", "demo-1.0.dist-info/METADATA": "Name: demo\n"}))
    artifact = Artifact(path=path, origin=OriginKind.FILE)
    with open_distribution(artifact, DEFAULT_LIMITS) as distribution:
        assert distribution.kind.value == "sdist"
