"""File features: what is in a distribution and where it lands, without reading it as code."""

from __future__ import annotations

from collections.abc import Iterator

from safe_pip.distribution import Distribution
from safe_pip.evidence import Evidence
from safe_pip.extractors import (
    archive_integrity,
    install_places,
    native_files,
    package_shape,
    payload_files,
    pickled_files,
    startup_files,
)
from safe_pip.feature import Feature

FEATURES: tuple[Feature, ...] = (
    *package_shape.FEATURES,
    *startup_files.FEATURES,
    *install_places.FEATURES,
    *native_files.FEATURES,
    *payload_files.FEATURES,
    *pickled_files.FEATURES,
    *archive_integrity.FEATURES,
)


def observe(distribution: Distribution) -> Iterator[Evidence]:
    """Evidence of the file group. Raises UnscannableError when a member cannot be read."""
    yield from package_shape.observe(distribution)
    yield from startup_files.observe(distribution)
    yield from install_places.observe(distribution)
    yield from native_files.observe(distribution)
    yield from payload_files.observe(distribution)
    yield from pickled_files.observe(distribution)
    yield from archive_integrity.observe(distribution)
