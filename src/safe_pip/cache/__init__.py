"""Cache: verdicts remembered by digest, file name and scanner."""
