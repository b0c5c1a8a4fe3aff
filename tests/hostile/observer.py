"""A worker that opens and observes for real, and gives every distribution the same score."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace

from safe_pip.evidence import Evidence
from safe_pip.inspection import worker
from safe_pip.inspection.workers import Worker
from tests.fake_scanner import MODEL_ID, fake_worker_command


class EvenScorer:
    """Needs no model, so that a test does not depend on which one is shipped."""

    model_id = MODEL_ID

    @staticmethod
    def load(**_: object) -> EvenScorer:
        return EvenScorer()

    def judge(self, _: Sequence[Evidence]) -> SimpleNamespace:
        return SimpleNamespace(score=0.0, findings=(), rules=())


def start_observer() -> Worker:
    command = [word.replace("tests.fake_scanner", __name__) for word in fake_worker_command()]
    return Worker(command)


def main() -> None:
    worker.__dict__["Scorer"] = EvenScorer
    worker.main()
