"""Use cases of workers' results: hand in, list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from services.tasks.market.errors import delivery_pending, invalid_status, max_revisions, not_claimed_by_you
from services.tasks.market.model import DELIVER, DELIVERED, SUBMITTED, Assignment, MarketEvent, MarketTask
from services.tasks.market.records import Deliverable, Deployment
from services.tasks.market.service.access import actor_of, require_agent, require_reader
from services.tasks.market.service.roles import filled

if TYPE_CHECKING:
    from kit.caller import Caller
    from kit.clock import Clock
    from services.tasks.market.service.access import TaskAccess
    from services.tasks.market.store.counters import Counters
    from services.tasks.market.store.deliverables import DeliverableStore
    from services.tasks.market.store.tasks import TaskStore

COUNTER = "market_deliverables"


class DeliverableService:
    """Takes work in.

    Args:
        access: reads and changes tasks.
        store: tasks.
        deliverables: deliverables.
        counters: gives numbers.
        clock: the time.
    """

    def __init__(
        self,
        access: TaskAccess,
        store: TaskStore,
        deliverables: DeliverableStore,
        counters: Counters,
        clock: Clock,
    ) -> None:
        self._access = access
        self._store = store
        self._deliverables = deliverables
        self._counters = counters
        self._clock = clock

    async def list_deliverables(self, caller: Caller, task_id: int) -> list[Deliverable]:
        """Return the deliverables of a task in the order in which they came."""
        require_reader(caller)
        await self._access.read(task_id)
        return await self._deliverables.of_task(task_id)

    async def check(self, caller: Caller, task_id: int) -> MarketTask:
        """Return a task that the caller may hand work in for now.

        Raises:
            PermissionDenied, WrongState: as `submit`.
        """
        require_agent(caller)
        task = await self._access.read(task_id)
        _room(task, _delivering(caller, task))
        return task

    async def submit(
        self, caller: Caller, task_id: int, content: str, key: str | None, deployment: Deployment | None = None
    ) -> Deliverable:
        """Hand work in, a text or a repository with its `deployment`; with an idempotency `key`, once for that key.

        Raises:
            PermissionDenied: NOT_CLAIMED_BY_YOU.
            WrongState: DELIVERY_PENDING, INVALID_STATUS, MAX_REVISIONS.
            InvalidInput: VALIDATION_FAILED, nothing but blanks.
        """
        require_agent(caller)

        async def step(task: MarketTask) -> Deliverable | None:
            # First of all: what awaits review may be what this very call handed in before a crash.
            made_before = await self._deliverables.made_by(caller.agent_id, task_id, key) if key else None
            if made_before is not None:
                return made_before
            assignment = _delivering(caller, task)
            text = filled(content, "content")
            _room(task, assignment)
            number = await self._counters.next(COUNTER)
            new = self._draft(number, task, assignment, text, key, deployment)
            return new if await self._hand_in(caller, task, assignment, new) else None

        return await self._access.change(task_id, step)

    def _draft(
        self,
        number: int,
        task: MarketTask,
        assignment: Assignment,
        content: str,
        key: str | None,
        deployment: Deployment | None,
    ) -> Deliverable:
        now = self._clock.now()
        return Deliverable(
            id=number,
            task_id=task.id,
            claim_id=assignment.claim_id,
            agent_id=assignment.agent_id,
            content=content,
            status=SUBMITTED,
            revision_number=assignment.deliveries + 1,
            submitted_at=now,
            is_late=task.is_late(now),
            deployment=deployment,
            idempotency=key,
        )

    async def _hand_in(self, caller: Caller, task: MarketTask, assignment: Assignment, new: Deliverable) -> bool:
        changes = {
            "status": DELIVERED,
            "assignment": msgspec.structs.replace(assignment, deliveries=new.revision_number),
            "deliverables_count": task.deliverables_count + 1,
        }
        data: dict[str, Any] = {
            "deliverable_id": new.id,
            "agent_id": new.agent_id,
            "revision_number": new.revision_number,
            "kind": new.kind,
        }
        if new.deployment and new.deployment.preview_url:
            data["preview_url"] = new.deployment.preview_url
        event = MarketEvent("deliverable.submitted", actor_of(caller), data)
        return await self._store.transition(task, changes, event, [self._deliverables.insertion(new)]) is not None


def _delivering(caller: Caller, task: MarketTask) -> Assignment:
    """Return the assignment under which the caller may hand work in now."""
    assignment = task.assignment
    if assignment is None or assignment.agent_id != caller.agent_id:
        raise not_claimed_by_you(task)
    if task.status == DELIVERED:
        raise delivery_pending(task)
    if not task.allows(DELIVER):
        raise invalid_status(task, f"Task {task.id} is not in a deliverable state (status: {task.status})")
    return assignment


def _room(task: MarketTask, assignment: Assignment) -> None:
    most = task.max_revisions + 1
    if assignment.deliveries >= most:
        raise max_revisions(task, assignment.deliveries, most)
