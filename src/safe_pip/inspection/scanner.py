"""The scanner's name: everything that a verdict depends on besides the bytes."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

import safe_pip
from safe_pip import __version__

_DECIDING = (
    "archive", "distribution.py", "evidence.py", "extractors", "feature.py", "inspection",
    "scoring", "verdict.py",
)  # fmt: skip
_CODE_AND_LISTS = frozenset((".py", ".txt", ".gz"))


def scanner_id(*, model_id: str, schema_digest: str) -> str:
    """Model, columns, version and the code that reads; verdicts are remembered under it."""
    return f"{model_id}+{schema_digest[:16]}+{__version__}+{code_digest()}"


@functools.cache
def code_digest() -> str:
    """Hex digest, 12 digits, of the code and the lists that a verdict depends on.

    A verdict of yesterday's code must not answer for today's, even between two releases.
    """
    package = Path(safe_pip.__file__).parent
    digest = hashlib.sha256()
    for name in _DECIDING:
        path = package / name
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.suffix in _CODE_AND_LISTS:
                inner = file.relative_to(package).as_posix()
                digest.update(f"{inner}\0".encode() + hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:12]
