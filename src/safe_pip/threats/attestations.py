"""Attestations: who published a file, as a signature proves it (PEP 740).

The library that verifies them is large and an extra. Without it, or without an answer of the index,
nothing was checked, and the reason is told.
"""

from __future__ import annotations

import importlib.util
import io
import logging
from dataclasses import dataclass
from typing import Any, Protocol

from safe_pip.threats.fetching import fetch
from safe_pip.threats.osv import FeedError

# A provenance object of a file takes about 10 kB.
MAX_PROVENANCE_BYTES = 4 << 20
LIBRARY = "pypi_attestations"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attested:
    """What came of looking at a file's attestations: one of the three is set.

    ``publisher`` signed this very file; ``flaw`` says what does not hold; ``unchecked`` says why
    nothing was looked at.
    """

    publisher: str | None = None
    flaw: str | None = None
    unchecked: str | None = None


class Attester(Protocol):
    def check(self, filename: str, *, sha256: str, provenance_url: str) -> Attested:
        """The file's attestations, for the bytes that were judged."""


class IndexAttester:
    """Asks the index for the provenance of files, and verifies it. Remembers by digest."""

    def __init__(self, *, is_offline: bool, user_agent: str) -> None:
        self._is_offline = is_offline
        self._user_agent = user_agent
        self._known: dict[str, Attested] = {}

    def check(self, filename: str, *, sha256: str, provenance_url: str) -> Attested:
        if sha256 not in self._known:
            self._known[sha256] = self._checked(filename, sha256, provenance_url)
        return self._known[sha256]

    def _checked(self, filename: str, sha256: str, provenance_url: str) -> Attested:
        if self._is_offline:
            return Attested(unchecked="the policy says offline = true")
        if importlib.util.find_spec(LIBRARY) is None:
            return Attested(unchecked="the pypi-attestations library is not installed")
        # What it has to say about its keys is told by the outcome, and pip's screen is pip's.
        logging.getLogger("sigstore").addHandler(logging.NullHandler())
        answer = io.BytesIO()
        try:
            fetch(
                provenance_url,
                answer,
                user_agent=self._user_agent,
                max_bytes=MAX_PROVENANCE_BYTES,
            )
        except FeedError as error:
            return Attested(unchecked=f"the index did not give it: {error}")
        return verify(filename, sha256=sha256, provenance=answer.getvalue())


class UnrenewedKeysError(Exception):
    """An attestation does not hold by the keys that came with the library, which may be old."""


def verify(filename: str, *, sha256: str, provenance: bytes) -> Attested:
    """Every attestation must hold for the file of that name and digest, and there must be one."""
    from pypi_attestations import AttestationError, Distribution, Provenance

    try:
        distribution = Distribution(name=filename, digest=sha256)
        bundles = Provenance.model_validate_json(provenance).attestation_bundles
        publishers = []
        for bundle in bundles:
            for attestation in bundle.attestations:
                _verify_one(attestation, bundle.publisher, distribution)
                publishers.append(_name(bundle.publisher))
    except AttestationError as error:
        return Attested(flaw=f"it does not hold ({_in_a_line(error)})")
    except UnrenewedKeysError as error:
        return Attested(unchecked=str(error))
    except Exception as error:
        # Whatever else the library runs into, such as an answer that is none: the policy decides
        # what becomes of a file that was not checked, and never takes it for checked.
        return Attested(unchecked=f"the check failed ({_in_a_line(error)})")
    if not publishers:
        return Attested(flaw="the index's answer holds none")
    return Attested(publisher=", ".join(dict.fromkeys(publishers)))


def _verify_one(attestation: Any, publisher: object, distribution: object) -> None:
    """With the keys of today; behind a firewall, with those that came with the library."""
    from pypi_attestations import AttestationError
    from sigstore.errors import TUFError

    try:
        attestation.verify(publisher, distribution)
    except TUFError as error:
        try:
            attestation.verify(publisher, distribution, offline=True)
        except AttestationError as flaw:
            raise UnrenewedKeysError(
                f"the keys could not be renewed ({_in_a_line(error)}), and by the old ones it "
                f"does not hold ({_in_a_line(flaw)})"
            ) from error


def _in_a_line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]


def _name(publisher: object) -> str:
    kind = getattr(publisher, "kind", "an unknown publisher")
    who = getattr(publisher, "repository", None) or getattr(publisher, "email", None)
    return f"{kind} {who}" if who else str(kind)
