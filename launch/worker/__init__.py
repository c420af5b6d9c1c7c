"""`piecework worker`: turns a command into a worker of the queue."""
