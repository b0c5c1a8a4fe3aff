"""Name squats: a newcomer whose name is easily mistaken for a much more popular project's.

How alike two names are is a fact of the verdict (extractors.popular). Honest projects have such
names too, about one in a hundred; but they are rarely new.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from safe_pip.artifact import OriginKind
from safe_pip.policy.opinion import Lift, Opinion
from safe_pip.policy.settings import Policy

if TYPE_CHECKING:
    from safe_pip.policy.rules import Context
    from safe_pip.verdict import Verdict

RULE = "name-squats"
# How alike, times how popular (0 to 1). Of the 3,000 names of the shipped list that are popular,
# but not enough to be imitated, 1.2 % are this near to one that is.
MIN_CLOSENESS = 0.5
# Indexes find most squats within days. The child tells the earlier releases of what is younger
# (gates.pip_signals.YOUNG_DAYS).
NEWCOMER_AGE = timedelta(days=60)


def by_likeness(
    verdict: Verdict, policy: Policy, context: Context, *, now: datetime
) -> Iterator[Opinion]:
    like = verdict.lookalike
    if like is None or like.closeness < MIN_CLOSENESS or context.origin is not OriginKind.INDEX:
        return
    since = context.known_since
    if since is not None and now - since >= NEWCOMER_AGE:
        return
    names = {str(name) for name in (context.project, verdict.project) if name}
    if all(_is_known_here(name, policy) for name in names):
        return
    age = (
        f"nothing of it is older than {NEWCOMER_AGE.days} days"
        if since is not None
        else "the index does not say since when it has been there"
    )
    yield Opinion(
        action=policy.name_squats,
        rule=RULE,
        reason=f"its name is easily mistaken for another ({like.words}), and {age}",
        lift=Lift.ANY,
    )


def _is_known_here(name: str, policy: Policy) -> bool:
    """Whether the policy speaks of the name: as an exemption, or with the index it belongs to."""
    patterns = [
        *policy.name_squats_exempt,
        *(private.pattern for private in policy.private_names),
    ]
    return any(fnmatchcase(name, pattern) for pattern in patterns)
