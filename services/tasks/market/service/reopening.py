"""A claimed task becomes open again: rolled back by its poster, or given back by its worker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kit.errors import DomainError
from services.tasks.market.errors import invalid_status
from services.tasks.market.model import (
    ACCEPTED,
    OPEN,
    REJECTED,
    ROLL_BACK,
    WITHDRAW,
    WITHDRAWN,
    MarketEvent,
    MarketTask,
)
from services.tasks.market.service.access import actor_of, require_agent, require_poster

if TYPE_CHECKING:
    from kit.caller import Caller
    from kit.clock import Clock
    from services.tasks.market.money import Money
    from services.tasks.market.service.access import TaskAccess
    from services.tasks.market.store.claims import ClaimStore
    from services.tasks.market.store.tasks import TaskStore


class Reopening:
    """Opens tasks again; their whole budget is held again first.

    Args:
        access: reads and changes tasks.
        store: tasks.
        claims: claims.
        money: moves money.
        clock: the time.
    """

    def __init__(self, access: TaskAccess, store: TaskStore, claims: ClaimStore, money: Money, clock: Clock) -> None:
        self._access = access
        self._store = store
        self._claims = claims
        self._money = money
        self._clock = clock
        money.ends(ROLL_BACK, self._end_roll_back)
        money.ends(WITHDRAW, self._end_withdraw)

    async def roll_back(self, caller: Caller, task_id: int) -> MarketTask:
        """Take a task from its worker and open it again.

        Raises:
            PermissionDenied: NOT_POSTER.
            WrongState: INVALID_STATUS; INSUFFICIENT_CREDITS when its whole budget cannot be held any more.
        """
        require_agent(caller)

        async def step(task: MarketTask) -> MarketTask | None:
            require_poster(caller, task, "roll back tasks")
            if not task.allows(ROLL_BACK):
                raise invalid_status(task, f"Cannot roll back task in '{task.status}' status")
            return await self.reopen(task, ROLL_BACK, actor_of(caller))

        return await self._access.change(task_id, step)

    async def reopen(self, task: MarketTask, action: str, actor: str) -> MarketTask | None:
        """Open a claimed task again; None when somebody else changed it first.

        Raises:
            WrongState: INSUFFICIENT_CREDITS, of a roll-back.
        """
        assert task.assignment is not None
        if task.assignment.price == task.budget:
            return await self._reopen(task, action, actor, {})
        intent = self._money.adjust(task, task.budget, action, actor)
        started = await self._store.transition(task, {"money": intent}, None)
        if started is None:
            return None
        finish = await self._money.finish(started)
        if finish.refusal is not None and action == ROLL_BACK:
            raise finish.refusal
        return finish.task or await self._finished_elsewhere(task.id)

    async def _finished_elsewhere(self, task_id: int) -> MarketTask | None:
        task = await self._access.read(task_id)
        return task if task.status == OPEN else None

    async def _end_roll_back(self, task: MarketTask, refusal: DomainError | None) -> MarketTask | None:
        if refusal is not None:
            return await self._store.transition(task, {"money": None}, None)
        return await self._end(task, {"money": None})

    async def _end_withdraw(self, task: MarketTask, refusal: DomainError | None) -> MarketTask | None:
        changes: dict[str, Any] = {"money": None}
        if refusal is not None and task.assignment is not None:
            # A worker is free to go. What is held is the most that the task can cost now; its poster may cancel it.
            changes["budget"] = task.assignment.price
        return await self._end(task, changes)

    async def _end(self, task: MarketTask, changes: dict[str, Any]) -> MarketTask | None:
        assert task.money is not None
        return await self._reopen(task, task.money.action, task.money.actor, changes)

    async def _reopen(self, task: MarketTask, action: str, actor: str, changes: dict[str, Any]) -> MarketTask | None:
        assert task.assignment is not None
        claim_id, facts = task.assignment.claim_id, {"agent_id": task.assignment.agent_id}
        if action == ROLL_BACK:
            status = REJECTED
            event = MarketEvent("task.rolled_back", actor, facts | {"claim_id": claim_id})
        else:
            status = WITHDRAWN
            event = MarketEvent("claim.withdrawn", actor, facts | {"claim_id": claim_id, "task_reverted": True})
        claim = self._claims.move(claim_id, ACCEPTED, status, self._clock.now())
        return await self._store.transition(task, {"status": OPEN, "assignment": None, **changes}, event, [claim])
