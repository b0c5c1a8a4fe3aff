"""Trust: the project policies that their reader looked at and accepted, by path and content."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from safe_pip.errors import PolicyError
from safe_pip.replacing import replacing


def table_digest(table: Mapping[str, object]) -> str:
    """Hex SHA-256 of a policy table's content; comments, order and the rest of a pyproject.toml
    do not count."""
    return hashlib.sha256(json.dumps(table, sort_keys=True, default=str).encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedFiles:
    """The register of trusted project policies, one small JSON file of the user."""

    register: Path

    def holds(self, path: Path, digest: str) -> bool:
        """Whether the file was trusted with exactly this content; an unreadable register trusts
        nothing, since what is missing only makes the policy stricter."""
        return self._entries().get(str(path.resolve())) == digest

    def add(self, path: Path, digest: str) -> None:
        """Remember a file. Raises PolicyError if the register cannot be written."""
        entries = {**self._entries(), str(path.resolve()): digest}
        try:
            self.register.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with replacing(self.register) as file:
                file.write(json.dumps(entries, indent=1, sort_keys=True).encode())
        except OSError as error:
            raise PolicyError(
                f"{self.register} cannot be written: {error.strerror}.",
                hint="Give the policy with --policy FILE instead.",
            ) from error

    def _entries(self) -> dict[str, str]:
        try:
            entries = json.loads(self.register.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        if not isinstance(entries, dict):
            return {}
        return {key: value for key, value in entries.items() if isinstance(value, str)}
