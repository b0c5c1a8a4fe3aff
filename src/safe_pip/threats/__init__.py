"""Known-malicious lists."""
