"""ThreatFeed: who knows which releases are malicious."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from packaging.utils import NormalizedName

if TYPE_CHECKING:
    from safe_pip.verdict import Advisory


class ThreatFeed(Protocol):
    """A list of known malware. It never uses the network while artifacts are being judged.

    ``gaps`` says, a sentence each, why its silence means little.
    """

    @property
    def gaps(self) -> tuple[str, ...]: ...

    @property
    def is_imported(self) -> bool: ...

    def advisories(self, project: NormalizedName, version: str | None) -> tuple[Advisory, ...]:
        """Entries about a release; with no version known, those about any release."""


class NoFeed:
    """The feed of somebody who has none: it knows nothing."""

    def __init__(self, *gaps: str) -> None:
        self.gaps = gaps
        self.is_imported = False

    def advisories(self, project: NormalizedName, version: str | None) -> tuple[Advisory, ...]:  # noqa: ARG002
        return ()
