"""What the reader of archives says about some bytes, in one call."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from safe_pip.archive import DEFAULT_LIMITS, Limits, open_distribution, read_archive
from safe_pip.artifact import Artifact, OriginKind
from safe_pip.distribution import Distribution
from safe_pip.errors import UnscannableError

SDIST = "demo-1.0.tar.gz"
ZIP_SDIST = "demo-1.0.zip"
WHEEL = "demo-1.0-py3-none-any.whl"


def contents(
    data: bytes, filename: str = SDIST, *, limits: Limits = DEFAULT_LIMITS
) -> Mapping[str, bytes]:
    """Every file's content by path."""
    with read_archive(data, filename, limits) as distribution:
        return {file.path: file.read() for file in distribution.files}


def opened(data: bytes, filename: str = SDIST, *, limits: Limits = DEFAULT_LIMITS) -> Distribution:
    """The distribution; in memory, so its files can be read after this returns."""
    with read_archive(data, filename, limits) as distribution:
        return distribution


def anomaly_kinds(data: bytes, filename: str = SDIST) -> set[str]:
    return {anomaly.kind for anomaly in opened(data, filename).anomalies}


def refusal(data: bytes, filename: str = SDIST, *, limits: Limits = DEFAULT_LIMITS) -> str:
    """The reason why some bytes are not opened; fails if they are."""
    with (
        pytest.raises(UnscannableError) as caught,
        read_archive(data, filename, limits) as distribution,
    ):
        for file in distribution.files:
            file.read()
    return caught.value.reason


def opened_tree(folder: Path, *, origin: OriginKind = OriginKind.VCS) -> Distribution:
    with open_distribution(Artifact(path=folder, origin=origin)) as distribution:
        return distribution
