"""Hands out work.

All requests of this replica for one queue are served together, so that workers never fight over the same items: few
leasers per database, however many workers. A batch costs one write; on a busy queue one read serves many batches, for
a hand-out is guarded by the item's version and by the holder's seat, and whoever loses a race looks again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from kit.combiner import Combiner
from services.tasks.work.steps import expire, hand_out
from services.tasks.work.weight import MAX_ANSWER_BYTES, Budget, weight

if TYPE_CHECKING:
    from kit.clock import Clock
    from services.tasks.work.changes import WorkChanges
    from services.tasks.work.model import WorkItem
    from services.tasks.work.store import WorkStore

_MAX_LINES = 1024
_MAX_REQUESTS = 128
# Each lost race means that another replica handed out something: in the end the queue is empty or one is won.
_MAX_ROUNDS = 1000
_MAX_EXPIRED = 500
_LOOK_AHEAD = 64
_LIGHT_BYTES = 16_384
# However many are asked for at once: a look is held in memory.
_MAX_LOOK = 1000
# How long other replicas' expired leases and more urgent items may go unseen on a busy queue.
_LOOK_AHEAD_AGE = timedelta(milliseconds=200)


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


class _Order:
    """A demand, and what it has been given so far."""

    __slots__ = ("demand", "full", "items")

    def __init__(self, demand: LeaseDemand) -> None:
        self.demand = demand
        self.items: list[WorkItem] = []
        self.full = False

    @property
    def missing(self) -> int:
        return 0 if self.full else self.demand.max_items - len(self.items)

    def take(self, waiting: deque[WorkItem]) -> list[WorkItem]:
        """Take items from the front of `waiting`, no more than one answer can carry: the rest stays for others.

        The first one always fits.
        """
        taken: list[WorkItem] = []
        budget: Budget | None = None
        while waiting and len(taken) < self.missing:
            if taken or self.items:
                budget = budget or Budget(MAX_ANSWER_BYTES - sum(map(weight, [*self.items, *taken])))
                if not budget.spend(waiting[0]):
                    self.full = True
                    break
            taken.append(waiting.popleft())
        return taken


class _Line:
    """Those who ask for work of one queue, and what a busy queue was seen to hold a moment ago."""

    __slots__ = ("_is_light", "ahead", "combiner", "seen_at")

    def __init__(self, combiner: Combiner[LeaseDemand, list[WorkItem]], seen_at: datetime) -> None:
        self.combiner = combiner
        self.ahead: deque[WorkItem] = deque()
        self.seen_at = seen_at
        self._is_light = True

    def see(self, waiting: list[WorkItem], now: datetime) -> None:
        """Note what the queue holds."""
        self.ahead, self.seen_at = deque(waiting), now
        self._is_light = all(weight(item) <= _LIGHT_BYTES for item in waiting)

    def rest(self) -> None:
        """Keep for the next batch what is left, unless it is heavy."""
        if not self._is_light:
            self.ahead.clear()


class Leaser:
    """Serves the demands of this replica.

    Args:
        store: the work items.
        changes: writes steps.
        clock: the time.
    """

    def __init__(self, store: WorkStore, changes: WorkChanges, clock: Clock) -> None:
        self._store = store
        self._changes = changes
        self._clock = clock
        self._lines: dict[tuple[str, int | None], _Line] = {}
        changes.on_step(lambda step: self.look_again(step.after.queue) if step.requeues else None)

    async def lease(self, demand: LeaseDemand) -> list[WorkItem]:
        """Return the leased items, perhaps none."""
        key = (demand.queue, demand.operator_id)
        line = self._lines.get(key)
        if line is None:
            self._tidy()
            line = self._lines[key] = _Line(Combiner(self._serve, max_batch=_MAX_REQUESTS), self._clock.now())
        return await line.combiner.submit(demand)

    async def reclaim(self, queue: str) -> list[WorkItem]:
        """Take back the expired leases of a queue; returns the items as they were before."""
        reclaimed: list[WorkItem] = []
        while True:
            expired = await self._store.expired(queue, self._clock.now(), _MAX_EXPIRED)
            reclaimed += await self._expire(expired)
            if len(expired) < _MAX_EXPIRED:
                return reclaimed

    def look_again(self, queue: str) -> None:
        """Forget what the queue was seen to hold: something older or more urgent may be on it now."""
        for (name, _), line in self._lines.items():
            if name == queue:
                line.ahead.clear()

    def _tidy(self) -> None:
        """Forget what lines saw that nobody stands in now, and those lines when they are many."""
        for line in self._lines.values():
            if line.combiner.idle:
                line.ahead.clear()
        if len(self._lines) >= _MAX_LINES:
            self._lines = {key: line for key, line in self._lines.items() if not line.combiner.idle}

    async def _serve(self, demands: Sequence[LeaseDemand]) -> list[list[WorkItem]]:
        line = self._lines[demands[0].queue, demands[0].operator_id]
        orders = [_Order(demand) for demand in demands]
        # One name that asks twice at once gets the same item twice.
        seats = {order.demand.holder: order for order in reversed(orders) if order.demand.seat}
        hungry = [order for order in orders if seats.get(order.demand.holder, order) is order]
        for _ in range(_MAX_ROUNDS):
            if not hungry or not await self._round(line, hungry, seats):
                break
        line.rest()
        return [seats[order.demand.holder].items if order.demand.seat else order.items for order in orders]

    async def _round(self, line: _Line, hungry: list[_Order], seats: dict[str, _Order]) -> bool:
        """Give what is known to wait, or what a look at the queue shows; False when there is no more to give."""
        now = self._clock.now()
        busy = now - line.seen_at < _LOOK_AHEAD_AGE
        if line.ahead and busy:
            if not await self._hand_out(line.ahead, hungry):
                line.ahead.clear()
            return True
        demand, wanted = hungry[0].demand, sum(order.missing for order in hungry)
        limit = min(max(wanted, _LOOK_AHEAD) if busy else wanted, _MAX_LOOK)
        survey = await self._store.survey(demand.queue, now, list(seats), limit, demand.operator_id)
        line.see(survey.waiting, now)
        if survey.expired:
            # What comes back may be older than what waits: look again.
            await self._expire(survey.expired)
            line.ahead.clear()
            return True
        for item in survey.held:
            order = seats.get(item.lease.holder) if item.lease else None
            if order is not None and order in hungry:
                order.items = [item]
                hungry.remove(order)
        # Another look is worth while after a lost race, for others took what was seen, and when not all was seen.
        return not await self._hand_out(line.ahead, hungry) or len(survey.waiting) == limit

    async def _hand_out(self, waiting: deque[WorkItem], hungry: list[_Order]) -> bool:
        """Lease items from the front of `waiting`; False when somebody else was faster with one of them."""
        now = self._clock.now()
        taken = [(order, item) for order in hungry for item in order.take(waiting)]
        steps = [hand_out(item, order.demand.holder, now, seat=order.demand.seat) for order, item in taken]
        landed = await self._changes.apply_many(steps)
        for step, (order, _), ok in zip(steps, taken, landed, strict=True):
            if ok:
                order.items.append(step.after)
        hungry[:] = [order for order in hungry if order.missing]
        return all(landed)

    async def _expire(self, items: Sequence[WorkItem]) -> list[WorkItem]:
        now = self._clock.now()
        steps = [step for item in items if (step := expire(item, now)) is not None]
        landed = await self._changes.apply_many(steps)
        return [step.before for step, ok in zip(steps, landed, strict=True) if ok]
