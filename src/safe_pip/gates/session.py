"""A session: the private folder, the runner in it, and the socket that the child calls."""

from __future__ import annotations

import contextlib
import importlib.resources
import json
import os
import secrets
import shutil
import socket
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

RUNNER = "pip_runner.py"
CHILD_MODULES = (
    RUNNER,
    "pip_child.py",
    "pip_files.py",
    "pip_guard.py",
    "pip_hooks.py",
    "pip_line.py",
    "pip_requirements.py",
    "pip_tripwire.py",
)

# sockaddr_un.sun_path holds 108 bytes on Linux, 104 on macOS, with the final NUL.
_MAX_SOCKET_PATH_BYTES = 100
_BACKLOG = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """``runner`` is the script that the target's interpreter runs. Only who can read ``folder``
    knows ``token``: it is never in an argument or a variable."""

    folder: Path
    runner: Path
    token: str
    listener: socket.socket


@contextlib.contextmanager
def open_session(pip_root: Path) -> Iterator[Session]:
    """A session whose children load pip from ``pip_root``; folder and socket go at the end."""
    folder = Path(tempfile.mkdtemp(prefix="safe-pip-")).resolve()  # mkdtemp makes it 0700
    listener: socket.socket | None = None
    try:
        token = secrets.token_hex(32)
        listener, address = _listen(folder)
        for name in CHILD_MODULES:
            source = importlib.resources.files("safe_pip.gates") / name
            (folder / name).write_bytes(source.read_bytes())
        settings = {"address": address, "token": token, "pip_root": str(pip_root)}
        (folder / "session.json").write_text(json.dumps(settings), encoding="ascii")
        yield Session(folder=folder, runner=folder / RUNNER, token=token, listener=listener)
    finally:
        if listener is not None:
            # close() alone leaves a thread that waits in accept() waiting.
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        shutil.rmtree(folder, ignore_errors=True)


def _listen(folder: Path) -> tuple[socket.socket, str | int]:
    """A listening socket and its address: a path in the folder, or a port of loopback where
    paths cannot be used (Windows, very long temporary folders)."""
    path = folder / "socket"
    if hasattr(socket, "AF_UNIX") and len(os.fsencode(path)) <= _MAX_SOCKET_PATH_BYTES:
        listener = socket.socket(socket.AF_UNIX)
        try:
            listener.bind(str(path))
            listener.listen(_BACKLOG)
        except OSError:
            listener.close()
            raise
        return listener, str(path)
    listener = socket.create_server(("127.0.0.1", 0), backlog=_BACKLOG)
    port: int = listener.getsockname()[1]
    return listener, port
