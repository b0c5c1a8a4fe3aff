"""Connections and sessions: who may speak, and what breaks a session."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from safe_pip.artifact import Artifact
from safe_pip.gates.checkpoint import Checkpoint
from safe_pip.gates.connection import Connection
from safe_pip.gates.pause import Pause
from safe_pip.gates.reviewer import Arrival, Hold, Reviewer, Ruling
from safe_pip.gates.session import CHILD_MODULES, open_session

TOKEN = "the token"
HELLO: dict[str, Any] = {
    "type": "hello",
    "token": TOKEN,
    "protocol": 1,
    "python": "3.12.0",
    "prefix": "/env",
    "pid": 99,
    "requested_in": None,
    "required_by": [],
}
NEED_NOTHING = {"type": "need", "items": [], "is_drawing": False}


class SlowReviewer:
    def __init__(self, seconds: float, *, asks: bool) -> None:
        self._seconds = seconds
        self._asks = asks

    def begin(self, artifact: Artifact) -> None:
        pass

    def rule(self, arrivals: Sequence[Arrival], *, hold: Hold) -> Sequence[Ruling]:
        if self._asks:
            with hold():
                time.sleep(self._seconds)
        else:
            time.sleep(self._seconds)
        return [
            Ruling(is_allowed=True, sha256=arrival.artifact.sha256 or "", reason="")
            for arrival in arrivals
        ]


class Talk:
    """Our end of a connection under test."""

    def __init__(self, channel: socket.socket, checkpoint: Checkpoint) -> None:
        self._channel = channel
        self._reader = channel.makefile("rb")
        self.checkpoint = checkpoint
        self.connection: Connection | None = None

    def send(self, data: bytes) -> None:
        self._channel.sendall(data)

    def hang_up(self) -> None:
        self._channel.shutdown(socket.SHUT_RDWR)

    def say(self, fields: dict[str, Any]) -> None:
        self.send(json.dumps(fields).encode() + b"\n")

    def hear(self) -> Any:
        """The next answer; None when the other side has hung up."""
        try:
            line = self._reader.readline()
        except ConnectionError:
            return None
        return json.loads(line) if line else None


@contextmanager
def _talk(
    reviewer: Reviewer | None = None, *, review_timeout_seconds: float = 5.0
) -> Iterator[Talk]:
    future: Future[Reviewer] = Future()
    future.set_result(reviewer or SlowReviewer(0, asks=False))
    checkpoint = Checkpoint(future)
    ours, theirs = socket.socketpair()
    ours.settimeout(10)
    talk = Talk(ours, checkpoint)

    def welcome(connection: Connection) -> None:
        talk.connection = connection

    connection = Connection(
        theirs,
        checkpoint,
        Pause(),
        welcome=welcome,
        review_timeout_seconds=review_timeout_seconds,
    )
    thread = threading.Thread(target=connection.serve, args=(TOKEN,), daemon=True)
    thread.start()
    try:
        yield talk
    finally:
        ours.close()
        talk._reader.close()
        thread.join(10)
    assert not thread.is_alive()


def test_hello_with_the_token_is_welcome() -> None:
    with _talk() as talk:
        talk.say(HELLO)
        assert talk.hear() == {"ok": True}
        talk.say(NEED_NOTHING)
        assert talk.hear() == {"answers": []}
        talk.say({"type": "done", "status": 3})
        assert talk.hear() == {"ok": True}
        assert talk.connection is not None
        assert talk.connection.done is not None
        assert talk.connection.done.status == 3


@pytest.mark.parametrize(
    "change",
    [{"token": "another"}, {"token": ""}, {"token": "tökén"}, {"token": "\ud800"}, {"protocol": 2}],
)
def test_stranger_is_sent_away_and_breaks_nothing(change: dict[str, Any]) -> None:
    with _talk() as talk:
        talk.say({**HELLO, **change})
        assert talk.hear() == {"ok": False}
        assert talk.hear() is None
        assert talk.connection is None
        assert talk.checkpoint.refusal is None


@pytest.mark.parametrize("line", [b"\n", b"{}\n", b'{"type": "done", "status": 0}\n', b"\xff\n"])
def test_no_talk_without_hello(line: bytes) -> None:
    with _talk() as talk:
        talk.send(line)
        assert talk.hear() is None
        assert talk.checkpoint.refusal is None


@pytest.mark.parametrize("line", [b"nonsense\n", b"{}\n", json.dumps(HELLO).encode() + b"\n"])
def test_broken_protocol_refuses_the_session(line: bytes) -> None:
    with _talk() as talk:
        talk.say(HELLO)
        talk.hear()
        talk.send(line)
        assert talk.hear() is None
        assert talk.checkpoint.refusal is not None


def test_message_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("safe_pip.gates.connection.MAX_MESSAGE_BYTES", 1000)
    with _talk() as talk:
        talk.say(HELLO)
        talk.hear()
        talk.send(b"[" * 1001)
        assert talk.hear() is None
        assert talk.checkpoint.refusal is not None


def test_refusal_of_the_child_is_the_session_s() -> None:
    with _talk() as talk:
        talk.say(HELLO)
        talk.hear()
        talk.say({"type": "refuse", "reason": "it changed", "exit_code": 42})
        talk.say(NEED_NOTHING)
        assert talk.hear() == {"refusal": "it changed"}


def test_time_out_blocks() -> None:
    with _talk(SlowReviewer(1, asks=False), review_timeout_seconds=0.1) as talk:
        talk.say(HELLO)
        talk.hear()
        talk.say({**NEED_NOTHING, "items": [_folder_item()]})
        assert "longer than" in talk.hear()["refusal"]


def test_question_to_a_person_takes_its_time() -> None:
    with _talk(SlowReviewer(0.5, asks=True), review_timeout_seconds=0.2) as talk:
        talk.say(HELLO)
        talk.hear()
        talk.say({**NEED_NOTHING, "items": [_folder_item()]})
        assert "answers" in talk.hear()


def _folder_item() -> dict[str, Any]:
    return {
        "kind": "folder",
        "path": str(Path.cwd()),
        "origin": "DIRECTORY",
        "url": None,
        "index_url": None,
        "project": None,
        "requested_in": None,
        "required_by": [],
        "is_build_requirement": False,
        "uploaded_at": None,
        "parent_sha256": None,
        "yanked": None,
        "project_status": None,
        "page_format": None,
        "releases": [],
        "provenance_url": None,
        "attested_before": None,
        "other_indexes": [],
    }


class PatientReviewer(SlowReviewer):
    """Asks until the question is moot."""

    def __init__(self) -> None:
        super().__init__(0, asks=True)
        self.is_asking = threading.Event()
        self.is_withdrawn = threading.Event()

    def rule(self, arrivals: Sequence[Arrival], *, hold: Hold) -> Sequence[Ruling]:
        with hold() as question:
            assert question is not None
            assert not question.is_moot()
            self.is_asking.set()
            while not question.is_moot():
                time.sleep(0.01)
        self.is_withdrawn.set()
        return super().rule(arrivals, hold=hold)


@pytest.mark.parametrize("what", ["the pip hangs up", "another is refused"])
def test_a_question_is_moot_once_its_answer_is_no_use(what: str) -> None:
    reviewer = PatientReviewer()
    with _talk(reviewer) as talk:
        talk.say(HELLO)
        talk.hear()
        talk.say({**NEED_NOTHING, "items": [_folder_item()]})
        assert reviewer.is_asking.wait(10)
        if what == "the pip hangs up":
            talk.hang_up()
        else:
            talk.checkpoint.refuse("no")
        assert reviewer.is_withdrawn.wait(10)


@pytest.mark.skipif(os.name == "nt", reason="POSIX modes")
def test_session_folder_is_private_and_temporary() -> None:
    with open_session(Path("/pip")) as session:
        assert stat.S_IMODE(session.folder.stat().st_mode) == 0o700
        assert {path.name for path in session.folder.iterdir()} >= set(CHILD_MODULES)
        assert session.token in (session.folder / "session.json").read_text(encoding="ascii")
        assert session.token not in str(session.runner)
        folder = session.folder
    assert not folder.exists()


def test_session_folder_goes_when_something_fails() -> None:
    folder = Path()
    with pytest.raises(RuntimeError), open_session(Path("/pip")) as session:
        folder = session.folder
        raise RuntimeError("something")
    assert not folder.exists()


def test_long_temporary_folder_leads_to_loopback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = tmp_path / ("x" * 100)
    long.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(long))
    with open_session(Path("/pip")) as session:
        assert session.listener.family == socket.AF_INET
        address, port = session.listener.getsockname()
        assert address == "127.0.0.1"
        settings = json.loads((session.folder / "session.json").read_text(encoding="ascii"))
        assert settings["address"] == port


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="needs job control")
def test_drawing_child_is_stopped_for_a_question() -> None:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(30)"])
    try:
        pause = Pause()
        with pause.hold(child.pid):
            assert pause.has_open_question
            assert os.WIFSTOPPED(os.waitpid(child.pid, os.WUNTRACED)[1])
        assert not pause.has_open_question
        with pause.hold(child.pid) as question:
            os.waitpid(child.pid, os.WUNTRACED)
            assert not question.is_moot()
            pause.end()
            assert question.is_moot()
            child.terminate()
            assert child.wait(10) == -signal.SIGTERM
    finally:
        child.kill()
        child.wait()
