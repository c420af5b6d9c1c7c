"""Previews of repositories: the port that the market uses, and its adapters."""
