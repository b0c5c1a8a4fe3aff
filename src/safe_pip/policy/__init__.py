"""Policy: which verdicts may pass."""
