"""Files that a client sends with a token instead of its credential."""
