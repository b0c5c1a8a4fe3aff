"""Changes: an artifact beside another release of its project, both read and neither trusted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

from safe_pip.archive import Limits
from safe_pip.artifact import Artifact
from safe_pip.distribution import Distribution, DistributionKind
from safe_pip.errors import SafePipError
from safe_pip.evidence import Evidence
from safe_pip.extractors import observe
from safe_pip.inspection.opening import open_artifact
from safe_pip.inspection.source_lines import with_source
from safe_pip.verdict import Change


class ChangeJudge(Protocol):
    """Weighs what a release shows beyond another; see scoring.change."""

    def most(self, new: Sequence[Evidence], *, previous: str) -> Change | None: ...

    def judge(
        self, old: Sequence[Evidence], new: Sequence[Evidence], *, previous: str
    ) -> Change: ...


def change_since(
    previous: Artifact,
    distribution: Distribution,
    evidence: Sequence[Evidence],
    *,
    make_judge: Callable[[], ChangeJudge],
    limits: Limits,
) -> Change:
    """What is new in a distribution, whose evidence is given, since a previous release.

    The previous one is opened only if something in the new one could matter. That it cannot be
    read is said and makes nothing milder: the new one is judged by itself all the same.
    """
    name = previous.path.name
    try:
        judge = make_judge()
        if (change := judge.most(evidence, previous=name)) is not None:
            return change
        with open_artifact(previous, limits) as old:
            if old.project and old.version:
                name = f"{old.project} {old.version}"
            if reason := _why_not_alike(old, distribution):
                return Change(previous=name, unread=reason)
            found = judge.judge(observe(old), evidence, previous=name)
        return replace(found, findings=with_source(found.findings, distribution))
    except SafePipError as error:
        return Change(previous=name, unread=str(error))
    except Exception as error:
        # A security decision: whatever the old bytes do to the reader (memory and recursion among
        # it), the new ones were judged, and without a comparison they are judged as ever.
        return Change(previous=name, unread=f"the scanner failed with {type(error).__name__}")


def _why_not_alike(old: Distribution, new: Distribution) -> str:
    """Why nothing can be told from the two, or nothing."""
    if old.project and new.project and old.project != new.project:
        return f"it is a release of {old.project}"
    is_wheel = [one.kind is DistributionKind.WHEEL for one in (old, new)]
    if is_wheel[0] != is_wheel[1]:
        return "a wheel and a source hold different files"
    return ""
