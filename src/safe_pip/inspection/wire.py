"""Wire: the lines of JSON between safe-pip and its inspection workers.

Never pickle: a worker has handled hostile bytes, and what it answers is data, not objects.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safe_pip.artifact import Artifact, OriginKind

# The first byte from a copy (copies.py) brings a handle of it; what speaks for none brings none.
HELLO, NO_COPY = b"+", b"-"

# A verdict with its hundred findings is far smaller.
MAX_LINE_BYTES = 4 << 20


def encode_line(message: Mapping[str, object]) -> bytes:
    # Lone surrogates (file names that are not UTF-8) survive as \u escapes.
    return json.dumps(message).encode("ascii") + b"\n"


def encode_artifact(artifact: Artifact) -> dict[str, object]:
    return {
        # The worker has another working directory.
        "path": str(artifact.path.absolute()),
        "origin": artifact.origin.name,
        "sha256": artifact.sha256,
        "url": artifact.url,
        "previous": None if artifact.previous is None else encode_artifact(artifact.previous),
    }


def decode_artifact(line: bytes) -> Artifact:
    """What a worker was asked to inspect; the sender is safe-pip itself, so it is not checked."""
    return _artifact(json.loads(line))


def _artifact(fields: Mapping[str, Any]) -> Artifact:
    previous = fields["previous"]
    return Artifact(
        path=Path(fields["path"]),
        origin=OriginKind[fields["origin"]],
        sha256=fields["sha256"],
        url=fields["url"],
        previous=None if previous is None else _artifact(previous),
    )
