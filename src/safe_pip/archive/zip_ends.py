"""Zip ends: whether a file ends as a zip does, seen while it is read for the first time.

Python imports from a zip wherever it begins and whatever stands before it, so only the end tells.
"""

from __future__ import annotations

END_SIGNATURE = b"PK\x05\x06"
# Python's import looks this far back for the record: the longest comment, and the record itself.
TAIL_BYTES = (1 << 16) + 22


class ZipEndWatch:
    """Sees a file go by, piece by piece."""

    def __init__(self) -> None:
        self._tail = b""

    def see(self, piece: bytes) -> None:
        self._tail = (self._tail + piece if len(piece) < TAIL_BYTES else piece)[-TAIL_BYTES:]

    @property
    def has_zip_end(self) -> bool:
        """Of what has gone by so far."""
        return END_SIGNATURE in self._tail
