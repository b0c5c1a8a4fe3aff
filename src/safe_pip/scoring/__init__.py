"""Scoring: from evidence to a calibrated probability of malice and what moved it."""

from safe_pip.scoring.manifest import Manifest, Thresholds
from safe_pip.scoring.scorer import Judged, Scorer

__all__ = ["Judged", "Manifest", "Scorer", "Thresholds"]
