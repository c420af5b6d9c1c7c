"""What can go wrong with an engine that this process runs itself."""

from __future__ import annotations


class EngineError(RuntimeError):
    """An engine cannot be found, started or kept running; the message says why and what to do."""


class PortTaken(EngineError):
    """Another process listens on the port."""


class DirectoryLocked(EngineError):
    """Another process uses the data directory."""
