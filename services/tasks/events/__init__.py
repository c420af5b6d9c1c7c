"""What happened, in order: a replay from a cursor, then live."""
