"""Other task queues doing the same work, in an environment of their own."""
