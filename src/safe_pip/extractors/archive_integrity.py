"""What the reader of the archive noted, as evidence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from safe_pip.distribution import Anomaly, AnomalyKind, Distribution
from safe_pip.evidence import MAX_EXCERPT_CHARS, Evidence, Location
from safe_pip.feature import Feature, Fold, Group

FEATURES = (
    Feature(
        name="record_mismatch",
        group=Group.FILE,
        fold=Fold.ANY,
        is_monotone=True,
        reason="8 of 13,468 popular wheels have it; a payload added afterwards is not in RECORD",
        says="holds other files than its RECORD lists",
    ),
    Feature(
        name="archive_anomaly",
        group=Group.FILE,
        fold=Fold.ANY,
        is_monotone=True,
        reason="what tools read differently hides files from some of them",
        says="is an archive that tools may read differently",
    ),
)

# How each anomaly counts; None for those that no feature may count. Links within the root are
# ordinary in sources. A format or name that does not fit, several roots, or the same archive twice
# in one file come from how a corpus was collected as often as from an attack: a model would learn
# the corpus. They make pip stop, or are read by no tool; another archive appended is refused.
_FEATURE_OF_KIND: Mapping[AnomalyKind, str | None] = {
    "absolute-path": "archive_anomaly",
    "appended-archive": None,
    "backslash-in-name": "archive_anomaly",
    "bytes-after-archive": "archive_anomaly",
    "bytes-before-archive": "archive_anomaly",
    "case-collision": "archive_anomaly",
    "device-member": "archive_anomaly",
    "drive-path": "archive_anomaly",
    "duplicate-member": "archive_anomaly",
    "encrypted-member": "archive_anomaly",
    "link-member": None,
    "link-outside-root": "archive_anomaly",
    "misnamed-format": None,
    "name-mismatch": None,
    "nul-in-name": "archive_anomaly",
    "parent-path": "archive_anomaly",
    "record-mismatch": "record_mismatch",
    "several-roots": None,
    "undecodable-name": "archive_anomaly",
    "unlisted-bytes": "archive_anomaly",
}


def observe(distribution: Distribution) -> Iterator[Evidence]:
    for anomaly in distribution.anomalies:
        feature = _FEATURE_OF_KIND[anomaly.kind]
        if feature is not None:
            yield _evidence(feature, anomaly)


def _evidence(feature: str, anomaly: Anomaly) -> Evidence:
    return Evidence(
        feature=feature,
        location=Location(path=anomaly.path),
        detail=f"{anomaly.kind.replace('-', ' ')}: {anomaly.detail}"[:MAX_EXCERPT_CHARS],
    )
