"""Notices: what a person has to know before pip starts, a line each; mostly nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from safe_pip.escaping import escaped
from safe_pip.policy.loading import PROJECT, LoadedPolicy
from safe_pip.policy.settings import Thresholds

if TYPE_CHECKING:
    from safe_pip.cli.arguments import Options
    from safe_pip.gates.target import Target
    from safe_pip.threats.feed import ThreatFeed


REPORT_ONLY_NOTICE = (
    "safe-pip: report only: everything is inspected and judged, and NOTHING IS BLOCKED by policy; "
    "what cannot be inspected still is"
)


def policy_notices(loaded: LoadedPolicy, thresholds: Thresholds) -> Iterator[str]:
    """A project's policy that would loosen is named, whether it counts or not."""
    for layer in loaded.layers:
        looser = layer.looser_keys(thresholds)
        if layer.title != PROJECT or not looser:
            continue
        file, keys = escaped(str(layer.file.path)), ", ".join(looser)
        if layer.is_trusted:
            yield f"safe-pip: {file}, which you trusted, loosens the policy: {keys}"
        else:
            yield (
                f"safe-pip: {file} would loosen the policy ({keys}); that does not count until "
                "you have read it and run `safe-pip policy trust`"
            )


def feed_notices(feed: ThreatFeed) -> Iterator[str]:
    """At the end of a run: what makes the list of known malware know little. That there is none
    is said where it matters, in reports and panels, and not in every run."""
    if feed.is_imported:
        for gap in feed.gaps:
            yield f"safe-pip: {gap}"


def target_notices(target: Target, options: Options) -> Iterator[str]:
    python = ".".join(map(str, target.python_version))
    if not target.is_virtual_environment:
        yield (
            f"safe-pip: the target is Python {python} in {target.prefix}, which is no virtual "
            f"environment ({target.chosen_by})"
        )
    if target.is_newer_than_tested:
        yield f"safe-pip: pip {target.pip_version} is newer than any that was tested"
    if options.is_verbose:
        yield (
            f"safe-pip: Python {python} in {target.prefix} ({target.chosen_by}), "
            f"with {target.pip_source.value} pip {target.pip_version} "
            f"(safe-pip itself runs in {sys.prefix})"
        )
