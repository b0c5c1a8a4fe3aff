"""Constant folding of what lays values out as bytes or text: ``struct``, ``array``, ``quopri``."""

from __future__ import annotations

import array
import binascii
import struct
import textwrap
from collections.abc import Callable, Mapping
from typing import Any

MAX_PACKED_BYTES = 4 << 20


def _pack(layout: str, *values: Any) -> bytes | None:
    # "999999999x" is eleven letters.
    return struct.pack(layout, *values) if struct.calcsize(layout) <= MAX_PACKED_BYTES else None


def _array(kind: str, items: Any = ()) -> bytes | None:
    if len(items) * 8 > MAX_PACKED_BYTES:
        return None
    return array.array(kind, list(items) if isinstance(items, tuple) else items).tobytes()


def _printable(data: str | bytes) -> bytes:
    return binascii.a2b_qp(data)


def _dedent(text: str) -> str | None:
    # Its patterns are of a few passes; what is longer is no command line.
    return textwrap.dedent(text) if len(text) <= 100_000 else None


PACKING_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "array.array": _array,
    "binascii.a2b_qp": _printable,
    "quopri.decodestring": _printable,
    "struct.pack": _pack,
    "textwrap.dedent": _dedent,
}
PACKING_ERRORS = (struct.error,)
