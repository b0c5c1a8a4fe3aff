"""Byte code: compiled modules that lie in a folder, and builds that do not get to see them.

Python takes a module in ``__pycache__`` for that of a source of the same size and time, which an
archive brings along as its maker likes. Nobody can read there what it does.

Child side: standard library only, Python 3.8 and newer.
"""

# pip's paths are text, and so are ours on its side.
# ruff: noqa: PTH114, PTH118, PTH119
from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

VARIABLE = "PYTHONPYCACHEPREFIX"
FOLDER_PREFIX = "pip-bytecode-"


class FreshBytecode:
    """A place for compiled modules that begins empty and ends with this process; made only when
    it is needed, because a build compiles all that it imports anew."""

    def __init__(self) -> None:
        self._place: Any = None

    @contextlib.contextmanager
    def instead_of(self, tree: str | None) -> Iterator[None]:
        """Whatever Python starts meanwhile finds none of the tree's."""
        # The user's own place for them lies in no tree of anybody's.
        if tree is None or os.environ.get(VARIABLE) or not holds_bytecode(tree):
            yield
            return
        if self._place is None:
            self._place = tempfile.TemporaryDirectory(prefix=FOLDER_PREFIX)
        os.environ[VARIABLE] = self._place.name
        try:
            yield
        finally:
            os.environ.pop(VARIABLE, None)


def holds_bytecode(tree: str) -> bool:
    """Whether there are, or may be, compiled modules that this Python would take. What a link leads
    to, or cannot be listed, is not looked through."""
    tag = f".{sys.implementation.cache_tag}."
    unread: list[OSError] = []
    for folder, folders, names in os.walk(tree, onerror=unread.append):
        if any(os.path.islink(os.path.join(folder, name)) for name in folders):
            return True
        if os.path.basename(folder).lower() == "__pycache__" and any(tag in n for n in names):
            return True
    return bool(unread)
