"""Reports: writers of one list of decisions."""
