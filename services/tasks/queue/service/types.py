"""Use cases of task types."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from kit.caller import READ, WRITE, Caller
from kit.ids import new_id
from services.tasks.queue.errors import task_type_in_use, task_type_not_found, variables_unlisted
from services.tasks.queue.model import ALLOW, TaskType, dedupe_key, template_variables
from services.tasks.work.views import ItemFilter

if TYPE_CHECKING:
    from kit.clock import Clock
    from services.tasks.queue.service.access import ProjectAccess
    from services.tasks.queue.store import QueueStore
    from services.tasks.work.queries import WorkQueries
    from services.tasks.work.store import WorkStore

_PAGE = 100


class NewTaskType(msgspec.Struct, frozen=True):
    """What a type to be made says; None takes the default."""

    name: str
    template: str | None
    variables: tuple[str, ...]
    duplicate_handling: str | None
    max_retries: int | None
    lease_duration_minutes: float | None


class TaskTypeService:
    """Makes, reads, changes and deletes task types.

    Args:
        store: projects and types.
        access: finds them.
        work: the work items, for what a changed type means to tasks that wait.
        queries: counts and lists tasks.
        clock: the time.
    """

    def __init__(
        self, store: QueueStore, access: ProjectAccess, work: WorkStore, queries: WorkQueries, clock: Clock
    ) -> None:
        self._store = store
        self._access = access
        self._work = work
        self._queries = queries
        self._clock = clock

    async def create(self, caller: Caller, project_id: str, new: NewTaskType, key: str | None) -> TaskType:
        """Make a type; with an idempotency `key`, at most one for that key.

        Raises:
            AlreadyExists: TASK_TYPE_EXISTS.
            InvalidInput: TEMPLATE_VARIABLES_UNLISTED.
        """
        project = await self._access.open_project(caller, project_id, WRITE)
        config = project.config
        now = self._clock.now()
        task_type = TaskType(
            id=new_id(),
            project_id=project.id,
            operator_id=project.operator_id,
            name=new.name,
            duplicate_handling=new.duplicate_handling or ALLOW,
            max_retries=config.default_max_retries if new.max_retries is None else new.max_retries,
            lease_duration_minutes=new.lease_duration_minutes or config.default_lease_duration_minutes,
            created_at=now,
            updated_at=now,
            template=new.template,
            variables=_listed(new.template, new.variables),
            idempotency=key,
        )
        return await self._store.insert_type(task_type)

    async def get(self, caller: Caller, type_id: str) -> TaskType:
        """Return a type."""
        return await self._access.task_type(caller, type_id, READ)

    async def list_types(self, caller: Caller, project_id: str) -> list[TaskType]:
        """Return the types of a project that takes work, newest first."""
        project = await self._access.open_project(caller, project_id, READ)
        return await self._store.task_types(project.id)

    async def update(
        self, caller: Caller, type_id: str, changes: dict[str, Any], variables: tuple[str, ...] | None
    ) -> TaskType:
        """Change the fields in `changes`, and the list of variables unless it is None.

        Tasks are leased for the new length from their next hand-out on; the rest of them stays as it was made.

        Raises:
            AlreadyExists: TASK_TYPE_EXISTS.
            InvalidInput: TEMPLATE_VARIABLES_UNLISTED.
        """
        before = await self._access.task_type(caller, type_id, WRITE)
        await self._access.open_project(caller, before.project_id, WRITE)
        template = changes.get("template", before.template)
        if variables is None and "template" not in changes:
            variables = before.variables
        listed = _listed(template, variables or ())
        after = await self._store.update_type(
            type_id, {**changes, "variables": list(listed), "updated_at": self._clock.now()}
        )
        self._access.forget_type(type_id)
        if after is None:
            raise task_type_not_found(type_id)
        if after.lease_ms != before.lease_ms:
            await self._work.set_lease_length(type_id, after.lease_ms)
        if before.duplicate_handling == ALLOW != after.duplicate_handling:
            await self._mark_existing(after)
        return after

    async def delete(self, caller: Caller, type_id: str) -> None:
        """Delete a type that no task uses.

        Raises:
            WrongState: TASK_TYPE_IN_USE.
        """
        task_type = await self._access.task_type(caller, type_id, WRITE)
        count = await self._queries.count_kind(type_id)
        if count:
            raise task_type_in_use(task_type.name, count)
        await self._store.delete_type(type_id)
        self._access.forget_type(type_id)

    async def _mark_existing(self, task_type: TaskType) -> None:
        """Let the tasks made while duplicates were allowed count as duplicates of those to come."""
        which = ItemFilter(queue=f"project:{task_type.project_id}", kind=task_type.id)
        offset = 0
        while items := await self._queries.list_items(which, _PAGE, offset):
            keys = [(item.id, dedupe_key(task_type.id, item.payload["variables"])) for item in items]
            await self._work.dedupe(task_type.id, keys)
            offset += _PAGE


def _listed(template: str | None, variables: tuple[str, ...]) -> tuple[str, ...]:
    """Return the variables of a type: those given, else those of the template.

    Raises:
        InvalidInput: TEMPLATE_VARIABLES_UNLISTED.
    """
    used = template_variables(template or "")
    if not variables:
        return used
    unlisted = [name for name in used if name not in variables]
    if unlisted:
        raise variables_unlisted(unlisted)
    return variables
