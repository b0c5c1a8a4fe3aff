"""Gates: where artifacts arrive and wait for a decision."""
