"""Policies, verdicts and contexts for tests, and hypothesis strategies for all of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta, timezone

from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from safe_pip.artifact import OriginKind
from safe_pip.evidence import Evidence, Location, Surface
from safe_pip.feature import Group
from safe_pip.policy.index_signals import Release
from safe_pip.policy.rules import Context, Decision, decide
from safe_pip.policy.settings import (
    Action,
    AllowEntry,
    DenyEntry,
    Policy,
    PrivateName,
    Threshold,
    Thresholds,
    Unattended,
)
from safe_pip.threats.attestations import Attested
from safe_pip.verdict import (
    Advisory,
    Change,
    Finding,
    Lookalike,
    RuleHit,
    Unscannable,
    Verdict,
)

NOW = datetime(2026, 6, 1, 12, tzinfo=timezone.utc)
THRESHOLDS = Thresholds(ask=0.5, block=0.9)
LIKE_REQUESTS = Lookalike(
    closeness=0.93, words="two swapped letters away from requests, number 7 by downloads"
)
DIGESTS = ("a" * 64, "b" * 64)


def make_finding(
    *,
    path: str = "demo/__init__.py",
    line: int = 3,
    excerpt: str = "exec(data)",
    share: float = 0.5,
) -> Finding:
    return Finding(
        evidence=Evidence(
            feature="decode-exec",
            location=Location(path=path, line=line),
            surface=Surface.INIT,
            excerpt=excerpt,
            detail="decodes data and executes it",
        ),
        group=Group.CODE,
        contribution=share,
    )


def make_verdict(
    *,
    score: float | None = 0.1,
    project: str | None = "demo",
    version: str | None = "1.0",
    kind: str = "wheel",
    sha256: str = DIGESTS[0],
    filename: str = "demo-1.0-py3-none-any.whl",
    unscannable: str | None = None,
    findings: tuple[Finding, ...] = (),
    advisories: tuple[Advisory, ...] = (),
    lookalike: Lookalike | None = None,
    change: Change | None = None,
    rules: tuple[RuleHit, ...] = (),
) -> Verdict:
    reason = (
        None if unscannable is None else Unscannable(reason=unscannable, detail="a zip without end")
    )
    return Verdict(
        sha256=sha256,
        filename=filename,
        kind=kind,
        project=None if project is None else canonicalize_name(project),
        version=version,
        scanner_id="model+schema+0",
        score=None if reason else score,
        unscannable=reason,
        findings=findings,
        advisories=advisories,
        lookalike=lookalike,
        change=change,
        rules=rules,
    )


def make_decision(
    verdict: Verdict, policy: Policy | None = None, context: Context | None = None
) -> Decision:
    return decide(
        verdict,
        policy or Policy(),
        context or Context(origin=OriginKind.INDEX),
        thresholds=THRESHOLDS,
        now=NOW,
    )


scores = st.floats(0, 1)
actions = st.sampled_from(Action)
_projects = st.sampled_from(["demo", "other"]).map(canonicalize_name)
_specifiers = st.sampled_from(["", "<2", "==1.0", ">=2"]).map(SpecifierSet)

policies = st.builds(
    Policy,
    block_above=st.builds(Threshold, fixed=scores, includes_model=st.booleans()),
    ask_above=st.builds(Threshold, fixed=scores, includes_model=st.booleans()),
    unattended=st.sampled_from(Unattended),
    unscannable=st.sampled_from([Action.ASK, Action.BLOCK]),
    deny=st.frozensets(
        st.builds(
            DenyEntry, project=st.sampled_from(["demo", "d*", "other"]), specifier=_specifiers
        ),
        max_size=2,
    ),
    allow=st.frozensets(
        st.builds(
            AllowEntry,
            project=_projects,
            specifier=_specifiers,
            sha256=st.sampled_from([None, *DIGESTS]),
            reason=st.just("read"),
            expires=st.sampled_from([None, date(2026, 5, 31), date(2026, 6, 1)]),
        ),
        max_size=3,
    ),
    direct_urls=actions,
    vcs=actions,
    editable=actions,
    sdists=actions,
    advisories=actions,
    changes=actions,
    advisory_feeds=st.frozensets(st.sampled_from(["https://a.example", "https://b.example"])),
    offline=st.booleans(),
    minimum_release_age=st.sampled_from([0, 24, 168]).map(lambda hours: timedelta(hours=hours)),
    minimum_release_age_exempt=st.frozensets(st.sampled_from(["demo", "o*"])),
    unknown_age=actions,
    yanked=actions,
    quarantined=actions,
    several_indexes=actions,
    name_squats=actions,
    name_squats_exempt=st.frozensets(st.sampled_from(["demo", "o*"])),
    attestations=actions,
    attestation_loss=actions,
    private_names=st.frozensets(
        st.builds(
            PrivateName,
            pattern=st.sampled_from(["demo", "d*", "z*"]),
            index_url=st.sampled_from(["https://one.example/simple", "https://two.example/simple"]),
        ),
        max_size=2,
    ),
)

ADVISORY = Advisory(id="MAL-2026-1", summary="steals tokens", source="a list")
verdicts = st.builds(
    make_verdict,
    score=scores,
    project=st.sampled_from([None, "demo", "other"]),
    version=st.sampled_from([None, "1.0", "2.5", "not a version"]),
    kind=st.sampled_from(["wheel", "sdist", "directory", "unknown"]),
    sha256=st.sampled_from(["", *DIGESTS]),
    unscannable=st.sampled_from([None, None, "time-out"]),
    advisories=st.sampled_from(
        [(), *((replace(ADVISORY, is_of_release=known),) for known in (True, False))]
    ),
    lookalike=st.sampled_from([None, Lookalike(closeness=0.4, words="x"), LIKE_REQUESTS]),
)

contexts = st.builds(
    Context,
    origin=st.sampled_from(OriginKind),
    uploaded_at=st.sampled_from(
        [None, NOW - timedelta(hours=1), NOW - timedelta(days=30), datetime(2026, 5, 31)]
    ),
    project=st.sampled_from([None, canonicalize_name("demo"), canonicalize_name("other")]),
    index_url=st.sampled_from([None, "https://one.example/simple/", "https://one.example.evil/"]),
    page_format=st.sampled_from([None, "json", "html"]),
    yanked=st.sampled_from([None, "", "broken"]),
    provenance_url=st.sampled_from([None, "https://one.example/p"]),
    attested_before=st.sampled_from([None, "0.9"]),
    attested=st.sampled_from([None, Attested(publisher="x"), Attested(flaw="x")]),
    project_status=st.sampled_from([None, "active", "quarantined"]),
    releases=st.sampled_from([(), (Release(version="0.1", uploaded_at=NOW - timedelta(90)),)]),
    other_indexes=st.sampled_from([(), ("https://two.example/simple/",)]),
)
