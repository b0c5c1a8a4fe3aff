"""Sources are read as the text that Python makes of their bytes, and by no other reader's rules."""

from __future__ import annotations

import base64
import subprocess
import sys
from pathlib import Path

import pytest

from safe_pip.archive import DEFAULT_LIMITS
from safe_pip.artifact import Artifact, OriginKind
from safe_pip.errors import UnscannableError
from safe_pip.extractors import observe
from safe_pip.inspection.opening import open_artifact
from tests.builders import Content, write_sdist, write_wheel

PROGRAM = "import subprocess\nsubprocess.run(['echo', 'ran'])\n"


def utf_7(text: str) -> bytes:
    def shifted(letter: str) -> str:
        return "+" + base64.b64encode(letter.encode("utf-16-be")).decode().rstrip("=") + "-"

    return "".join(shifted(one) if one.isalpha() or one in "\n+" else one for one in text).encode()


def full_width(word: str) -> str:
    return "".join(chr(ord(letter) + 0xFEE0) for letter in word)


def escaped(text: str) -> bytes:
    return "".join(f"\\x{ord(one):02x}" if one in "eous" else one for one in text).encode()


HIDDEN = {
    "utf-7": b"# coding: utf-7\n" + utf_7(PROGRAM),
    "escapes": b"# coding: unicode_escape\n" + escaped(PROGRAM),
    "escapes behind a letter": b"# \xe9 coding: unicode_escape\n" + escaped(PROGRAM),
    "full width": b"# coding: gbk\n"
    + PROGRAM.replace("subprocess", full_width("subprocess")).encode("gbk"),
    "carriage return": b"\r# coding: utf-7\r# +AAo-" + utf_7(PROGRAM),
    "no coding at all": b"#\rimport os\r# coding: cp037\r" + PROGRAM.encode(),
}


@pytest.mark.parametrize("way", HIDDEN)
@pytest.mark.parametrize("place", ["demo/plain.py", "demo/__init__.py"])
def test_program_in_a_coding_that_hides_it(tmp_path: Path, way: str, place: str) -> None:
    (tmp_path / "hidden.py").write_bytes(HIDDEN[way])
    shown = subprocess.run(
        [sys.executable, "-c", "import hidden"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert shown == "ran\n", "Python runs it"
    files: dict[str, Content] = {"demo/__init__.py": "", place: HIDDEN[way]}
    assert "proc_spawn" in features(write_wheel(tmp_path, "demo", files=files))


def features(path: Path) -> set[str]:
    artifact = Artifact(path=path, origin=OriginKind.INDEX)
    with open_artifact(artifact, DEFAULT_LIMITS) as distribution:
        return {item.feature for item in observe(distribution)}


@pytest.mark.parametrize(
    "content",
    [
        "# coding: latin-1\nNAME = 'caf\xe9'\n".encode("latin-1"),
        "# coding: big5\nNAME = '\u4e2d'\n".encode("big5"),
        "# -*- coding: utf-8-unix -*-\nNAME = '\xe9'\n".encode(),
        b"\xef\xbb\xbf# coding: utf-8\nNAME = 1\n",
        b"NAME = 'encoding: of nothing'\n# coding: rot13\n",
        b"# coding: utf-8\r\nNAME = 1\r\n",
    ],
)
def test_ordinary_sources_stay_as_they_are(tmp_path: Path, content: bytes) -> None:
    path = write_wheel(tmp_path, "demo", files={"demo/__init__.py": content})
    artifact = Artifact(path=path, origin=OriginKind.INDEX)
    with open_artifact(artifact, DEFAULT_LIMITS) as distribution:
        assert distribution.by_path["demo/__init__.py"].read() == content


def test_coding_that_python_does_not_know(tmp_path: Path) -> None:
    """Code that ran before can make it known, and decode whatever it likes to."""
    files: dict[str, Content] = {"demo/__init__.py": "", "demo/a.py": "# coding: own\nx = 1\n"}
    for path in (write_wheel(tmp_path, files=files), write_sdist(tmp_path, files=files)):
        artifact = Artifact(path=path, origin=OriginKind.INDEX)
        with pytest.raises(UnscannableError, match="does not know"):
            open_artifact(artifact, DEFAULT_LIMITS).__enter__()
    tested = write_sdist(tmp_path, "other", files={"tests/bad_coding.py": "# coding: own\n"})
    assert features(tested)
