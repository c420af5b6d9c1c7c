"""Runs: several agents on one prompt, as a durable state machine with a budget, live progress and one answer."""
