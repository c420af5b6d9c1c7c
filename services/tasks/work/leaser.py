"""Hands out work.

All requests of this replica for one queue are served together, so that workers never fight over the same items: few
leasers per database, however many workers.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from kit.combiner import Combiner
from services.tasks.work.steps import expire, hand_out

if TYPE_CHECKING:
    from kit.clock import Clock
    from services.tasks.work.changes import WorkChanges
    from services.tasks.work.model import WorkItem
    from services.tasks.work.store import WorkStore

_MAX_QUEUES = 1024
_MAX_REQUESTS = 128
_MAX_ROUNDS = 5
_MAX_EXPIRED = 500


class LeaseDemand(msgspec.Struct, frozen=True):
    """A worker's wish.

    Attributes:
        seat: the holder may have one live item of the queue only: asked again, it gets that one again.
        operator_id: hand out only items of this operator; of all when None.
    """

    queue: str
    holder: str
    max_items: int = 1
    seat: bool = False
    operator_id: int | None = None


class Leaser:
    """Serves the demands of this replica.

    Args:
        store: the work items.
        changes: takes back expired leases.
        clock: the time.
    """

    def __init__(self, store: WorkStore, changes: WorkChanges, clock: Clock) -> None:
        self._store = store
        self._changes = changes
        self._clock = clock
        self._queues: dict[str, Combiner[LeaseDemand, list[WorkItem]]] = {}

    async def lease(self, demand: LeaseDemand) -> list[WorkItem]:
        """Return the leased items, perhaps none."""
        combiner = self._queues.get(demand.queue)
        if combiner is None:
            if len(self._queues) >= _MAX_QUEUES:
                self._queues = {queue: busy for queue, busy in self._queues.items() if not busy.idle}
            combiner = self._queues[demand.queue] = Combiner(self._serve, max_batch=_MAX_REQUESTS)
        return await combiner.submit(demand)

    async def _serve(self, demands: Sequence[LeaseDemand]) -> list[list[WorkItem]]:
        queue = demands[0].queue
        served: list[list[WorkItem]] = [[] for _ in demands]
        await self.reclaim(queue)
        open_demands = await self._resume(queue, demands, served)
        for operator_id in {demands[i].operator_id for i in open_demands}:
            mine = [i for i in open_demands if demands[i].operator_id == operator_id]
            await self._hand_out(queue, operator_id, demands, mine, served)
        return served

    async def reclaim(self, queue: str | None = None) -> list[WorkItem]:
        """Take back expired leases, of one queue or of all; returns the items as they were before."""
        now = self._clock.now()
        expired = await self._store.expired(now, _MAX_EXPIRED, queue)
        steps = [step for item in expired if (step := expire(item, now)) is not None]
        landed = await self._changes.apply_many(steps)
        return [step.before for step, ok in zip(steps, landed, strict=True) if ok]

    async def _resume(self, queue: str, demands: Sequence[LeaseDemand], served: list[list[WorkItem]]) -> list[int]:
        """Serve those who hold an item already; returns the indexes of the others, one per seat."""
        seats = {demand.holder for demand in demands if demand.seat}
        if not seats:
            return list(range(len(demands)))
        held = {item.lease.seat: item for item in await self._store.seated(queue, list(seats)) if item.lease}
        others: list[int] = []
        asked: dict[str, int] = {}
        for index, demand in enumerate(demands):
            if not demand.seat:
                others.append(index)
            elif demand.holder in held:
                served[index] = [held[demand.holder]]
            elif demand.holder in asked:
                # One name asks twice at once: both get the same item.
                served[index] = served[asked[demand.holder]]
            else:
                asked[demand.holder] = index
                others.append(index)
        return others

    async def _hand_out(
        self,
        queue: str,
        operator_id: int | None,
        demands: Sequence[LeaseDemand],
        indexes: list[int],
        served: list[list[WorkItem]],
    ) -> None:
        hungry = deque(index for index in indexes for _ in range(demands[index].max_items))
        for _ in range(_MAX_ROUNDS):
            now = self._clock.now()
            found = await self._store.candidates(queue, now, len(hungry), operator_id)
            if not found:
                return
            takers = [hungry.popleft() for _ in found]
            steps = [
                hand_out(item, demands[taker].holder, now, seat=demands[taker].seat)
                for item, taker in zip(found, takers, strict=True)
            ]
            landed = await self._store.apply_many(steps)
            for step, taker, ok in zip(steps, takers, landed, strict=True):
                if ok:
                    served[taker].append(step.after)
                else:
                    hungry.append(taker)
            if not hungry:
                return
