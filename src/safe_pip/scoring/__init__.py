"""Scoring: from a feature vector to a calibrated score."""
