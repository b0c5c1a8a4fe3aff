"""A worker that opens and observes for real, and gives every distribution the same score."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace

from safe_pip.archive import DEFAULT_LIMITS
from safe_pip.artifact import Artifact
from safe_pip.evidence import Evidence
from safe_pip.inspection import worker
from safe_pip.inspection.one_path import inspect
from safe_pip.inspection.processes import SpawnedProcess
from safe_pip.verdict import Verdict
from tests.fake_scanner import MODEL_ID, fake_worker_command


class EvenScorer:
    """Needs no model, so that a test does not depend on which one is shipped."""

    model_id = MODEL_ID

    def judge(self, _: Sequence[Evidence]) -> SimpleNamespace:
        return SimpleNamespace(score=0.0, findings=(), rules=())


def start_observer() -> SpawnedProcess:
    """A worker's process."""
    command = [word.replace("tests.fake_scanner", __name__) for word in fake_worker_command()]
    return SpawnedProcess(command)


def main() -> None:
    def look(artifact: Artifact) -> Verdict:
        return inspect(artifact, judge=EvenScorer(), limits=DEFAULT_LIMITS)

    worker.main(lambda: worker.Scanner(model_id=MODEL_ID, inspect=look, warm_up=lambda: None))
