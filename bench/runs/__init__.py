"""Runs under load: what the platform adds to its models, how soon text is seen, and who waits for whom."""
