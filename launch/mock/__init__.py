"""`piecework mock`: the runs face without a platform."""
