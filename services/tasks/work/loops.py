"""What the work engine does by itself: take back leases that have expired."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import structlog

from kit.background import every
from kit.errors import Unavailable

if TYPE_CHECKING:
    from kit.clock import Clock
    from services.tasks.work.leaser import Leaser
    from services.tasks.work.store import WorkStore

_log = structlog.get_logger(__name__)


class Reaper:
    """Takes back expired leases of each queue, as often as the queue wants it. One replica runs it.

    Args:
        store: tells which queues have expired leases.
        leaser: takes them back.
        interval_of: tells how many seconds lie between two looks at a queue.
        clock: the time.
        tick_seconds: how often to look at all.
    """

    def __init__(
        self,
        store: WorkStore,
        leaser: Leaser,
        interval_of: Callable[[str], Awaitable[float]],
        clock: Clock,
        tick_seconds: float = 5.0,
    ) -> None:
        self._store = store
        self._leaser = leaser
        self._interval_of = interval_of
        self._clock = clock
        self._tick_seconds = tick_seconds
        self._looked_at: dict[str, float] = {}

    async def run(self) -> None:
        """Look for ever."""
        await every(self._tick_seconds, self.tick, "expired leases cannot be taken back now")

    async def tick(self) -> int:
        """Take back the expired leases of the queues whose turn it is; returns how many."""
        reclaimed = 0
        now = self._clock.now()
        queues = await self._store.queues_with_expired(now)
        self._looked_at = {queue: at for queue, at in self._looked_at.items() if queue in queues}
        for queue in queues:
            due = self._looked_at.get(queue, float("-inf")) + await self._interval_of(queue)
            if now.timestamp() < due:
                continue
            self._looked_at[queue] = now.timestamp()
            try:
                reclaimed += len(await self._leaser.reclaim(queue))
            except Unavailable:
                raise
            except Exception:  # noqa: BLE001 - what is wrong with one queue must not keep the others waiting
                _log.exception("expired leases of a queue cannot be taken back", queue=queue)
        return reclaimed
