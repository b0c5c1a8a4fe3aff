"""Scoring: from evidence to a calibrated probability of malice and what moved it."""
