"""`piecework admin`: operators, agents, keys and projects of a running platform, over gRPC."""
