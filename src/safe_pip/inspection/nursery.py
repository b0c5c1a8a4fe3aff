"""Nursery: one process that has loaded everything, and workers that are copies of it.

A worker of its own takes as much processor time to start as ten small artifacts; a copy takes
that of a fork. The original looks at no artifact, so that nothing hostile is ever in a copy.
Linux only: macOS forbids what its libraries do after a fork, and there are no handles of
processes (pidfd) elsewhere.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import sys
import threading
from collections.abc import Callable
from typing import IO

from safe_pip.inspection.processes import Process, SpawnedProcess
from safe_pip.inspection.wire import NO_COPY

_GRACE_SECONDS = 1.0


def has_copies() -> bool:
    """Whether this system can do all that the nursery needs."""
    if sys.platform != "linux":
        return False
    try:
        os.close(os.pidfd_open(os.getpid()))
    except (AttributeError, OSError):  # Linux before 5.3, or something that plays Linux.
        return False
    return True


class CopiedProcess:
    """A copy of the original, at the other end of a socket.

    Its first byte brings a handle of it, by which it can be killed: its number may be another
    process's by then. Before that, it ends when it is hung up on. With the original it dies.
    """

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._handle: int | None = None
        self._lock = threading.Lock()  # A handle that was given back may be another process's.
        self._writer: IO[bytes] = channel.makefile("wb")
        self._reader: IO[bytes] | None = None

    @property
    def requests(self) -> IO[bytes]:
        return self._writer

    @property
    def answers(self) -> IO[bytes]:
        if self._reader is None:
            self._take_handle()
            self._reader = self._channel.makefile("rb")
        return self._reader

    def kill(self) -> None:
        with self._lock, contextlib.suppress(OSError):  # It has ended.
            if self._handle is not None:
                signal.pidfd_send_signal(self._handle, signal.SIGKILL)
        with contextlib.suppress(OSError):
            self._channel.shutdown(socket.SHUT_RDWR)

    def end(self) -> None:
        self.kill()
        with self._lock:
            handle, self._handle = self._handle, None
        if handle is not None:
            select.select([handle], [], [], _GRACE_SECONDS)  # Readable when it has ended.
            os.close(handle)
        for end in (self._writer, self._reader, self._channel):
            if end is not None:
                with contextlib.suppress(OSError):
                    end.close()

    def how_it_ended(self) -> str:
        self.end()
        return ""

    def _take_handle(self) -> None:
        """Waits for the first byte, which brings it. A copy that could not be killed is not
        listened to."""
        handles: list[int] = []
        try:
            first, handles, _, _ = socket.recv_fds(self._channel, 1, 1)
        except OSError:
            first = b""
        with self._lock:
            self._handle = handles[0] if handles else None
        if self._handle is None and first != NO_COPY:
            self.kill()


class Nursery:
    """Starts the original when the first copy is asked for, and again if it has died. Safe for
    several threads.

    ``spawn`` starts a process with a socket for its standard input (``worker.main``).
    """

    def __init__(self, spawn: Callable[[socket.socket], SpawnedProcess]) -> None:
        self._spawn = spawn
        self._lock = threading.Lock()
        self._original: SpawnedProcess | None = None
        self._control: socket.socket | None = None

    def copy(self) -> Process:
        """Ask for a copy, without waiting for it. Raises OSError if there can be none."""
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                with self._lock:
                    self._ask_for(theirs)
            except BaseException:
                ours.close()
                raise
        return CopiedProcess(ours)

    def end(self) -> None:
        """The original's end, once its copies have come to theirs."""
        with self._lock:
            if self._control is not None:
                self._control.close()
            if self._original is not None:
                self._original.wait(_GRACE_SECONDS)
                self._original.end()
            self._control = self._original = None

    def _ask_for(self, channel: socket.socket) -> None:
        if self._control is not None:
            try:
                socket.send_fds(self._control, [b"."], [channel.fileno()])
                return
            except OSError:  # The original has died: the next one may live.
                self._control.close()
        if self._original is not None:
            self._original.end()
        self._control, theirs = socket.socketpair()
        with theirs:
            self._original = self._spawn(theirs)
        socket.send_fds(self._control, [b"."], [channel.fileno()])
