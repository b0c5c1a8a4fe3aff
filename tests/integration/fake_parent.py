"""A parent that answers pip by a script, for tests of what the child does when it is told rubbish."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safe_pip.gates.fingerprint import take_fingerprint
from safe_pip.gates.session import Session, open_session
from tests.integration.conftest import Workshop

TIMEOUT_SECONDS = 120
# Stands for that of the workshop's target.
PIP_ROOT = "PIP_ROOT"
# What is answered to one message; None hangs up.
Speak = Callable[[dict[str, Any]], bytes | None]


def line(fields: object) -> bytes:
    return json.dumps(fields).encode() + b"\n"


def honest(message: dict[str, Any]) -> bytes | None:
    """What safe-pip answers to whom it allows everything; empty for what gets no answer."""
    match message["type"]:
        case "hello":
            return line({"ok": True, "pip_root": PIP_ROOT})
        case "ready" | "done":
            return line({"ok": True})
        case "need":
            return line({"answers": [yes(item) for item in message["items"]]})
        case _:
            return b""


def yes(item: dict[str, Any]) -> dict[str, Any]:
    if item["kind"] == "folder":
        return {"sha256": "a folder", "identity": None}
    fingerprint = take_fingerprint(Path(item["path"]))
    identity = fingerprint.identity
    fields = ("device", "inode", "size", "mtime_ns", "ctime_ns")
    return {
        "sha256": fingerprint.sha256,
        "identity": [getattr(identity, name) for name in fields],
    }


@dataclass(kw_only=True)
class FakeParent:
    """Serves every pip that calls; ``heard`` is what they said, in order."""

    session: Session
    pip_root: Path
    speak: Speak
    heard: list[dict[str, Any]] = field(default_factory=list)

    def listen(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                channel, _ = self.session.listener.accept()
                threading.Thread(target=self.serve, args=(channel,), daemon=True).start()

    def serve(self, channel: socket.socket) -> None:
        with contextlib.suppress(OSError), channel, channel.makefile("rb") as reader:
            for text in reader:
                message = json.loads(text)
                self.heard.append(message)
                answer = self.speak(message)
                if answer is None:
                    return
                channel.sendall(answer.replace(PIP_ROOT.encode(), str(self.pip_root).encode()))


@contextlib.contextmanager
def fake_parent(workshop: Workshop, speak: Speak) -> Iterator[FakeParent]:
    with open_session() as session:
        parent = FakeParent(session=session, pip_root=workshop.target.pip_root, speak=speak)
        threading.Thread(target=parent.listen, daemon=True).start()
        yield parent


def run_child(workshop: Workshop, speak: Speak, *arguments: str) -> tuple[int, str]:
    """pip's exit status and what it printed, with such a parent."""
    with fake_parent(workshop, speak) as parent:
        process = subprocess.Popen(
            [workshop.python, parent.session.runner, *arguments],
            env=workshop.environ,
            cwd=workshop.work,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            screen, _ = process.communicate(timeout=TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    return process.returncode, screen
