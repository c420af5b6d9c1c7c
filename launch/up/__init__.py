"""`piecework up`: the whole platform on one machine."""
