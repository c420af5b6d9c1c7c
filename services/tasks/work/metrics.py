"""What operators see of the work engine: how much waits, for how long, and what becomes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import Counter, Gauge

from services.tasks.work.model import TIMEOUT

if TYPE_CHECKING:
    from kit.clock import Clock
    from kit.metrics import Registry
    from services.tasks.work.changes import WorkChanges
    from services.tasks.work.model import Transition
    from services.tasks.work.queries import WorkQueries

# The first part of a queue's name; the rest is as many as there are projects and never a label.
_KINDS = ("project", "agent", "pool")


class WorkMetrics:
    """Counts steps as they are written and looks up the rest when Prometheus asks.

    Args:
        registry: where the metrics are shown.
        changes: tells the steps of this replica.
        queries: counts what waits, in all replicas' queues together.
        clock: the time.
    """

    def __init__(self, registry: Registry, changes: WorkChanges, queries: WorkQueries, clock: Clock) -> None:
        self._queries = queries
        self._clock = clock
        kind = ["queue_kind"]
        self._depth = Gauge("piecework_work_queue_depth", "Items that wait to be leased.", kind, registry=registry)
        self._leased = Gauge("piecework_work_leased", "Items that are leased.", kind, registry=registry)
        self._oldest = Gauge(
            "piecework_work_oldest_waiting_seconds", "Age of the oldest item that waits.", kind, registry=registry
        )
        self._steps = Counter(
            "piecework_work_steps", "Steps of items, written by this process.", ["step"], registry=registry
        )
        self._counters: dict[str, Counter] = {}
        self._expiries = Counter("piecework_work_lease_expiries", "Leases that ran out.", registry=registry)
        changes.on_step(self._count)
        registry.before_scrape(self._sample)

    def _count(self, step: Transition) -> None:
        counter = self._counters.get(step.kind)
        if counter is None:
            counter = self._counters[step.kind] = self._steps.labels(step.kind)
        counter.inc()
        if step.before.lease is not None and step.after.lease is None and step.after.attempts[-1].outcome == TIMEOUT:
            self._expiries.inc()

    async def _sample(self) -> None:
        now = self._clock.now()
        for kind in _KINDS:
            load = await self._queries.load(f"{kind}:")
            self._depth.labels(kind).set(load.waiting)
            self._leased.labels(kind).set(load.leased)
            oldest = (now - load.oldest_at).total_seconds() if load.oldest_at is not None else 0.0
            self._oldest.labels(kind).set(max(0.0, oldest))
