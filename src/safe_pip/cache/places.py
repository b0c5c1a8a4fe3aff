"""Places: where in the folder of remembered verdicts an entry lies, if there is one."""

from __future__ import annotations

import hashlib
from pathlib import Path

# Part of the folder's name: entries of another layout are not found, so never misread.
LAYOUT = "v1"


def entry_path(folder: Path, *, sha256: str, filename: str, scanner_id: str) -> Path:
    """Of the verdict about these bytes under this name, by this scanner.

    The name belongs to the key because it is inspected too (a format under a wrong name).
    """
    name = hashlib.sha256(f"{sha256}\n{filename}".encode(errors="surrogatepass")).hexdigest()
    return scanner_folder(folder, scanner_id) / name[:2] / f"{name[2:]}.json"


def scanner_folder(folder: Path, scanner_id: str) -> Path:
    return folder / LAYOUT / hashlib.sha256(scanner_id.encode()).hexdigest()[:32]
