"""Use cases of the work engine."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from kit.caller import WORK, WRITE, Caller
from kit.errors import DomainError, InvalidInput
from kit.ids import new_id
from services.tasks.work.errors import answer_too_large, item_exists, item_not_found
from services.tasks.work.leaser import LeaseDemand
from services.tasks.work.model import DELETED, QUEUED, WorkItem
from services.tasks.work.steps import Claim, Ending, end, extend
from services.tasks.work.weight import Budget

if TYPE_CHECKING:
    from kit.clock import Clock
    from services.tasks.work.changes import Decision, WorkChanges
    from services.tasks.work.doorbell import Doorbell
    from services.tasks.work.leaser import Leaser
    from services.tasks.work.store import WorkStore

DEFAULT_PRIORITY = 5
DEFAULT_LEASE_MS = 600_000

Gate = Callable[[Caller, str], Awaitable[None]]


class NewItem(msgspec.Struct, frozen=True):
    """What an item to be made says; see `WorkItem` for the fields."""

    payload: dict[str, Any]
    item_id: str | None = None
    priority: int = DEFAULT_PRIORITY
    available_at: datetime | None = None
    max_attempts: int = 1
    lease_ms: int = DEFAULT_LEASE_MS


class WorkService:
    """Puts items on queues, leases them, and accepts one outcome for each.

    Args:
        store: the work items.
        changes: changes items.
        leaser: hands them out.
        doorbell: wakes waiting workers.
        admit: raises when a caller may not take work from a queue now, or end it.
        clock: the time.
    """

    def __init__(
        self, store: WorkStore, changes: WorkChanges, leaser: Leaser, doorbell: Doorbell, admit: Gate, clock: Clock
    ) -> None:
        self._store = store
        self._changes = changes
        self._leaser = leaser
        self._doorbell = doorbell
        self._admit = admit
        self._clock = clock

    async def enqueue(self, caller: Caller, queue: str, operator_id: int, new: Sequence[NewItem]) -> list[WorkItem]:
        """Put items on a queue, in their order.

        Raises:
            AlreadyExists: ITEM_EXISTS; the items before and after the one that exists are stored.
            InvalidInput: OPERATOR_REQUIRED when a service names none; ANSWER_TOO_LARGE, then nothing is stored.
        """
        caller.require(WRITE)
        owner = operator_id or caller.operator_id
        if not owner:
            raise InvalidInput("OPERATOR_REQUIRED", "operator_id is required")
        caller.require_operator(owner)
        now = self._clock.now()
        items = [
            WorkItem(
                id=item.item_id or new_id(),
                queue=queue,
                operator_id=owner,
                state=QUEUED,
                priority=item.priority,
                available_at=item.available_at or now,
                lease_ms=item.lease_ms,
                max_attempts=item.max_attempts,
                created_at=now,
                updated_at=now,
                payload=item.payload,
            )
            for item in new
        ]
        budget = Budget()
        if not all(budget.spend(item) for item in items):
            raise answer_too_large("items")
        outcomes = await self._store.insert_many(items, actor_of(caller))
        self._leaser.look_again(queue)
        self._ring(queue, owner, [item for item, outcome in zip(items, outcomes, strict=True) if outcome is None], now)
        for item, outcome in zip(items, outcomes, strict=True):
            if outcome is not None:
                raise item_exists(item.id) from outcome
        return items

    async def lease(self, caller: Caller, demand: LeaseDemand, wait_seconds: float) -> list[WorkItem]:
        """Lease up to `demand.max_items` items, waiting up to `wait_seconds` for the first.

        Waiting asks the database once at the start, once per ring, and once at the end.

        Raises:
            What `admit` raises, also when the queue closes during the wait.
        """
        caller.require(WORK)
        await self._admit(caller, demand.queue)
        if not caller.is_service:
            demand = msgspec.structs.replace(demand, operator_id=caller.operator_id)
        if wait_seconds <= 0:
            return await self._leaser.lease(demand)
        until = time.monotonic() + wait_seconds
        with self._doorbell.ticket(demand.queue, demand.operator_id) as ticket:
            while True:
                leased = await self._leaser.lease(demand)
                ticket.settle()
                if leased:
                    return leased
                rung = await ticket.wait(max(0.0, until - time.monotonic()))
                await self._admit(caller, demand.queue)
                if not rung:
                    return await self._leaser.lease(demand)

    async def end_many(
        self, caller: Caller, endings: Sequence[tuple[str, int, Ending]]
    ) -> list[WorkItem | DomainError]:
        """End attempts, each named by item and token; one outcome per entry, in order."""
        caller.require(WORK)
        now = self._clock.now()
        wishes = [
            (item_id, partial(end, claim=Claim(token=token), ending=ending, now=now))
            for item_id, token, ending in endings
        ]
        outcomes = await self._end_remembered(caller, wishes)
        others = [place for place in range(len(wishes)) if place not in outcomes]
        looked_at = await asyncio.gather(*(self._outcome(caller, *wishes[place]) for place in others))
        outcomes.update(zip(others, looked_at, strict=True))
        return [outcomes[place] for place in range(len(wishes))]

    async def extend(self, caller: Caller, item_id: str, claim: Claim, extension: timedelta) -> WorkItem:
        """Move the end of a lease.

        Raises:
            NotFound: ITEM_NOT_FOUND.
            WrongState: NOT_LEASED.
            Conflict: STALE_TOKEN, OTHER_HOLDER.
        """
        now = self._clock.now()
        await self._enter(caller, item_id)
        return await self._changes.change(item_id, lambda item: extend(item, claim, extension, now))

    async def get(self, caller: Caller, item_id: str) -> WorkItem:
        """Read one item.

        Raises:
            NotFound: ITEM_NOT_FOUND.
        """
        caller.require(WORK)
        item = await self._store.read(item_id)
        if item is None or item.state == DELETED:
            raise item_not_found(item_id)
        caller.require_operator(item.operator_id)
        return item

    async def _enter(self, caller: Caller, item_id: str) -> None:
        """Check that the caller may work on an item; its queue and owner never change."""
        caller.require(WORK)
        item = await self._changes.find(item_id)
        if item is None:
            raise item_not_found(item_id)
        caller.require_operator(item.operator_id)
        await self._admit(caller, item.queue)

    def _ring(self, queue: str, operator_id: int, items: Sequence[WorkItem], now: datetime) -> None:
        for available_at, count in Counter(max(item.available_at, now) for item in items).items():
            if available_at > now:
                self._doorbell.ring_after(queue, operator_id, (available_at - now).total_seconds(), count)
            else:
                self._doorbell.ring(queue, operator_id, count)

    async def _end_remembered(
        self, caller: Caller, wishes: Sequence[tuple[str, Decision]]
    ) -> dict[int, WorkItem | DomainError]:
        """End in one write what was leased here; leaves out the places of which more has to be found out."""
        doors: dict[tuple[str, int], bool] = {}
        quick: dict[int, tuple[WorkItem, Decision]] = {}
        for place, (item_id, decide) in enumerate(wishes):
            item = self._changes.recall(item_id)
            if item is None:
                continue
            door = (item.queue, item.operator_id)
            if door not in doors:
                doors[door] = await self._is_open(caller, item)
            if doors[door]:
                quick[place] = (item, decide)
        try:
            ended = await self._changes.change_remembered(list(quick.values()))
        except DomainError as error:
            return dict.fromkeys(quick, error)
        return {place: item for place, item in zip(quick, ended, strict=True) if item is not None}

    async def _is_open(self, caller: Caller, item: WorkItem) -> bool:
        try:
            caller.require_operator(item.operator_id)
            await self._admit(caller, item.queue)
        except DomainError:
            return False
        return True

    async def _outcome(self, caller: Caller, item_id: str, decide: Decision) -> WorkItem | DomainError:
        try:
            await self._enter(caller, item_id)
            return await self._changes.change(item_id, decide)
        except DomainError as error:
            return error


def actor_of(caller: Caller) -> str:
    """Return how events name the caller."""
    if caller.kind == "operator":
        return f"operator:{caller.operator_id}"
    return f"{caller.kind}:{caller.name}"
