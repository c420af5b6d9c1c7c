"""Prometheus: the registry of a process, and labels that stay few."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

OTHER = "other"


def new_registry() -> CollectorRegistry:
    """Return a registry with the metrics that every process has: processor time, memory, open files, collections."""
    registry = CollectorRegistry(auto_describe=True)
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
