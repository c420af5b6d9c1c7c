"""Use cases of those who judge work: accept and pay, send back, refuse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from services.tasks.market.errors import (
    deliverable_not_found,
    deliverable_not_pending,
    invalid_status,
    revisions_exhausted,
    revisions_left,
)
from services.tasks.market.model import (
    ACCEPT_DELIVERABLE,
    ACCEPTED,
    COMPLETED,
    DISPUTED,
    IN_PROGRESS,
    REJECT_DELIVERABLE,
    REJECTED,
    REQUEST_REVISION,
    REVISION_REQUESTED,
    SUBMITTED,
    MarketEvent,
    MarketTask,
)
from services.tasks.market.records import Deliverable
from services.tasks.market.service.access import actor_of, require_agent
from services.tasks.market.service.payment import Payment
from services.tasks.market.service.roles import filled

if TYPE_CHECKING:
    from kit.caller import Caller
    from services.tasks.market.money import Money
    from services.tasks.market.service.access import TaskAccess
    from services.tasks.market.service.roles import Roles
    from services.tasks.market.store.deliverables import DeliverableStore
    from services.tasks.market.store.tasks import TaskStore


class JudgementService:
    """Decides what becomes of work that was handed in.

    Args:
        access: reads and changes tasks.
        store: tasks.
        deliverables: deliverables.
        money: pays.
        roles: knows who may judge.
    """

    def __init__(
        self, access: TaskAccess, store: TaskStore, deliverables: DeliverableStore, money: Money, roles: Roles
    ) -> None:
        self._access = access
        self._store = store
        self._deliverables = deliverables
        self._money = money
        self._roles = roles

    async def accept(self, caller: Caller, task_id: int, deliverable_id: int) -> tuple[MarketTask, Payment]:
        """Accept work and pay it; returns the task and who got what.

        Raises:
            PermissionDenied: NOT_POSTER_OR_REVIEWER.
            WrongState: INVALID_STATUS, DELIVERABLE_NOT_PENDING.
            NotFound: DELIVERABLE_NOT_FOUND.
        """
        require_agent(caller)

        async def step(task: MarketTask) -> tuple[MarketTask, Payment] | None:
            deliverable = await self._pending(caller, task, deliverable_id, ACCEPT_DELIVERABLE, "accept deliverables")
            payment = Payment.of(task)
            changes = {"status": COMPLETED, "money": payment.intent(self._money)}
            data = {
                "worker_operator_id": payment.operator_id,
                "payment": payment.paid,
                "platform_fee": payment.fee,
            }
            event = _event("deliverable.accepted", caller, deliverable, data)
            also = [self._deliverables.decision(deliverable, ACCEPTED)]
            completed = await self._store.transition(task, changes, event, also)
            return None if completed is None else (await self._money.finish_soon(completed), payment)

        return await self._access.change(task_id, step)

    async def request_revision(self, caller: Caller, task_id: int, deliverable_id: int, notes: str) -> Deliverable:
        """Send work back with notes.

        Raises:
            PermissionDenied, NotFound: as `accept`.
            WrongState: as `accept`, and REVISIONS_EXHAUSTED.
            InvalidInput: VALIDATION_FAILED, nothing but blanks.
        """
        require_agent(caller)

        async def step(task: MarketTask) -> Deliverable | None:
            deliverable = await self._pending(caller, task, deliverable_id, REQUEST_REVISION, "request revisions")
            if not _revisions_left(task, deliverable):
                raise revisions_exhausted(task, deliverable.revision_number, task.max_revisions + 1)
            text = filled(notes, "revision_notes")
            event = _event("deliverable.revision_requested", caller, deliverable, {"revision_notes": text})
            also = [self._deliverables.decision(deliverable, REVISION_REQUESTED, text)]
            if await self._store.transition(task, {"status": IN_PROGRESS}, event, also) is None:
                return None
            return msgspec.structs.replace(deliverable, status=REVISION_REQUESTED, revision_notes=text)

        return await self._access.change(task_id, step)

    async def reject(self, caller: Caller, task_id: int, deliverable_id: int, reason: str) -> MarketTask:
        """Refuse work for good, once its revisions are used up; an arbiter decides then.

        Raises:
            PermissionDenied, NotFound: as `accept`.
            WrongState: as `accept`, and REVISIONS_LEFT.
        """
        require_agent(caller)

        async def step(task: MarketTask) -> MarketTask | None:
            deliverable = await self._pending(caller, task, deliverable_id, REJECT_DELIVERABLE, "reject deliverables")
            if _revisions_left(task, deliverable):
                raise revisions_left(task, deliverable.revision_number, task.max_revisions + 1)
            event = _event("deliverable.rejected", caller, deliverable, {"reason": reason.strip()})
            also = [self._deliverables.decision(deliverable, REJECTED, reason.strip())]
            return await self._store.transition(task, {"status": DISPUTED}, event, also)

        return await self._access.change(task_id, step)

    async def _pending(
        self, caller: Caller, task: MarketTask, deliverable_id: int, action: str, what: str
    ) -> Deliverable:
        """Return a deliverable that awaits the caller's judgement."""
        self._roles.require_judge(caller, task, what)
        if not task.allows(action):
            raise invalid_status(task, f"Task is not in delivered state (status: {task.status})")
        deliverable = await self._deliverables.find(task.id, deliverable_id)
        if deliverable is None:
            raise deliverable_not_found(task.id, deliverable_id)
        if deliverable.status != SUBMITTED:
            raise deliverable_not_pending(deliverable.id, deliverable.status)
        return deliverable


def _revisions_left(task: MarketTask, deliverable: Deliverable) -> bool:
    return deliverable.revision_number <= task.max_revisions


def _event(kind: str, caller: Caller, deliverable: Deliverable, data: dict[str, Any]) -> MarketEvent:
    facts = {"deliverable_id": deliverable.id, "agent_id": deliverable.agent_id}
    return MarketEvent(kind, actor_of(caller), facts | data)
