"""Prometheus: the registry of a process, and labels that stay few."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable

import structlog
from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)

from kit.errors import DomainError

OTHER = "other"
DURATION_BUCKETS = (0.005, 0.02, 0.05, 0.25, 1.0, 5.0)
"""Bounds of the durations of requests and calls, in seconds. Each is a line of text for every route and method."""

_SAMPLE_SECONDS = 2.0
_log = structlog.get_logger(__name__)

# When each series began is a line beside every counter that no alarm and no picture uses.
disable_created_metrics()  # type: ignore[no-untyped-call]


class Registry(CollectorRegistry):
    """The metrics of a process, some of which are looked up only when somebody asks.

    Args:
        min_interval_seconds: how long what was looked up stays good, so that asking often costs nothing.
    """

    def __init__(self, min_interval_seconds: float = 5.0) -> None:
        super().__init__(auto_describe=True)
        self._min_interval_seconds = min_interval_seconds
        self._samplers: list[Callable[[], Awaitable[None]]] = []
        self._sampled_at = float("-inf")
        self._refreshing = asyncio.Lock()

    def before_scrape(self, sampler: Callable[[], Awaitable[None]]) -> None:
        """Call `sampler` before the metrics are shown; what it raises is logged and leaves its metrics as they were."""
        self._samplers.append(sampler)

    async def refresh(self) -> None:
        """Look up what is not counted as it happens, within two seconds."""
        async with self._refreshing:
            if time.monotonic() - self._sampled_at < self._min_interval_seconds:
                return
            self._sampled_at = time.monotonic()
            for sampler in self._samplers:
                try:
                    async with asyncio.timeout(_SAMPLE_SECONDS):
                        await sampler()
                except (DomainError, TimeoutError) as error:
                    _log.warning("metrics could not be looked up", problem=repr(error))


def new_registry() -> Registry:
    """Return a registry with the metrics that every process has: processor time, memory, open files, collections."""
    registry = Registry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry


class BoundedLabel:
    """Keeps the values of a label few: what comes after the first `limit` values counts as `other`.

    Every series stays in memory, here and in Prometheus, so a value that a client may choose must never be a label
    without this.

    Args:
        limit: how many values are told apart.
        known: values that have their place whatever comes.
    """

    def __init__(self, limit: int = 100, known: Iterable[str] = ()) -> None:
        self._limit = limit
        self._values = set(known)

    def __call__(self, value: str) -> str:
        """Return `value`, or `other` when there are too many."""
        if value in self._values:
            return value
        if len(self._values) >= self._limit:
            return OTHER
        self._values.add(value)
        return value
