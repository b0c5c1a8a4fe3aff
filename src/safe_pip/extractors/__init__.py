"""Extractors: what is observed in a distribution."""
