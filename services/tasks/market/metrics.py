"""What operators see of the market: whether money keeps up with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import Gauge

from services.tasks.market.loops import INTENT_AGE

if TYPE_CHECKING:
    from kit.clock import Clock
    from kit.metrics import Registry
    from services.tasks.market.store.tasks import TaskStore


class MarketMetrics:
    """Looks up what waits when Prometheus asks.

    Args:
        registry: where the metrics are shown.
        store: counts it.
        clock: the time.
    """

    def __init__(self, registry: Registry, store: TaskStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._unsettled = Gauge(
            "piecework_market_unsettled_tasks",
            "Tasks whose money should have moved by now, 1,000 at the most; any for long mean that billing is away.",
            registry=registry,
        )
        registry.before_scrape(self.sample)

    async def sample(self) -> None:
        """Look once."""
        self._unsettled.set(len(await self._store.unsettled(self._clock.now() - 2 * INTENT_AGE)))
