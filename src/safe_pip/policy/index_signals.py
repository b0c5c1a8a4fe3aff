"""Index signals: what an index says about a release counts here, and never in the model.

The bytes are the same wherever they come from: these are facts of the day and of the place.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from packaging.version import InvalidVersion, Version

from safe_pip.artifact import OriginKind
from safe_pip.policy.name_squats import RULE as NAME_SQUATS
from safe_pip.policy.name_squats import by_likeness
from safe_pip.policy.opinion import Lift, Opinion
from safe_pip.policy.settings import Action, Policy

if TYPE_CHECKING:
    from safe_pip.policy.rules import Context
    from safe_pip.verdict import Verdict

QUARANTINED = "quarantined"  # PEP 792
INDEX_RULES = frozenset(
    {
        *("attestation-loss", "attestations", "minimum-release-age", NAME_SQUATS, "quarantined"),
        *("several-indexes", "unknown-age", "yanked"),
    }
)
# Made here from what was judged when it arrived.
_MADE_HERE = frozenset({OriginKind.BUILT, OriginKind.WHEEL_CACHE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A version (as a file name has it: hostile) and when its first file was uploaded."""

    version: str
    uploaded_at: datetime

    @property
    def since(self) -> datetime:
        """The upload as an aware time."""
        return aware(self.uploaded_at)


def by_index(
    verdict: Verdict, policy: Policy, context: Context, *, now: datetime
) -> Iterator[Opinion]:
    if context.project_status == QUARANTINED:
        yield Opinion(
            action=policy.quarantined,
            rule="quarantined",
            reason="its index has put the project in quarantine, as it does with suspected malware",
            lift=Lift.DIGEST,
        )
    yield from _by_age(verdict, policy, context, now)
    if context.yanked is not None:
        why = f" ({context.yanked})" if context.yanked else ""
        yield Opinion(
            action=policy.yanked,
            rule="yanked",
            reason=f"its index has yanked the release{why}",
            lift=Lift.ANY,
        )
    yield from _by_attestation(verdict, policy, context)
    if context.attested_before is not None and verdict.kind != "directory":
        yield Opinion(
            action=policy.attestation_loss,
            rule="attestation-loss",
            reason=(
                f"its index has an attestation of who published {context.attested_before}, "
                "and none of this later file"
            ),
            lift=Lift.ANY,
        )
    if verdict.kind != "directory":
        yield from by_likeness(verdict, policy, context, now=now)
    if context.other_indexes:
        yield Opinion(
            action=policy.several_indexes,
            rule="several-indexes",
            reason=(
                f"other files under this name are on {' and '.join(context.other_indexes)}, "
                f"and this came from {context.index_url}"
            ),
            lift=Lift.ANY,
        )


def not_checked(verdict: Verdict, policy: Policy, context: Context) -> Iterator[str]:
    """Which of these rules could not be applied, and why, a sentence each."""
    is_from_index = context.origin is OriginKind.INDEX
    if policy.private_names and is_from_index and context.index_url is None:
        yield "private-names: pip did not say which index the artifact came from"
    if policy.several_indexes is not Action.ALLOW and is_from_index and not context.page_format:
        yield "several-indexes: pip did not say which pages it read"
    is_tree_of_sdist = is_from_index and verdict.kind == "directory"
    is_made_here = context.origin in _MADE_HERE or is_tree_of_sdist
    if policy.attestations is not Action.ALLOW and not is_made_here:
        if not is_from_index:
            yield f"attestations: no index has any ({context.origin.value})"
        elif context.attested is None and (context.provenance_url or context.page_format != "json"):
            yield f"attestations: {_why_unattested(context)}"
        elif context.attested is not None and context.attested.unchecked is not None:
            yield f"attestations: {context.attested.unchecked}"
    if policy.attestation_loss is not Action.ALLOW and is_from_index and not is_made_here:
        if context.page_format != "json":
            yield f"attestation-loss: {_why_unattested(context)}"
        elif context.provenance_url is None and context.uploaded_at is None:
            yield f"attestation-loss: {_no_time(context)}"
    if (
        policy.minimum_release_age
        and context.uploaded_at is None
        and context.origin not in _MADE_HERE
        and (not is_from_index or policy.unknown_age is Action.ALLOW)
    ):
        why = _no_time(context) if is_from_index else f"no index tells it ({context.origin.value})"
        yield f"minimum-release-age: {why}"


def _by_attestation(verdict: Verdict, policy: Policy, context: Context) -> Iterator[Opinion]:
    attested = context.attested
    # The tree of an sdist came out of a file that was looked at.
    is_file_of_index = context.origin is OriginKind.INDEX and verdict.kind != "directory"
    if policy.attestations is Action.ALLOW or not is_file_of_index:
        return
    if attested is not None and attested.publisher is not None:
        return
    if attested is not None and attested.flaw is not None:
        yield Opinion(
            action=Action.BLOCK,
            rule="attestations",
            reason=f"its attestation is not valid: {attested.flaw}",
            lift=Lift.DIGEST,
        )
        return
    if context.page_format == "json" and context.provenance_url is None:
        action, reason = policy.attestations, "its index has no attestation of who published it"
    else:
        action = policy.attestations
        reason = f"its attestation was not checked: {_why_unattested(context)}"
    yield Opinion(action=action, rule="attestations", reason=reason, lift=Lift.ANY)


def _why_unattested(context: Context) -> str:
    if context.attested is not None and context.attested.unchecked is not None:
        return context.attested.unchecked
    if context.page_format == "html":
        return "the index answers in HTML, and only its JSON was asked"
    return "pip did not say what the index has"


def _by_age(verdict: Verdict, policy: Policy, context: Context, now: datetime) -> Iterator[Opinion]:
    if not policy.minimum_release_age or _is_exempt(verdict, policy, context):
        return
    if context.uploaded_at is None:
        if context.origin is OriginKind.INDEX:
            yield Opinion(
                action=policy.unknown_age,
                rule="unknown-age",
                reason=_no_time(context),
                lift=Lift.ANY,
            )
        return
    age = now - aware(context.uploaded_at)
    if age < policy.minimum_release_age:
        yield Opinion(
            action=Action.BLOCK,
            rule="minimum-release-age",
            reason=(
                f"it was uploaded {_in_words(age)} ago, "
                f"and the policy waits {_in_words(policy.minimum_release_age)}"
                f"{_instead(policy, context, now)}"
            ),
            lift=Lift.ANY,
        )


def _instead(policy: Policy, context: Context, now: datetime) -> str:
    """The highest version that is old enough, if one is known."""
    old_enough = [
        version
        for release in context.releases
        if now - release.since >= policy.minimum_release_age
        and (version := _version(release.version)) is not None
        and not version.is_prerelease
    ]
    return f"; {max(old_enough)} is old enough" if old_enough else ""


def _version(text: str) -> Version | None:
    try:
        return Version(text)
    except InvalidVersion:
        return None


def _is_exempt(verdict: Verdict, policy: Policy, context: Context) -> bool:
    """Whether the wait is not for this project, by every name that it goes by."""
    names = {context.project, verdict.project} - {None}
    return bool(names) and all(
        any(fnmatchcase(str(name), pattern) for pattern in policy.minimum_release_age_exempt)
        for name in names
    )


def _no_time(context: Context) -> str:
    is_html = context.page_format == "html"
    kind = " (it answers in HTML, which has no times)" if is_html else ""
    return f"the index does not say when it was uploaded{kind}"


def aware(time: datetime) -> datetime:
    return time if time.tzinfo is not None else time.replace(tzinfo=timezone.utc)


def _in_words(span: timedelta) -> str:
    if span >= timedelta(days=2):
        return f"{span.days} days"
    return f"{max(0, round(span.total_seconds() / 3600))} hours"
