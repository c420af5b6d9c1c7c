"""Use cases of workers: get a task, give it back done or not, ask for more time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from kit.caller import READ, WORK, Caller
from kit.errors import Conflict, NotFound, WrongState
from services.tasks.queue.errors import agent_name_required, other_agent, task_not_found, task_not_running
from services.tasks.queue.model import QUEUE_PREFIX
from services.tasks.work.leaser import LeaseDemand
from services.tasks.work.model import Transition, WorkItem
from services.tasks.work.steps import Claim, Ending, end, extend

if TYPE_CHECKING:
    from kit.clock import Clock
    from services.tasks.queue.service.access import ProjectAccess
    from services.tasks.queue.service.tasks import TaskService
    from services.tasks.work.changes import WorkChanges
    from services.tasks.work.leaser import Leaser
    from services.tasks.work.queries import WorkQueries
    from services.tasks.work.service import WorkService


class WorkerService:
    """Serves workers.

    Args:
        access: finds projects.
        tasks: finds tasks.
        work: leases and waits.
        leaser: takes back expired leases.
        changes: changes work items.
        queries: counts and lists them.
        clock: the time.
    """

    def __init__(
        self,
        access: ProjectAccess,
        tasks: TaskService,
        work: WorkService,
        leaser: Leaser,
        changes: WorkChanges,
        queries: WorkQueries,
        clock: Clock,
    ) -> None:
        self._access = access
        self._tasks = tasks
        self._work = work
        self._leaser = leaser
        self._changes = changes
        self._queries = queries
        self._clock = clock

    async def next(self, caller: Caller, project_id: str, agent_name: str, wait_seconds: int) -> WorkItem | None:
        """Lease the next task to a worker, or return again the one that it holds; None when there is no work."""
        project = await self._access.open_project(caller, project_id, WORK)
        leased = await self._work.lease(caller, LeaseDemand(project.queue, agent_name, seat=True), wait_seconds)
        return leased[0] if leased else None

    async def end(self, caller: Caller, task_id: str, claim: Claim, ending: Ending) -> WorkItem:
        """Accept a result or record a failure.

        Raises:
            WrongState: TASK_NOT_RUNNING, PROJECT_CLOSED.
            Conflict: STALE_TOKEN, OTHER_HOLDER.
            InvalidInput: AGENT_NAME_REQUIRED.
        """
        now = self._clock.now()
        return await self._change(caller, task_id, claim, lambda item, proof: end(item, proof, ending, now))

    async def extend(self, caller: Caller, task_id: str, claim: Claim, extension: timedelta) -> WorkItem:
        """Move the end of a lease.

        Raises:
            As `end`.
        """
        now = self._clock.now()
        return await self._change(caller, task_id, claim, lambda item, proof: extend(item, proof, extension, now))

    async def peek(self, caller: Caller, project_id: str) -> int:
        """Count the tasks that could be handed out now."""
        project = await self._access.open_project(caller, project_id, READ)
        return await self._queries.available(project.queue, self._clock.now())

    async def active(self, caller: Caller, project_id: str) -> list[WorkItem]:
        """Return the tasks with a live lease, by the time they were handed out."""
        project = await self._access.open_project(caller, project_id, READ)
        return await self._queries.holders(project.queue, self._clock.now())

    async def cleanup(self, caller: Caller, project_id: str) -> tuple[int, int]:
        """Take back expired leases; returns how many, and how many workers held them."""
        project = await self._access.project(caller, project_id, WORK)
        reclaimed = await self._leaser.reclaim(project.queue)
        return len(reclaimed), len({item.lease.holder for item in reclaimed if item.lease})

    async def _change(
        self, caller: Caller, task_id: str, claim: Claim, step: Callable[[WorkItem, Claim], Transition | None]
    ) -> WorkItem:
        caller.require(WORK)
        item = await self._tasks.find(caller, task_id)
        await self._access.open_project(caller, item.queue.removeprefix(QUEUE_PREFIX), WORK)
        proof = _proof(caller, claim)
        try:
            return await self._changes.change(task_id, lambda current: step(current, proof))
        except NotFound as error:
            raise task_not_found(task_id) from error
        except WrongState as error:
            raise task_not_running(task_id, error.metadata["state"]) from error
        except Conflict as error:
            if error.reason == "OTHER_HOLDER":
                raise other_agent(task_id, error.metadata["holder"]) from error
            raise


def _proof(caller: Caller, claim: Claim) -> Claim:
    """Return the claim with the worker's name filled in from its credential.

    Raises:
        InvalidInput: AGENT_NAME_REQUIRED when nothing says who holds the task.
    """
    if claim.holder is not None:
        return claim
    if caller.kind in ("session", "agent"):
        return Claim(caller.name, claim.token)
    if claim.token is None:
        raise agent_name_required()
    return claim
