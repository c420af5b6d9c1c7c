"""Use cases of tasks: make, read, change, delete."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from kit.caller import READ, WRITE, Caller
from kit.errors import DomainError, NotFound
from kit.ids import is_id
from services.tasks.queue.errors import batch_not_found, duplicate_task, task_not_found, task_not_queued
from services.tasks.queue.model import FAIL, QUEUE_PREFIX, NewTask, Project
from services.tasks.queue.service.drafts import Draft, draft_task, revise
from services.tasks.work.errors import DuplicateItem, answer_too_large
from services.tasks.work.model import DELETED, QUEUED, Transition, WorkItem
from services.tasks.work.service import actor_of
from services.tasks.work.steps import amend, delete
from services.tasks.work.views import Counts, ItemFilter
from services.tasks.work.weight import Budget

if TYPE_CHECKING:
    from kit.clock import Clock
    from services.tasks.queue.service.access import ProjectAccess
    from services.tasks.work.changes import Decision, WorkChanges
    from services.tasks.work.doorbell import Doorbell
    from services.tasks.work.queries import WorkQueries
    from services.tasks.work.store import WorkStore

_MAX_TRIES = 5


class TaskService:
    """Makes, reads, changes and deletes tasks.

    Args:
        access: finds projects and types.
        work: stores work items.
        changes: changes them.
        queries: lists and counts them.
        doorbell: wakes waiting workers.
        clock: the time.
    """

    def __init__(
        self,
        access: ProjectAccess,
        work: WorkStore,
        changes: WorkChanges,
        queries: WorkQueries,
        doorbell: Doorbell,
        clock: Clock,
    ) -> None:
        self._access = access
        self._work = work
        self._changes = changes
        self._queries = queries
        self._doorbell = doorbell
        self._clock = clock

    async def create(self, caller: Caller, project_id: str, new: NewTask, batch: str, key: str | None) -> WorkItem:
        """Make a task; with an idempotency `key`, at most one for that key.

        Raises:
            InvalidInput: TEMPLATE_VARIABLES_MISSING.
            AlreadyExists: DUPLICATE_TASK.
        """
        project = await self._access.open_project(caller, project_id, WRITE)
        task_type = await self._access.type_of(project, new.type_id)
        draft = draft_task(project, task_type, new, batch, _key(caller, key), self._clock.now())
        for _ in range(_MAX_TRIES):
            try:
                await self._work.insert(draft.item, actor_of(caller))
            except DuplicateItem as refusal:
                existing = await self._existing(draft, refusal)
                if existing is not None:
                    return existing
                # The other task has failed or gone meanwhile: there is room for this one.
                continue
            self._doorbell.ring(project.queue, project.operator_id)
            return draft.item
        raise duplicate_task(task_type.name, new.variables)

    async def create_many(
        self, caller: Caller, project_id: str, new: Sequence[NewTask], batch: str, key: str | None
    ) -> tuple[list[WorkItem], list[tuple[int, DomainError]]]:
        """Make many tasks; returns those that are there now, in order, and why the others are not.

        Tasks that do not fit into one answer any more are refused with ANSWER_TOO_LARGE.
        """
        project = await self._access.open_project(caller, project_id, WRITE)
        errors: list[tuple[int, DomainError]] = []
        drafts: list[tuple[int, Draft]] = []
        now, budget = self._clock.now(), Budget()
        for index, task in enumerate(new):
            item_key = _key(caller, key, index)
            try:
                task_type = await self._access.type_of(project, task.type_id)
                draft = draft_task(project, task_type, task, batch, item_key, now)
                if not budget.spend(draft.item):
                    raise answer_too_large()
                drafts.append((index, draft))
            except DomainError as error:
                errors.append((index, error))
        tasks, refused = await self._insert_drafts(caller, project, drafts, budget)
        return tasks, sorted(errors + refused, key=lambda entry: entry[0])

    async def get(self, caller: Caller, task_id: str) -> WorkItem:
        """Return a task as it is now."""
        caller.require(READ)
        return _checked(caller, task_id, await self._work.read(task_id) if is_id(task_id) else None)

    async def find(self, caller: Caller, task_id: str) -> WorkItem:
        """Return a task of the caller's operator, perhaps as it was when it was leased.

        Raises:
            NotFound: TASK_NOT_FOUND.
            PermissionDenied: OTHER_OPERATOR.
        """
        return _checked(caller, task_id, await self._changes.find(task_id) if is_id(task_id) else None)

    async def list_tasks(
        self, caller: Caller, project_id: str, which: ItemFilter, limit: int, offset: int
    ) -> list[WorkItem]:
        """Return tasks of a project that takes work, oldest first; the queue in `which` is filled in here."""
        project = await self._access.open_project(caller, project_id, READ)
        return await self._queries.list_items(msgspec.structs.replace(which, queue=project.queue), limit, offset)

    async def update(self, caller: Caller, task_id: str, changes: dict[str, Any]) -> WorkItem:
        """Change instructions, variables or description of a task that waits.

        Raises:
            WrongState: TASK_NOT_QUEUED.
            AlreadyExists: DUPLICATE_TASK.
        """
        caller.require(WRITE)
        item = await self.find(caller, task_id)
        project = await self._access.open_project(caller, item.queue.removeprefix(QUEUE_PREFIX), WRITE)
        task_type = await self._access.type_of(project, str(item.kind))
        now = self._clock.now()

        def decide(current: WorkItem) -> Transition:
            if current.state != QUEUED:
                raise task_not_queued(task_id, current.state)
            return amend(current, revise(current, task_type, changes), actor_of(caller), now)

        try:
            return await self._change(task_id, decide)
        except DuplicateItem as refusal:
            raise duplicate_task(task_type.name, changes.get("variables", {})) from refusal

    async def delete(self, caller: Caller, task_id: str) -> None:
        """Delete a task, whatever its state; a worker that holds it is refused from then on."""
        caller.require(WRITE)
        await self.find(caller, task_id)
        now = self._clock.now()
        await self._change(task_id, lambda current: delete(current, actor_of(caller), now))

    async def batch(self, caller: Caller, project_id: str, batch_id: str) -> Counts:
        """Count the tasks of a batch.

        Raises:
            NotFound: BATCH_NOT_FOUND.
        """
        project = await self._access.project(caller, project_id, READ)
        counts = (await self._queries.counts([project.queue], batch_id))[project.queue]
        if not counts.total:
            raise batch_not_found(batch_id)
        return counts

    async def _change(self, task_id: str, decide: Decision) -> WorkItem:
        try:
            return await self._changes.change(task_id, decide)
        except NotFound as error:
            raise task_not_found(task_id) from error

    async def _insert_drafts(
        self, caller: Caller, project: Project, drafts: list[tuple[int, Draft]], budget: Budget
    ) -> tuple[list[WorkItem], list[tuple[int, DomainError]]]:
        if not drafts:
            return [], []
        outcomes = await self._work.insert_many([draft.item for _, draft in drafts], actor_of(caller))
        self._doorbell.ring(project.queue, project.operator_id, sum(outcome is None for outcome in outcomes))
        tasks: list[WorkItem] = []
        refused: list[tuple[int, DomainError]] = []
        for (index, draft), outcome in zip(drafts, outcomes, strict=True):
            if outcome is None:
                tasks.append(draft.item)
                continue
            if not isinstance(outcome, DuplicateItem):
                raise outcome
            try:
                existing = await self._existing(draft, outcome)
                if existing is not None and not budget.spend(existing):
                    raise answer_too_large()
                tasks.append(existing or await self._retry(caller, draft))
            except DomainError as error:
                refused.append((index, error))
        return tasks, refused

    async def _retry(self, caller: Caller, draft: Draft) -> WorkItem:
        try:
            await self._work.insert(draft.item, actor_of(caller))
        except DuplicateItem as refusal:
            raise duplicate_task(draft.task_type.name, draft.variables) from refusal
        self._doorbell.ring(draft.item.queue, draft.item.operator_id)
        return draft.item

    async def _existing(self, draft: Draft, refusal: DuplicateItem) -> WorkItem | None:
        """Return the task that stands in the way of a draft, if it is to be answered instead.

        Raises:
            AlreadyExists: DUPLICATE_TASK, when the type does not allow duplicates.
        """
        item = draft.item
        if item.idempotency is not None:
            # First of all: the task in the way may be the one that this very call made before a crash.
            made_before = await self._work.find_one({"queue": item.queue, "idempotency": item.idempotency})
            if made_before is not None or refusal.index == "idempotency":
                return made_before
        if draft.task_type.duplicate_handling == FAIL:
            raise duplicate_task(draft.task_type.name, draft.variables)
        return await self._work.find_one({"queue": item.queue, "dedupe": item.dedupe})


def _key(caller: Caller, key: str | None, index: int | None = None) -> str | None:
    if key is None:
        return None
    # The index comes before the key: no key of a single call may read like one of an item in bulk.
    return f"{caller.operator_id}:{key}" if index is None else f"{caller.operator_id}#{index}:{key}"


def _checked(caller: Caller, task_id: str, item: WorkItem | None) -> WorkItem:
    if item is None or item.state == DELETED or not item.queue.startswith(QUEUE_PREFIX):
        raise task_not_found(task_id)
    caller.require_operator(item.operator_id)
    return item
