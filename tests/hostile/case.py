"""One hostile archive and what must come of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.reading import SDIST

EVIL = b"print('evil')\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Either ``refused`` with that reason, or read with (at least) that ``anomaly``, or read.

    ``holds`` is a path that must be among the files read: what pip would write must be seen.
    ``may_be_refused``: what the newest tarfile takes for damage and older ones leave out, what
    ends for want of memory on one machine and not on another, or what can be read and is refused
    by an inspection.
    """

    make: Callable[[], bytes]
    filename: str = SDIST
    refused: str | None = None
    anomaly: str | None = None
    holds: str | None = None
    may_be_refused: bool = False
