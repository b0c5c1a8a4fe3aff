"""Byte code: compiled modules that Python runs in place of the source beside them."""

from __future__ import annotations

import re

from safe_pip.archive.contents import Contents
from safe_pip.errors import UnscannableError

# PEP 552: the flag of a .pyc that Python runs without a look at its source's time and size. With
# the second flag it compares a hash of the source, which whoever writes the .pyc can write into it.
_HASH_BASED = 0b01
_MAGIC_END = b"\r\n"
# Where packages begin: where pip spreads a wheel's data over the environment, and site-packages.
_TOP = re.compile(
    r"(?:[^/]+\.data/[^/]+/(?:(?:s?bin|scripts)/)?)?(?:(?:.*/)?(?:site|dist)-packages/)?",
    re.IGNORECASE,
)
# Before Python 3.7 a time stood where the flags stand since; pytest adds to the tag.
_OLD_TAG = re.compile(r"\.(?:cpython-|pypy)(?:2\d|3[0-6])(?:-[\w.-]+)?(?:\.opt-\d)?\.pyc\Z", re.I)


def is_hash_based(head: bytes) -> bool:
    """Whether a compiled module that begins like this can be run whatever its source says."""
    return bool(int.from_bytes(head[4:8], "little") & _HASH_BASED)


def refuse_hidden_source(contents: Contents) -> None:
    """Of an installed wheel the source could be inspected, and something else be run: pip compiles
    it anew, but not with --no-compile. The source may also be another project's, in whose folder
    the compiled module is put: that one pip leaves alone.

    Raises UnscannableError.
    """
    for path, file in contents.files.items():
        folder, _, name = path.rpartition("/")
        # Some file systems make no difference between upper and lower case.
        is_cache = folder.casefold().endswith("__pycache__")
        if not is_cache or not name.casefold().endswith(".pyc"):
            continue
        package = folder[: -len("__pycache__")]
        has_source = f"{package}{name.partition('.')[0]}.py" in contents.files
        # What is left over of a source that is no more is harmless in a package of its own.
        is_package = _TOP.sub("", package, count=1) and f"{package}__init__.py" in contents.files
        is_own = has_source or is_package
        head = file.prefix
        if _OLD_TAG.search(name) or head[2:4] != _MAGIC_END:
            continue
        if is_hash_based(head):
            raise UnscannableError(
                f"{path!a} is run in place of its source, whatever that says",
                reason="bytecode-for-source",
            )
        if not is_own:
            raise UnscannableError(
                f"{path!a} is run in place of a source that is not in the wheel",
                reason="bytecode-for-source",
            )
