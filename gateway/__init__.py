"""The HTTP edge: it authenticates, translates documented JSON dialects to gRPC and back, and decides nothing else."""
