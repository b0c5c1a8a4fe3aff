"""Threats: lists of releases known to be malicious."""
