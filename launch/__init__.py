"""The `piecework` command: the only place that joins services, and one of two that read the environment."""
