"""Use cases of the queue, one module for each kind of thing."""
