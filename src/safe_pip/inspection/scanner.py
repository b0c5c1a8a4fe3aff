"""The scanner's name: everything that a verdict depends on besides the bytes."""

from __future__ import annotations

from safe_pip import __version__


def scanner_id(*, model_id: str, schema_digest: str) -> str:
    """Model, columns and the code that reads; verdicts are remembered under it."""
    return f"{model_id}+{schema_digest[:16]}+{__version__}"
