"""Copies: how a loaded process becomes many workers, each by a fork and each on its own socket."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import socket
from pathlib import Path

from safe_pip.inspection.wire import HELLO, NO_COPY, encode_line

_GRACE_SECONDS = 1


def become_worker(control: socket.socket) -> socket.socket | None:
    """In each copy of this process the socket that it answers on; None in the original, when
    safe-pip has hung up. Every request brings a copy's socket.

    Copies die with the original. Where a copy would not work, the answer is that the process is
    to be left alone.
    """
    leashes: list[int] = []
    while (channel := _next_channel(control)) is not None:
        _bury(os.WEXITED | os.WNOHANG)
        with channel:
            if not _has_one_thread():
                channel.sendall(NO_COPY + encode_line({"alone": True}))
                continue
            collar, leash = os.pipe()
            leashes.append(leash)
            if os.fork() == 0:
                control.close()
                for end in leashes:
                    os.close(end)
                _die_with_the_leash(collar)
                handle = os.pidfd_open(os.getpid())
                socket.send_fds(channel, [HELLO], [handle])
                os.close(handle)
                return channel.dup()
            os.close(collar)
    signal.alarm(_GRACE_SECONDS)  # safe-pip has killed them all, if it could.
    _bury(os.WEXITED)
    return None


def refuse_all(control: socket.socket, answer: bytes) -> None:
    """The same answer to every request, until safe-pip hangs up."""
    while (channel := _next_channel(control)) is not None:
        with channel, contextlib.suppress(OSError):
            channel.sendall(NO_COPY + answer)


def _next_channel(control: socket.socket) -> socket.socket | None:
    request, sockets, _, _ = socket.recv_fds(control, 1, 1)
    return socket.socket(fileno=sockets[0]) if request and sockets else None


def _die_with_the_leash(collar: int) -> None:
    """When nobody holds the pipe's other end any more, the system sends a signal that kills."""
    signal.signal(signal.SIGIO, signal.SIG_DFL)
    fcntl.fcntl(collar, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(collar, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)
    with contextlib.suppress(BlockingIOError):
        os.read(collar, 1)
        os._exit(1)  # It has been dropped already.


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
