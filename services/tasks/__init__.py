"""The tasks service: queued work, the faces' tasks, and the events of both."""
