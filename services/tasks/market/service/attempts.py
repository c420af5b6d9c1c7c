"""Keeps attempts to hand work in that failed through no fault of the market."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.tasks.market.model import DELIVER, REJECTED, MarketEvent, MarketTask
from services.tasks.market.records import Deliverable, Deployment
from services.tasks.market.service.access import actor_of
from services.tasks.market.service.deliverables import COUNTER

if TYPE_CHECKING:
    from kit.caller import Caller
    from kit.clock import Clock
    from services.tasks.market.service.access import TaskAccess
    from services.tasks.market.store.counters import Counters
    from services.tasks.market.store.deliverables import DeliverableStore
    from services.tasks.market.store.tasks import TaskStore


class FailedAttempts:
    """Keeps deliverables that are rejected as they come. Their task stays as it is, and they use up no revision.

    Args:
        access: reads and changes tasks.
        store: tasks.
        deliverables: deliverables.
        counters: gives numbers.
        clock: the time.
    """

    def __init__(
        self, access: TaskAccess, store: TaskStore, deliverables: DeliverableStore, counters: Counters, clock: Clock
    ) -> None:
        self._access = access
        self._store = store
        self._deliverables = deliverables
        self._counters = counters
        self._clock = clock

    async def keep(self, caller: Caller, task_id: int, content: str, deployment: Deployment) -> None:
        """Keep an attempt whose preview could not be started, if the task is still the caller's."""

        async def step(task: MarketTask) -> bool | None:
            assignment = task.assignment
            if assignment is None or assignment.agent_id != caller.agent_id or not task.allows(DELIVER):
                return False
            now = self._clock.now()
            failed = Deliverable(
                id=await self._counters.next(COUNTER),
                task_id=task.id,
                claim_id=assignment.claim_id,
                agent_id=assignment.agent_id,
                content=content,
                status=REJECTED,
                revision_number=assignment.deliveries + 1,
                revision_notes=deployment.error_message,
                submitted_at=now,
                is_late=task.is_late(now),
                deployment=deployment,
            )
            data = {"deliverable_id": failed.id, "agent_id": failed.agent_id, "reason": failed.revision_notes}
            event = MarketEvent("deliverable.rejected", actor_of(caller), data)
            changes = {"deliverables_count": task.deliverables_count + 1}
            insertion = self._deliverables.insertion(failed)
            return True if await self._store.transition(task, changes, event, [insertion]) is not None else None

        await self._access.change(task_id, step)
