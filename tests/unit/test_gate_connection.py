"""Connections and sessions: who may speak, and what breaks a session."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from safe_pip.artifact import Artifact
from safe_pip.errors import GateError, UnsupportedPipError
from safe_pip.gates import session as session_module
from safe_pip.gates.admission import Admission
from safe_pip.gates.checkpoint import Checkpoint
from safe_pip.gates.connection import Connection
from safe_pip.gates.interpreter import Statement
from safe_pip.gates.pause import Pause
from safe_pip.gates.reviewer import Arrival, Hold, Reviewer, Ruling
from safe_pip.gates.session import (
    CHILD_MODULES,
    keep_bytecode,
    open_session,
    remove_abandoned_sessions,
)
from safe_pip.gates.target import PipSource, Target

TOKEN = "the token"
HELLO: dict[str, Any] = {
    "type": "hello",
    "token": TOKEN,
    "protocol": 1,
    "pid": 99,
    "required_by": [],
    "interpreter": {
        "version": [3, 12, 0],
        "prefix": "/env",
        "base_prefix": "/usr",
        "executable": "/env/bin/python",
        "pip_origin": None,
        "site_folders": [],
    },
}
WELCOME = {"ok": True, "pip_root": "/pip"}
STATEMENT = Statement(
    version=(3, 12, 0),
    prefix=Path("/env"),
    base_prefix=Path("/usr"),
    executable="/env/bin/python",
    pip_origin=None,
)
TARGET = Target(
    python=Path("/env/bin/python"),
    python_version=(3, 12, 0),
    prefix=Path("/env"),
    is_virtual_environment=True,
    pip_source=PipSource.OWN,
    pip_root=Path("/pip"),
    pip_version="26.3",
    chosen_by="the test",
)
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

    def __init__(
        self, channel: socket.socket, checkpoint: Checkpoint, admission: Admission
    ) -> None:
        self._channel = channel
        self.admission = admission
        self._reader = channel.makefile("rb")
        self.checkpoint = checkpoint
        self.connection: Connection | None = None

    def send(self, data: bytes) -> None:
        self._channel.sendall(data)

    def hang_up(self) -> None:
        self._channel.shutdown(socket.SHUT_RDWR)

    def say(self, fields: dict[str, Any]) -> None:
        self.send(json.dumps(fields).encode() + b"\n")

    def has_answer(self, *, within_seconds: float) -> bool:
        return bool(select.select([self._channel], [], [], within_seconds)[0])

    def hear(self) -> Any:
        """The next answer; None when the other side has hung up."""
        try:
            line = self._reader.readline()
        except ConnectionError:
            return None
        return json.loads(line) if line else None


@contextmanager
def _talk(
    reviewer: Reviewer | None = None,
    *,
    review_timeout_seconds: float = 5.0,
    is_open: bool = True,
) -> Iterator[Talk]:
    future: Future[Reviewer] = Future()
    future.set_result(reviewer or SlowReviewer(0, asks=False))
    checkpoint = Checkpoint(future)
    ours, theirs = socket.socketpair()
    ours.settimeout(10)
    admission = Admission(lambda _: TARGET)
    if is_open:
        admission.open()
    talk = Talk(ours, checkpoint, admission)

    def welcome(connection: Connection) -> None:
        talk.connection = connection

    connection = Connection(
        theirs,
        checkpoint,
        Pause(),
        admission,
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
        assert talk.hear() == WELCOME
        talk.say({"type": "ready"})
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
    with open_session() as session:
        assert stat.S_IMODE(session.folder.stat().st_mode) == 0o700
        assert {path.name for path in session.folder.iterdir()} >= set(CHILD_MODULES)
        assert session.token in (session.folder / "session.json").read_text(encoding="ascii")
        assert session.token not in str(session.runner)
        folder = session.folder
    assert not folder.exists()


@pytest.mark.skipif(os.name == "nt", reason="POSIX owners")
@pytest.mark.parametrize("mode", [0o755, 0o777 | stat.S_ISVTX])
@pytest.mark.parametrize("below", ["", "mine"])
def test_temporary_folder_of_another_user_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int, below: str
) -> None:
    """A sticky bit does not keep its owner from renaming what is in there."""
    theirs = tmp_path / "theirs"
    (theirs / below).mkdir(parents=True)
    theirs.chmod(mode)
    monkeypatch.setattr("tempfile.tempdir", str(theirs / below))
    with open_session():
        pass
    uid = 54_321
    if os.geteuid() == 0:
        os.chown(theirs, uid, -1)
    else:
        monkeypatch.setattr("os.geteuid", lambda: uid)
    with (
        pytest.raises(GateError, match=r"another user .* can rename what is in") as raised,
        open_session(),
    ):
        pass
    assert raised.value.hint == "Set TMPDIR to a folder of your own."


@pytest.mark.skipif(os.name == "nt", reason="POSIX owners")
def test_owner_whom_a_namespace_does_not_know_is_no_other_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a sandbox, the folders of the system belong to nobody that it knows."""
    (tmp_path / "overflow").write_text(f"{tmp_path.stat().st_uid}\n", encoding="ascii")
    (tmp_path / "map").write_text("      70000          0          1\n", encoding="ascii")
    monkeypatch.setattr(session_module, "_OVERFLOW_USER", tmp_path / "overflow")
    monkeypatch.setattr(session_module, "_KNOWN_USERS", tmp_path / "map")
    assert session_module._owners_of_elsewhere() == (tmp_path.stat().st_uid,)
    (tmp_path / "map").write_text("0 0 4294967295\n", encoding="ascii")
    assert session_module._owners_of_elsewhere() == ()
    (tmp_path / "map").unlink()
    assert session_module._owners_of_elsewhere() == ()


def test_session_folder_goes_when_something_fails() -> None:
    folder = Path()
    with pytest.raises(RuntimeError), open_session() as session:
        folder = session.folder
        raise RuntimeError("something")
    assert not folder.exists()


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="needs sockets in folders")
def test_folder_of_a_killed_session_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever could be in use, or somebody else's, stays."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def leave(name: str, *, listens: bool = False, is_old: bool = True) -> socket.socket:
        folder = tmp_path / name
        folder.mkdir(mode=0o700)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(folder / "socket"))
        if listens:
            listener.listen()
        (folder / "session.json").write_text("{}", encoding="ascii")
        if is_old:
            os.utime(folder, (0, 0))
        return listener

    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "kept").touch()
    with (
        leave("safe-pip-killed"),
        leave("safe-pip-young", is_old=False),
        leave("safe-pip-live", listens=True),
        leave("safe-pip-bare"),
        leave("another"),
    ):
        (tmp_path / "safe-pip-bare" / "session.json").unlink()
        os.utime(tmp_path / "safe-pip-bare", (0, 0))
        (tmp_path / "safe-pip-killed" / "link").symlink_to(tmp_path / "elsewhere")
        os.utime(tmp_path / "safe-pip-killed", (0, 0))
        (tmp_path / "safe-pip-link").symlink_to(tmp_path / "safe-pip-live")
        before = {path.name for path in tmp_path.iterdir()}
        with open_session() as session:
            remove_abandoned_sessions(session)
        assert before - {path.name for path in tmp_path.iterdir()} == {"safe-pip-killed"}
        assert (tmp_path / "elsewhere" / "kept").exists()


def test_long_temporary_folder_leads_to_loopback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = tmp_path / ("x" * 100)
    long.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(long))
    with open_session() as session:
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


def test_children_of_this_python_find_byte_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(sys, "pycache_prefix", None)
    keep_bytecode()
    with open_session() as session:
        code = (
            "import importlib.util, pathlib, sys\n"
            "for name in sys.argv[2:]:\n"
            "    source = pathlib.Path(sys.argv[1], name)\n"
            "    cached = pathlib.Path(importlib.util.cache_from_source(str(source)))\n"
            "    data, status = cached.read_bytes(), source.stat()\n"
            "    assert data[:4] == importlib.util.MAGIC_NUMBER\n"
            "    assert int.from_bytes(data[8:12], 'little') == int(status.st_mtime)\n"
            "    assert int.from_bytes(data[12:16], 'little') == status.st_size\n"
        )
        names = [name for name in CHILD_MODULES if name != "pip_runner.py"]
        subprocess.run([sys.executable, "-c", code, session.folder, *names], check=True, timeout=60)


def test_only_the_first_hello_chooses_the_target() -> None:
    said: list[Statement] = []

    def choose(statement: Statement) -> Target:
        said.append(statement)
        return TARGET

    admission = Admission(choose)
    assert admission.pip_root(STATEMENT) == TARGET.pip_root
    forged = replace(STATEMENT, pip_origin="/tmp/evil/pip/__init__.py")
    assert admission.pip_root(forged) == TARGET.pip_root
    assert admission.pip_root(None) == TARGET.pip_root
    assert admission.target(0) is TARGET
    assert said == [STATEMENT]


def test_child_that_no_pip_is_for_gets_no_answer() -> None:
    def choose(_: Statement) -> Target:
        raise UnsupportedPipError("too old")

    admission, ends = Admission(choose), list[BaseException | None]()
    future = ThreadPoolExecutor(1).submit(admission.pip_root, STATEMENT)
    future.add_done_callback(lambda done: ends.append(done.exception()))
    with pytest.raises(UnsupportedPipError, match="too old"):
        admission.target(10)
    assert ends == []
    admission.close()
    with pytest.raises(GateError):
        future.result(10)


def test_pip_waits_until_the_rest_is_ready() -> None:
    with _talk(is_open=False) as talk:
        talk.say(HELLO)
        assert talk.hear() == WELCOME
        talk.say({"type": "ready"})
        assert not talk.has_answer(within_seconds=0.2)
        talk.admission.open()
        assert talk.hear() == {"ok": True}


def test_hello_without_an_interpreter_chooses_nothing() -> None:
    with _talk(is_open=False) as talk:
        talk.say({**HELLO, "interpreter": None})
        assert not talk.has_answer(within_seconds=0.2)
        with pytest.raises(UnsupportedPipError):
            talk.admission.target(10)
        talk.admission.close()
        assert talk.hear() is None
