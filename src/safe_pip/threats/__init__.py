"""Threats: what others know about releases: lists of malware, attestations."""
