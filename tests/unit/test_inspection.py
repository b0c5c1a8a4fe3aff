"""Inspection in worker processes: what a worker's death, silence or nonsense comes to."""

from __future__ import annotations

import random
import string
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from packaging.utils import NormalizedName, canonicalize_name

from safe_pip.archive import DEFAULT_LIMITS
from safe_pip.artifact import Artifact, OriginKind
from safe_pip.cache.store import VerdictStore
from safe_pip.errors import ModelError, UnscannableError
from safe_pip.evidence import Evidence
from safe_pip.inspection.inspector import Inspected, Inspector, with_advisories
from safe_pip.inspection.one_path import inspect
from safe_pip.inspection.processes import SpawnedProcess, _worker_environment, worker_command
from safe_pip.inspection.scanner import code_digest, scanner_id
from safe_pip.inspection.unscannable import claimed_names, unscannable_verdict
from safe_pip.inspection.wire import decode_artifact, encode_artifact, encode_line
from safe_pip.inspection.workers import Worker, Workers
from safe_pip.threats.feed import NoFeed
from safe_pip.verdict import Advisory, Verdict
from tests.builders import write_wheel
from tests.fake_scanner import SCANNER_ID, start_fake_worker


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    workers = Workers(count=1, start=start_fake_worker)
    yield workers
    workers.end()


@pytest.fixture
def store(tmp_path: Path) -> VerdictStore:
    return VerdictStore(folder=tmp_path / "verdicts")


def look(workers: Workers, store: VerdictStore, path: Path, sha256: str | None = None) -> Inspected:
    inspector = Inspector(scanner_id=SCANNER_ID, workers=workers, store=store, feed=NoFeed())
    artifact = Artifact(path=path, origin=OriginKind.SCANNED, sha256=sha256)
    return inspector.begin(artifact).result(60)


def wheel_saying(folder: Path, line: str, name: str = "demo") -> Path:
    return write_wheel(folder, name, files={f"{name}/__init__.py": f"# {line}\n"})


def reason(inspected: Inspected) -> str | None:
    unscannable = inspected.verdict.unscannable
    return unscannable.reason if unscannable else None


def test_a_wheel_gets_a_score_and_evidence(
    workers: Workers, store: VerdictStore, tmp_path: Path
) -> None:
    inspected = look(workers, store, wheel_saying(tmp_path, "pretend-score: 0.7"))
    verdict = inspected.verdict
    assert (verdict.project, verdict.version, verdict.score) == ("demo", "1.0", 0.7)
    assert verdict.findings[0].evidence.location.path == "demo/__init__.py"
    assert not inspected.is_from_memory


def test_the_second_look_is_from_memory(
    workers: Workers, store: VerdictStore, tmp_path: Path
) -> None:
    path = wheel_saying(tmp_path, "pretend-score: 0.7")
    first, second = look(workers, store, path), look(workers, store, path)
    assert second.is_from_memory
    assert second.verdict == first.verdict


def test_a_folder_is_never_from_memory(
    workers: Workers, store: VerdictStore, tmp_path: Path
) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "setup.py").write_text("# pretend-score: 0.6\n")
    looks = [look(workers, store, tmp_path / "tree") for _ in range(2)]
    assert [inspected.is_from_memory for inspected in looks] == [False, False]
    assert looks[0].verdict.score == 0.6


def test_a_crash_is_could_not_look_and_the_next_is_inspected(
    workers: Workers, store: VerdictStore, tmp_path: Path
) -> None:
    assert reason(look(workers, store, wheel_saying(tmp_path, "pretend-crash"))) == "scanner-crash"
    assert look(workers, store, wheel_saying(tmp_path, "fine", "other")).verdict.score == 0.01


def test_a_crash_names_what_it_was_about(
    workers: Workers, store: VerdictStore, tmp_path: Path
) -> None:
    verdict = look(workers, store, wheel_saying(tmp_path, "pretend-crash")).verdict
    assert (verdict.project, verdict.version, verdict.kind) == ("demo", "1.0", "wheel")
    assert len(verdict.sha256) == 64


def test_an_inspection_that_never_ends_is_stopped(store: VerdictStore, tmp_path: Path) -> None:
    workers = Workers(count=1, timeout_seconds=2, start=start_fake_worker)
    try:
        workers.warm_up()
        hanging = look(workers, store, wheel_saying(tmp_path, "pretend-hang"))
        assert reason(hanging) == "time-out"
        assert look(workers, store, wheel_saying(tmp_path, "fine", "other")).verdict.score == 0.01
    finally:
        workers.end()


def test_a_missing_file_is_could_not_look(
    workers: Workers, store: VerdictStore, tmp_path: Path
) -> None:
    inspected = look(workers, store, tmp_path / "demo-1.0.tar.gz")
    assert reason(inspected) == "not-found"
    assert inspected.verdict.project == "demo"


def test_a_digest_that_is_not_the_files_is_could_not_look(
    workers: Workers, store: VerdictStore, tmp_path: Path
) -> None:
    path = wheel_saying(tmp_path, "fine")
    assert reason(look(workers, store, path, sha256="0" * 64)) == "digest-mismatch"
    assert store.size().verdicts == 0


def test_known_malware_is_named_even_from_memory(
    workers: Workers, store: VerdictStore, tmp_path: Path
) -> None:
    advisory = Advisory(id="MAL-2026-1", summary="steals", source="a list")
    feed = SimpleNamespace(
        advisories=lambda project, version: (
            (advisory,) if (project, version) == ("demo", "1.0") else ()
        )
    )
    path = wheel_saying(tmp_path, "fine")
    look(workers, store, path)
    inspector = Inspector(scanner_id=SCANNER_ID, workers=workers, store=store, feed=feed)
    inspected = inspector.begin(Artifact(path=path, origin=OriginKind.SCANNED)).result(60)
    assert inspected.is_from_memory
    assert inspected.verdict.advisories == (advisory,)


@pytest.mark.parametrize(
    ("filename", "stated"),
    [
        ("demo-1.0-py3-none-any.whl", (None, None)),
        ("demo-1.0-none.whl", (None, None)),  # Not every pip asks for all parts.
        *((f"demo-1.0{suffix}", ("other", "2.0")) for suffix in (".tgz", ".tar.bz2", ".tar.xz")),
        ("demo-1.0.tar", ("demo", "2.0")),
        ("demo-1.0.ZIP", ("demo", "2.0")),
        ("checkout", ("demo", "1.0")),
        ("anything-7.tar.gz", ("demo", "1.0")),
    ],
)
def test_known_malware_is_found_by_any_name_it_goes_by(
    filename: str, stated: tuple[str | None, str | None]
) -> None:
    """pip builds a source as the release in its file name; what it builds is called as stated."""
    advisory = Advisory(id="MAL-2026-1", summary="steals", source="a list")
    asked: list[tuple[str, str | None]] = []

    def advisories(project: NormalizedName, version: str | None) -> tuple[Advisory, ...]:
        asked.append((project, version))
        return (advisory,) if (project, version) == ("demo", "1.0") else ()

    feed = SimpleNamespace(advisories=advisories)
    path = Path(filename)
    verdict = unscannable_verdict(
        Artifact(path=path, origin=OriginKind.INDEX), scanner_id="s", reason="x", detail="y"
    )
    project = None if stated[0] is None else canonicalize_name(stated[0])
    verdict = replace(verdict, project=project, version=stated[1])
    assert with_advisories(verdict, feed).advisories == (advisory,)
    assert all(version is not None for _, version in asked)


@pytest.mark.parametrize("stated", [None, "1.0"])
def test_a_version_in_either_name_makes_an_advisory_certain(stated: str | None) -> None:
    def advisories(_: NormalizedName, version: str | None) -> tuple[Advisory, ...]:
        return (Advisory(id="MAL-1", summary="", source="", is_of_release=version is not None),)

    artifact = Artifact(path=Path("demo-1.0.tar.gz"), origin=OriginKind.INDEX)
    verdict = unscannable_verdict(artifact, scanner_id="s", reason="x", detail="y")
    verdict = replace(verdict, project=canonicalize_name("demo"), version=stated)
    (found,) = with_advisories(verdict, SimpleNamespace(advisories=advisories)).advisories
    assert found.is_of_release


@pytest.mark.parametrize("stated", [None, "other"])
def test_the_project_that_was_asked_for_is_looked_up(stated: str | None) -> None:
    advisory = Advisory(id="MAL-1", summary="", source="")

    def advisories(project: NormalizedName, _: str | None) -> tuple[Advisory, ...]:
        return (advisory,) if project == "demo" else ()

    artifact = Artifact(path=Path("checkout"), origin=OriginKind.VCS)
    verdict = unscannable_verdict(artifact, scanner_id="s", reason="x", detail="y")
    verdict = replace(verdict, project=None if stated is None else canonicalize_name(stated))
    feed = SimpleNamespace(advisories=advisories)
    wanted = canonicalize_name("demo")
    assert with_advisories(verdict, feed, wanted=wanted).advisories == (advisory,)
    assert with_advisories(verdict, feed).advisories == ()


def test_words_of_a_name_are_no_release_of_another_project() -> None:
    asked: list[str] = []

    def advisories(project: NormalizedName, _: str | None) -> tuple[Advisory, ...]:
        asked.append(project)
        return ()

    feed = SimpleNamespace(advisories=advisories)
    artifact = Artifact(path=Path("python-demo-x-1.0.tar.gz"), origin=OriginKind.INDEX)
    with_advisories(unscannable_verdict(artifact, scanner_id="s", reason="x", detail="y"), feed)
    assert set(asked) == {"python-demo-x"}


def test_of_those_that_wait_the_largest_is_inspected_first(
    store: VerdictStore, tmp_path: Path
) -> None:
    """Else it begins when the others end, and pip waits for it alone."""
    looked: list[str] = []
    has_begun, may_go_on = threading.Event(), threading.Event()

    class OneByOne(Workers):
        def inspect(self, artifact: Artifact) -> Verdict:
            looked.append(artifact.path.name.partition("-")[0])
            has_begun.set()
            may_go_on.wait(10)
            raise UnscannableError("not here", reason="test")

    def no_start() -> Worker:
        raise OSError

    inspector = Inspector(
        scanner_id=SCANNER_ID,
        workers=OneByOne(count=1, start=no_start),
        store=store,
        feed=NoFeed(),
    )

    def begin(path: Path) -> Future[Inspected]:
        return inspector.begin(Artifact(path=path, origin=OriginKind.SCANNED))

    futures = [begin(wheel_saying(tmp_path, "x", "first"))]
    assert has_begun.wait(10)
    futures += [
        begin(
            wheel_saying(
                tmp_path, "".join(random.Random(size).choices(string.ascii_letters, k=size)), name
            )
        )
        for name, size in (("small", 10), ("large", 9_000), ("middle", 900))
    ]
    deadline = time.monotonic() + 10
    while inspector._waiting.qsize() < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    may_go_on.set()
    assert {future.result(10).verdict.score for future in futures} == {None}
    assert looked == ["first", "large", "middle", "small"]


def script(text: str) -> Worker:
    return Worker(SpawnedProcess((sys.executable, "-c", text)))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "ended without an answer"),
        ("raise SystemExit(7)", "exit status 7"),
        ("print('rubbish')", "not JSON"),
        ("print('[]')", "does not start"),
        ('print(\'{"failed": "no such model", "hint": "x"}\')', "no such model"),
        ("print('x' * (5 << 20))", "without an answer"),
    ],
)
def test_a_worker_that_does_not_start_is_an_unusable_model(text: str, words: str) -> None:
    workers = Workers(count=1, start=lambda: script(text))
    with pytest.raises(ModelError, match=words):
        workers.warm_up()


def test_a_worker_that_cannot_be_started_is_tried_again() -> None:
    def no_process() -> Worker:
        raise OSError(12, "Cannot allocate memory")

    workers = Workers(count=1, start=no_process)
    for _ in range(2):
        with pytest.raises(ModelError, match="Cannot allocate memory"):
            workers.warm_up()


@pytest.mark.parametrize(
    ("patience_seconds", "busy_seconds", "n_started"),
    [(20.0, 0.3, 1), (0.0, 1.0, 2), (0.2, 2.0, 2)],
)
def test_work_waits_its_time_for_a_busy_worker(
    patience_seconds: float, busy_seconds: float, n_started: int
) -> None:
    text = "import sys; print('{\"ready\": 1}', flush=True); sys.stdin.read()"
    started: list[Worker] = []

    def start() -> Worker:
        started.append(script(text))
        return started[-1]

    workers = Workers(count=2, patience_seconds=patience_seconds, start=start)

    def work(worker: Worker) -> None:
        worker.warm_up()
        time.sleep(busy_seconds)

    workers.start_one()
    with ThreadPoolExecutor(2) as pool:
        for future in [pool.submit(workers._with_worker, work) for _ in range(2)]:
            future.result(30)
    workers.end()
    assert len(started) == n_started


def test_a_waiting_thread_gets_the_place_of_a_worker_that_died() -> None:
    is_taken, may_fail = threading.Event(), threading.Event()

    def fail(_: Worker) -> None:
        is_taken.set()
        may_fail.wait(30)
        raise UnscannableError("it died", reason="scanner-crash")

    text = "import sys; print('{\"ready\": 1}', flush=True); sys.stdin.read()"
    workers = Workers(count=1, start=lambda: script(text))
    with ThreadPoolExecutor(2) as pool:
        dying = pool.submit(workers._with_worker, fail)
        assert is_taken.wait(30)
        waiting = pool.submit(workers.warm_up)
        may_fail.set()
        waiting.result(30)
        with pytest.raises(UnscannableError):
            dying.result(30)
    workers.end()


@pytest.mark.parametrize("answer", ["rubbish", "[]", "{}", '{"verdict": {"score": 0}}', "NaN"])
def test_a_nonsensical_answer_is_could_not_look(tmp_path: Path, answer: str) -> None:
    text = f"print('{{\"ready\": 1}}', flush=True); input(); print({answer!r}, flush=True)"
    workers = Workers(count=1, start=lambda: script(text))
    with pytest.raises(UnscannableError) as raised:
        workers.inspect(Artifact(path=tmp_path, origin=OriginKind.SCANNED))
    assert raised.value.reason == "scanner-fault"


class FailingJudge:
    """Fails with whatever a defect of ours could fail with."""

    model_id = "failing"

    def __init__(self, error: BaseException) -> None:
        self._error = error

    def judge(self, _: Sequence[Evidence]) -> SimpleNamespace:
        raise self._error


@pytest.mark.parametrize(
    ("name", "words"), [("reqeusts", "two swapped letters away from requests"), ("demo", None)]
)
def test_a_verdict_tells_the_popular_name_that_the_projects_resembles(
    tmp_path: Path, name: str, words: str | None
) -> None:
    judged = SimpleNamespace(score=0.1, findings=(), rules=())
    judge = SimpleNamespace(model_id="model", judge=lambda _: judged)
    artifact = Artifact(path=write_wheel(tmp_path, name), origin=OriginKind.SCANNED)
    like = inspect(artifact, judge=judge, limits=DEFAULT_LIMITS).lookalike
    assert (like is not None and words in like.words) if words else like is None


def test_a_likeness_is_remembered(workers: Workers, store: VerdictStore, tmp_path: Path) -> None:
    path = write_wheel(tmp_path, "reqeusts")
    first, second = look(workers, store, path), look(workers, store, path)
    assert first.verdict.lookalike is not None
    assert second.verdict.lookalike == first.verdict.lookalike


@pytest.mark.parametrize(
    "error", [MemoryError(), RecursionError(), ValueError("\x1b[31m"), ModelError("not finite")]
)
def test_any_fault_of_the_scanner_is_could_not_look(tmp_path: Path, error: Exception) -> None:
    artifact = Artifact(path=write_wheel(tmp_path), origin=OriginKind.SCANNED)
    verdict = inspect(artifact, judge=FailingJudge(error), limits=DEFAULT_LIMITS)
    assert verdict.unscannable is not None
    assert verdict.unscannable.reason == "scanner-fault"
    assert verdict.unscannable.detail == f"the scanner failed with {type(error).__name__}"


def test_a_broken_archive_keeps_its_own_reason(tmp_path: Path) -> None:
    path = tmp_path / "demo-1.0-py3-none-any.whl"
    path.write_bytes(b"PK\x03\x04 and no more")
    artifact = Artifact(path=path, origin=OriginKind.SCANNED)
    verdict = inspect(artifact, judge=FailingJudge(ValueError()), limits=DEFAULT_LIMITS)
    assert verdict.unscannable is not None
    assert verdict.unscannable.reason != "scanner-fault"


@pytest.mark.parametrize("name", ["plain.whl", "é\n.whl", "bad\udcff.whl"])
def test_artifacts_cross_the_wire(tmp_path: Path, name: str) -> None:
    artifact = Artifact(
        path=tmp_path / name, origin=OriginKind.INDEX, sha256="a" * 64, url="https://x.example/y"
    )
    assert decode_artifact(encode_line(encode_artifact(artifact))) == artifact
    named = replace(artifact, path=Path("relative"))
    assert decode_artifact(encode_line(encode_artifact(named))).path == Path.cwd() / "relative"


def test_a_worker_does_not_import_from_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("numpy", "json", "safe_pip"):
        (tmp_path / f"{module}.py").write_text("raise SystemExit(9)\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    Workers(count=1, start=start_fake_worker).warm_up()
    assert str(tmp_path) not in worker_command()


@pytest.mark.parametrize(
    ("filename", "expected"),
    [
        ("Demo_X-1.0-py3-none-any.whl", ("wheel", "demo-x", "1.0")),
        ("demo_x-1.0.tar.gz", ("sdist", "demo-x", "1.0")),
        ("demo-x-1.0.0.tar.bz2", ("sdist", "demo-x", "1.0.0")),
        ("Demo-1.0.TGZ", ("sdist", "demo", "1.0")),
        ("demo.whl", ("wheel", None, None)),
        ("demo.tar.gz", ("sdist", None, None)),
        ("demo", ("unknown", None, None)),
    ],
)
def test_names_come_from_the_file_name(
    filename: str, expected: tuple[str, str | None, str | None]
) -> None:
    names = claimed_names(filename)
    assert (names.kind, names.project, names.version) == expected


def test_the_scanner_is_named_after_its_model_its_columns_and_its_code() -> None:
    first = scanner_id(model_id="m", schema_digest="0" * 64)
    assert code_digest() in first
    assert first != scanner_id(model_id="n", schema_digest="0" * 64)
    assert first != scanner_id(model_id="m", schema_digest="1" * 64)


def test_a_worker_lets_no_library_report_to_its_makers(tmp_path: Path) -> None:
    """onnxruntime 1.32 keeps a note in the temporary folder and sends events, unless told not to."""
    environ = {**_worker_environment(), "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-c", "import onnxruntime"]
    subprocess.run(command, env=environ, check=True, timeout=60)
    assert list(tmp_path.iterdir()) == []
