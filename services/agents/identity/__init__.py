"""Operators, agents, and the long-lived keys of both."""
