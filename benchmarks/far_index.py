"""An index as far away as most are: archives on loopback, served late and slowly."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from tests.integration.loopback_index import LoopbackIndex


class FarIndex(LoopbackIndex):
    """Each answer waits for ``delay_seconds``, and for as long as its bytes take."""

    def __init__(self, folder: Path, *, delay_seconds: float, bytes_a_second: float) -> None:
        super().__init__(folder)
        self._delay_seconds = delay_seconds
        self._bytes_a_second = bytes_a_second

    def answer(self, path: str) -> bytes | None:
        body = super().answer(path)
        time.sleep(self._delay_seconds + len(body or b"") / self._bytes_a_second)
        return body


def add_distance(parser: argparse.ArgumentParser) -> None:
    """The arguments that say how far away the index is."""
    parser.add_argument("--delay-ms", type=float, default=30.0, help="of each answer (default: 30)")
    parser.add_argument("--megabytes-a-second", type=float, default=10.0)


def far_index(folder: Path, asked: argparse.Namespace) -> FarIndex:
    """The index that those arguments ask for."""
    return FarIndex(
        folder,
        delay_seconds=asked.delay_ms / 1_000,
        bytes_a_second=asked.megabytes_a_second * 1e6,
    )
