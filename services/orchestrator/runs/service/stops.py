"""Tells those who work on a run that it may be over. A hint: they look for themselves, and also without it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

STOP, RING = "stop", "ring"


class Stops:
    """Who works on which run.

    Args:
        publish: tells all replicas, this one included.
    """

    def __init__(self, publish: Callable[[str], None]) -> None:
        self._publish = publish
        self._events: dict[str, set[asyncio.Event]] = {}

    def tell(self, run_id: str) -> None:
        """Say that a run is over."""
        self._publish(f"{STOP} {run_id}")

    def hear(self, run_id: str) -> None:
        """Wake those who work on a run."""
        for event in self._events.get(run_id, ()):
            event.set()

    @contextmanager
    def of(self, run_id: str) -> Iterator[asyncio.Event]:
        """Return an event that is set when the run may be over."""
        event = asyncio.Event()
        events = self._events.setdefault(run_id, set())
        events.add(event)
        try:
            yield event
        finally:
            events.discard(event)
            if not events:
                self._events.pop(run_id, None)
