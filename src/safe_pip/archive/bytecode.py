"""Byte code: compiled modules that Python runs in place of the source beside them."""

from __future__ import annotations

from safe_pip.archive.contents import Contents
from safe_pip.errors import UnscannableError

# PEP 552: a .pyc with these flags is run without a look at its source.
_UNCHECKED = (0b01).to_bytes(4, "little")


def is_unchecked(head: bytes) -> bool:
    """Whether a compiled module that begins like this is run whatever its source says."""
    return head[4:8] == _UNCHECKED


def refuse_unchecked(contents: Contents) -> None:
    """Of an installed wheel the source could be inspected, and something else be run: pip compiles
    it anew, but not with --no-compile.

    Raises UnscannableError.
    """
    for path, file in contents.files.items():
        folder, _, name = path.rpartition("/")
        if not folder.endswith("__pycache__") or not name.endswith(".pyc"):
            continue
        source = f"{folder.removesuffix('__pycache__')}{name.partition('.')[0]}.py"
        if source in contents.files and is_unchecked(file.prefix):
            raise UnscannableError(
                f"{path!a} is run in place of its source, whatever that says",
                reason="unchecked-bytecode",
            )
