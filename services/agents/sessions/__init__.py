"""Sessions of queue workers: a worker name in a project, for a few hours."""
