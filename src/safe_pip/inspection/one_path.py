"""The one path from an artifact to a verdict. It has no rules of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from safe_pip.archive import Limits
from safe_pip.artifact import Artifact
from safe_pip.errors import UnscannableError
from safe_pip.evidence import Evidence
from safe_pip.extractors import SCHEMA, observe
from safe_pip.inspection.changes import ChangeJudge, change_since
from safe_pip.inspection.opening import open_artifact, verdict_kind
from safe_pip.inspection.scanner import scanner_id
from safe_pip.inspection.source_lines import with_source
from safe_pip.inspection.unscannable import unscannable_verdict
from safe_pip.verdict import Finding, Lookalike, RuleHit, Verdict

# What is shown and kept; the score comes from all of the evidence.
MAX_FINDINGS = 100


class Judged(Protocol):
    """What a judge says: a score from 0 to 1, the evidence that moved it, strongest first, and
    the hard rules that hold whatever the score."""

    @property
    def score(self) -> float: ...

    @property
    def findings(self) -> Sequence[Finding]: ...

    @property
    def rules(self) -> Sequence[RuleHit]: ...


class Judge(Protocol):
    """Gives evidence a score; the scorer of the exported model, or a fake in tests."""

    @property
    def model_id(self) -> str: ...

    def judge(self, evidence: Sequence[Evidence]) -> Judged: ...


def inspect(
    artifact: Artifact,
    *,
    judge: Judge,
    limits: Limits,
    change_judge: Callable[[], ChangeJudge] | None = None,
) -> Verdict:
    """The verdict about an artifact: open, observe, judge, and compare with its previous release
    if it names one. Never raises for what is in it."""
    try:
        return _inspect(artifact, judge=judge, limits=limits, change_judge=change_judge)
    except UnscannableError as error:
        return unscannable_verdict(
            artifact, scanner_id=_scanner_id(judge), reason=error.reason, detail=str(error)
        )
    except Exception as error:
        # A security decision: the bytes are hostile, and a defect of ours that they can reach
        # (MemoryError and RecursionError among them) must stop them rather than let them pass.
        # The text of the exception may hold hostile bytes, so only its kind is told.
        return unscannable_verdict(
            artifact,
            scanner_id=_scanner_id(judge),
            reason="scanner-fault",
            detail=f"the scanner failed with {type(error).__name__}",
        )


def _inspect(
    artifact: Artifact,
    *,
    judge: Judge,
    limits: Limits,
    change_judge: Callable[[], ChangeJudge] | None,
) -> Verdict:
    with open_artifact(artifact, limits) as distribution:
        evidence = observe(distribution)
        judged = judge.judge(evidence)
        change = None
        if artifact.previous is not None and change_judge is not None:
            change = change_since(
                artifact.previous, distribution, evidence, make_judge=change_judge, limits=limits
            )
        return Verdict(
            sha256=distribution.sha256,
            filename=distribution.filename,
            kind=verdict_kind(artifact, distribution),
            project=distribution.project,
            version=distribution.version,
            scanner_id=_scanner_id(judge),
            score=judged.score,
            unscannable=None,
            findings=with_source(judged.findings[:MAX_FINDINGS], distribution),
            lookalike=lookalike(evidence),
            change=change,
            rules=tuple(judged.rules),
        )


def lookalike(evidence: Iterable[Evidence]) -> Lookalike | None:
    """The popular name that the project's resembles, which the policy has a rule about."""
    for item in evidence:
        if item.feature == "name_pop_dist":
            return Lookalike(closeness=item.value, words=item.detail)
    return None


def _scanner_id(judge: Judge) -> str:
    return scanner_id(model_id=judge.model_id, schema_digest=SCHEMA.digest)
