"""Writing: policy files that keep what people wrote in them."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

from safe_pip.errors import PolicyError
from safe_pip.policy.loading import OWN_FILE, PolicyFile, read_policy_file
from safe_pip.policy.settings import AllowEntry
from safe_pip.replacing import replacing

TEMPLATE = """\
# What safe-pip lets pass in this project. Every key is optional; docs/policy.md explains each.
# Without `safe-pip policy trust`, this file can only make the policy stricter.

# unattended = "block"            # or "allow-below-block": questions about a score, in CI
# unscannable = "block"           # or "ask"
# sdists = "allow"                # or "ask", "block": their build runs their code
# direct-urls = "allow"           # or "ask", "block"
# vcs = "allow"                   # or "ask", "block"
# minimum-release-age = "7d"      # releases this young are held back
# yanked = "allow"                # or "ask", "block"
# several-indexes = "allow"       # or "ask", "block": one name, different files
# name-squats = "ask"             # or "allow", "block": new, and named like a popular project
# deny = ["some-project", "other<2"]

# [[allow]]
# project = "some-project"
# version = "==1.4.2"
# sha256 = "…"
# reason = "read by … on …"
# expires = 2030-01-31
"""


def write_template(folder: Path) -> Path:
    """A new policy file in ``folder``; raises PolicyError if there is one."""
    path = folder / OWN_FILE
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(TEMPLATE)
    except FileExistsError as error:
        raise PolicyError(f"{path} exists already.", hint="Edit it.") from error
    except OSError as error:
        raise _unwritable(path, error) from error
    return path


def append_allow(path: Path, entry: AllowEntry) -> PolicyFile:
    """Add an entry at the end of a policy file, which is made if it does not exist.

    The rest of the file stays as it is, byte for byte. Raises PolicyError, and then nothing was
    changed.
    """
    table = "tool.safe-pip.allow" if path.name == "pyproject.toml" else "allow"
    try:
        before = path.read_bytes().decode() if path.exists() else ""
        gap = "" if not before else "\n" if before.endswith("\n") else "\n\n"
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as file:
            file.write(f"{before}{gap}{_entry_text(table, entry)}".encode())
            file.flush()
            # An entry that does not fit (`allow = []` above, say) must not spoil the file.
            written = read_policy_file(Path(file.name), called=path)
            if path.exists():
                Path(file.name).chmod(path.stat().st_mode & 0o777)
    except (OSError, UnicodeDecodeError) as error:
        raise _unwritable(path, error) from error
    return written


def _entry_text(table: str, entry: AllowEntry) -> str:
    lines = [f"[[{table}]]", f"project = {_string(entry.project)}"]
    if entry.specifier:
        lines.append(f"version = {_string(str(entry.specifier))}")
    if entry.sha256 is not None:
        lines.append(f"sha256 = {_string(entry.sha256)}")
    lines.append(f"reason = {_string(entry.reason)}")
    if isinstance(entry.expires, date):
        lines.append(f"expires = {entry.expires.isoformat()}")
    return "\n".join(lines) + "\n"


def _string(text: str) -> str:
    """A TOML basic string: JSON's escapes are TOML's, but TOML wants U+007F escaped as well."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _unwritable(path: Path, error: Exception) -> PolicyError:
    return PolicyError(
        f"{path} cannot be written: {error}.", hint="Write the entry by hand; see docs/policy.md."
    )
