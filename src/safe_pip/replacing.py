"""Replacing a file: whoever reads it finds the old content or the new, and never a part."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file beside ``path``, which only its user can read (0600), to write the new content to. It
    takes the place of ``path`` if the block ends well and is removed if it does not.

    Raises OSError; nothing was changed then.
    """
    # No suffix: whoever looks for files of one does not find half of one.
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".safe-pip-")
    os.close(handle)
    temporary = Path(name)
    try:
        with temporary.open("wb") as file:
            yield file
        temporary.replace(path)
    except BaseException:  # Ctrl-C as well
        temporary.unlink(missing_ok=True)
        raise
