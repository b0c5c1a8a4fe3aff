"""Fuzzing of whatever reads hostile bytes: ``python -m tests.fuzz --seconds N [--target T]``."""
