"""`piecework doctor`: what would keep a platform from running here, and what to do about it."""
