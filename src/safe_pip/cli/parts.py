"""Parts: what inspects and what it needs, put together for one run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from safe_pip import __version__
from safe_pip.cli.head_start import HeadStart
from safe_pip.cli.surroundings import Surroundings
from safe_pip.inspection.scanner import scanner_id
from safe_pip.policy.settings import Action, Policy, Thresholds
from safe_pip.reports.entry import Scanner
from safe_pip.scoring.shipped import check_shipped_model
from safe_pip.threats.feed import NoFeed, ThreatFeed

if TYPE_CHECKING:
    from safe_pip.inspection.workers import Workers
    from safe_pip.threats.attestations import Attester

# pip itself keeps one core busy, and artifacts arrive one after another.
GATE_WORKERS = 2
# About as long as a worker takes to start, and many times what most artifacts take.
GATE_PATIENCE_SECONDS = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Checked, but nothing of it has waited for the model to load."""

    scanner: Scanner
    thresholds: Thresholds
    workers: Workers


def shipped_scanner() -> Scanner:
    """Who would judge, without starting it. Raises ModelError if there is no usable model."""
    model = check_shipped_model()
    return Scanner(
        id=scanner_id(model_id=model.model_id, schema_digest=model.schema_digest),
        version=__version__,
        ask_above=model.thresholds.ask,
        block_above=model.thresholds.block,
    )


def make_parts(
    head_start: HeadStart,
    scanner: Scanner,
    *,
    worker_count: int,
    patience_seconds: float = 0.0,
) -> Parts:
    """Parts whose first worker is starting, if it has begun."""
    from safe_pip.inspection.workers import Workers

    workers = Workers(
        count=worker_count,
        patience_seconds=0.0 if head_start.has_cheap_workers else patience_seconds,
        start=head_start.worker,
    )
    if head_start.has_begun:
        workers.start_one()
    return Parts(scanner=scanner, thresholds=thresholds_of(scanner), workers=workers)


@contextmanager
def prepared(head_start: HeadStart, *, worker_count: int) -> Iterator[Parts]:
    """Parts for a scan; all workers end with the block.

    Raises ModelError, before anything is inspected, if there is no usable model.
    """
    parts = make_parts(head_start, shipped_scanner(), worker_count=worker_count)
    try:
        yield parts
    finally:
        parts.workers.end()


def thresholds_of(scanner: Scanner) -> Thresholds:
    return Thresholds(ask=scanner.ask_above, block=scanner.block_above)


def make_feed(policy: Policy, surroundings: Surroundings) -> ThreatFeed:
    """The imported list of known malware, if there is one and the policy wants it.

    Raises FeedError for a damaged list.
    """
    if policy.advisories is Action.ALLOW:
        return NoFeed()
    nothing = NoFeed("advisories: no list of known malware was imported (safe-pip feed update)")
    try:
        surroundings.advisories_file.lstat()
    except FileNotFoundError:
        return nothing  # Without the import of a database for nothing.
    except OSError:
        pass  # Said where it is opened.
    from safe_pip.threats.advisories import open_advisories

    return open_advisories(surroundings.advisories_file) or nothing


def make_attester(policy: Policy) -> Attester | None:
    """None if the policy does not want attestations."""
    if policy.attestations is Action.ALLOW:
        return None
    from safe_pip.threats.attestations import IndexAttester

    return IndexAttester(is_offline=policy.offline, user_agent=f"safe-pip/{__version__}")


def sentence_about(feature: str) -> str:
    """What a feature says to people. Imports the extractors, so only for what is shown."""
    from safe_pip.extractors import SCHEMA

    if feature not in SCHEMA.positions:
        return feature
    return SCHEMA[feature].says or SCHEMA[feature].reason or feature


def default_jobs() -> int:
    return os.cpu_count() or 1
