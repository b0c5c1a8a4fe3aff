"""Copies: how a loaded process becomes many workers, each by a fork and each on its own socket."""

from __future__ import annotations

import contextlib
import os
import socket
from pathlib import Path

from safe_pip.inspection.wire import encode_line

# The first byte of a copy brings a handle of it.
_HELLO = b"\n"


def become_worker(control: socket.socket) -> socket.socket | None:
    """In each copy of this process the socket that it answers on; None in the original, when
    safe-pip has hung up. Every request brings a copy's socket.

    Where a copy would not work, the answer is that the process is to be left alone.
    """
    while True:
        request, sockets, _, _ = socket.recv_fds(control, 1, 1)
        if not request or not sockets:
            _bury(os.WEXITED)
            return None
        _bury(os.WEXITED | os.WNOHANG)
        with socket.socket(fileno=sockets[0]) as channel:
            if not _has_one_thread():
                channel.sendall(_HELLO + encode_line({"alone": True}))
            elif os.fork() == 0:
                control.close()
                handle = os.pidfd_open(os.getpid())
                socket.send_fds(channel, [_HELLO], [handle])
                os.close(handle)
                return channel.dup()


def refuse_all(control: socket.socket, answer: bytes) -> None:
    """The same answer to every request, until safe-pip hangs up."""
    while True:
        request, sockets, _, _ = socket.recv_fds(control, 1, 1)
        if not request or not sockets:
            return
        with socket.socket(fileno=sockets[0]) as channel, contextlib.suppress(OSError):
            channel.sendall(_HELLO + answer)


def _has_one_thread() -> bool:
    """A copy has one thread, whatever the others of the original were about."""
    try:
        return len(list(Path("/proc/self/task").iterdir())) == 1
    except OSError:
        return False


def _bury(options: int) -> None:
    """Copies that have ended: all, or with WNOHANG those that have ended already."""
    with contextlib.suppress(ChildProcessError):
        while os.waitid(os.P_ALL, 0, options) is not None:
            pass
