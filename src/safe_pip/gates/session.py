"""A session: the private folder, the runner in it, and the socket that the child calls."""

from __future__ import annotations

import contextlib
import importlib.machinery
import importlib.util
import json
import os
import shutil
import socket
import stat
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from safe_pip.errors import GateError

RUNNER = "pip_runner.py"
CHILD_MODULES = (
    RUNNER,
    "pip_bytecode.py",
    "pip_child.py",
    "pip_files.py",
    "pip_guard.py",
    "pip_hooks.py",
    "pip_line.py",
    "pip_loading.py",
    "pip_requirements.py",
    "pip_signals.py",
    "pip_tripwire.py",
)

_FOLDER_PREFIX = "safe-pip-"
_SOCKET = "socket"
_SETTINGS = "session.json"
# Of another machine's sessions in a folder that is shared, nobody listens here either.
_ABANDONED_AFTER_SECONDS = 24 * 60 * 60

# Linux: user_namespaces(7).
_OVERFLOW_USER = Path("/proc/sys/kernel/overflowuid")
_KNOWN_USERS = Path("/proc/self/uid_map")

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
def open_session() -> Iterator[Session]:
    """A session's folder and socket, which go at the end.

    Raises GateError if the temporary folder cannot be used, or is not safe from others.
    """
    with contextlib.ExitStack() as stack:
        try:
            session = _make_session(stack)
        except OSError as error:
            raise GateError(
                f"no session can be made in the temporary folder: {error.strerror or error}.",
                hint="Make room there, or set TMPDIR to another folder.",
            ) from error
        yield session


def _make_session(stack: contextlib.ExitStack) -> Session:
    _check_safe_from_others(Path(tempfile.gettempdir()).resolve())
    folder = Path(tempfile.mkdtemp(prefix=_FOLDER_PREFIX)).resolve()  # mkdtemp makes it 0700
    stack.callback(shutil.rmtree, folder, ignore_errors=True)
    token = os.urandom(32).hex()  # As the module secrets makes it, which takes longer to import.
    listener, address = _listen(folder)
    stack.callback(_close, listener)
    _copy_child_modules(folder)
    settings = {"address": address, "token": token}
    (folder / _SETTINGS).write_text(json.dumps(settings), encoding="ascii")
    return Session(folder=folder, runner=folder / RUNNER, token=token, listener=listener)


def _copy_child_modules(folder: Path) -> None:
    """With their byte code, which takes a child of the same Python a third of the time to load.

    The child takes it as Python takes any: if it was compiled of a source of that time and size.
    """
    compiled = folder / "__pycache__"
    compiled.mkdir()
    for name in CHILD_MODULES:
        source, copy = Path(__file__).with_name(name), folder / name
        status = source.stat()
        copy.write_bytes(source.read_bytes())
        os.utime(copy, ns=(status.st_atime_ns, status.st_mtime_ns))
        if name == RUNNER:
            continue  # A script is compiled every time.
        with contextlib.suppress(OSError, NotImplementedError):  # There is none.
            cached = Path(importlib.util.cache_from_source(str(source)))
            (compiled / cached.name).write_bytes(cached.read_bytes())


def keep_bytecode() -> None:
    """For the next session: no process of ours imports those modules, and not every installer
    compiles what it installs."""
    for name in CHILD_MODULES:
        source = Path(__file__).with_name(name)
        loader = importlib.machinery.SourceFileLoader(source.stem, str(source))
        with contextlib.suppress(OSError, ImportError):
            loader.get_code(loader.name)  # Writes it where Python looks for it.


def remove_abandoned_sessions(session: Session) -> None:
    """Folders beside that of ``session``, of sessions whose parent was killed: their sockets are
    there, and nobody listens. What is in doubt stays."""
    if not hasattr(socket, "AF_UNIX"):
        return
    with contextlib.suppress(OSError), os.scandir(session.folder.parent) as entries:
        for entry in entries:
            if entry.name.startswith(_FOLDER_PREFIX) and _is_abandoned(entry):
                shutil.rmtree(entry.path, ignore_errors=True)


def _is_abandoned(entry: os.DirEntry[str]) -> bool:
    try:
        status = entry.stat(follow_symlinks=False)
        is_ours = stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid()
        if not is_ours or time.time() - status.st_mtime < _ABANDONED_AFTER_SECONDS:
            return False
        # They are written when the socket listens already.
        if not (Path(entry) / _SETTINGS).is_file():
            return False
        with socket.socket(socket.AF_UNIX) as caller:
            caller.setblocking(False)
            caller.connect(str(Path(entry) / _SOCKET))
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
    return False


def _check_safe_from_others(folder: Path) -> None:
    """Who can rename what is in the temporary folder, or in one above it, could put a runner of
    their own in place of ours, or another tree in place of one that pip unpacked and we judged.
    A sticky bit keeps everybody from it but the folder's owner."""
    if os.name != "posix":
        return
    trusted = {0, os.geteuid(), *_owners_of_elsewhere()}
    for place in (folder, *folder.parents):
        status = place.stat()
        others = None
        if status.st_mode & stat.S_IWOTH and not status.st_mode & stat.S_ISVTX:
            others = "everybody"
        elif status.st_uid not in trusted:
            others = f"another user ({_user_name(status.st_uid)})"
        if others is not None:
            raise GateError(
                f"{others} can rename what is in {place}, where the temporary folder is.",
                hint="Set TMPDIR to a folder of your own.",
            )


def _owners_of_elsewhere() -> Sequence[int]:
    """The number that stands for all users whom a namespace does not know, as in a sandbox: there,
    what is the system's cannot be told from what is somebody's."""
    try:
        number = int(_OVERFLOW_USER.read_text(encoding="ascii"))
        ranges = [line.split() for line in _KNOWN_USERS.read_text(encoding="ascii").splitlines()]
        is_known = any(int(first) <= number < int(first) + int(n) for first, _, n in ranges)
    except (OSError, ValueError):
        return ()
    return () if is_known else (number,)


def _user_name(uid: int) -> str:
    try:
        import pwd

        return pwd.getpwuid(uid).pw_name
    except (ImportError, KeyError):
        return str(uid)


def _close(listener: socket.socket) -> None:
    # close() alone leaves a thread that waits in accept() waiting.
    with contextlib.suppress(OSError):
        listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def _listen(folder: Path) -> tuple[socket.socket, str | int]:
    """A listening socket and its address: a path in the folder, or a port of loopback where
    paths cannot be used (Windows, very long temporary folders)."""
    path = folder / _SOCKET
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
