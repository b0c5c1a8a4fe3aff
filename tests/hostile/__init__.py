"""Hostile archives: harmless bytes made to break, fill, mislead or escape from a reader."""
