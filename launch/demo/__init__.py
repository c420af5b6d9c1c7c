"""`piecework demo`: the whole product in a minute, on a platform of its own that leaves nothing behind."""
