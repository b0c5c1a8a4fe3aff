"""Inspection: from an artifact to a verdict, in worker processes that may die without harm."""
