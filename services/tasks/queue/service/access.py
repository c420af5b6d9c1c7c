"""Finds projects and task types, and decides who may use them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Generic, TypeVar

from kit.caller import READ, WORK
from kit.ids import is_id
from services.tasks.queue.errors import project_closed, project_not_found, task_type_not_found
from services.tasks.queue.model import ACTIVE, QUEUE_PREFIX, ProjectConfig

if TYPE_CHECKING:
    from kit.caller import Caller
    from services.tasks.queue.model import Project, TaskType
    from services.tasks.queue.store import QueueStore

_LIFETIME_SECONDS = 1.0
_MAX_ENTRIES = 10_000

_Thing = TypeVar("_Thing")


class BriefCache(Generic[_Thing]):
    """Keeps what was read for a second, so that a busy queue does not read its project with every task.

    Changes made in this process are seen at once, those of other replicas within the second.

    Args:
        load: reads a thing by its id; None when there is none, which is never kept.
    """

    def __init__(self, load: Callable[[str], Awaitable[_Thing | None]]) -> None:
        self._load = load
        self._kept: dict[str, tuple[_Thing, float]] = {}
        self._loading: dict[str, asyncio.Task[_Thing | None]] = {}

    async def get(self, thing_id: str) -> _Thing | None:
        """Return the thing with that id."""
        kept = self._kept.get(thing_id)
        if kept is not None and time.monotonic() < kept[1]:
            return kept[0]
        if not is_id(thing_id):
            return None
        # Everybody who asks meanwhile shares one read; who gives up does not end it for the others.
        loading = self._loading.get(thing_id)
        if loading is None:
            loading = self._loading[thing_id] = asyncio.create_task(self._read(thing_id))
        return await asyncio.shield(loading)

    def forget(self, thing_id: str) -> None:
        """Read the thing anew next time; a read under way may be of how it was, and is not kept."""
        self._kept.pop(thing_id, None)
        self._loading.pop(thing_id, None)

    async def _read(self, thing_id: str) -> _Thing | None:
        current = asyncio.current_task()
        try:
            thing = await self._load(thing_id)
        finally:
            valid = self._loading.get(thing_id) is current
            if valid:
                del self._loading[thing_id]
        if thing is not None and valid:
            if len(self._kept) >= _MAX_ENTRIES:
                self._kept.clear()
            self._kept[thing_id] = (thing, time.monotonic() + _LIFETIME_SECONDS)
        return thing


class ProjectAccess:
    """The way to projects and types for every use case.

    Args:
        store: projects and types.
    """

    def __init__(self, store: QueueStore) -> None:
        self._projects: BriefCache[Project] = BriefCache(store.project)
        self._types: BriefCache[TaskType] = BriefCache(store.task_type)

    async def project(self, caller: Caller, project_id: str, scope: str) -> Project:
        """Return a project that the caller may use for what `scope` says.

        Raises:
            NotFound: PROJECT_NOT_FOUND.
            PermissionDenied: SCOPE_MISSING, or OTHER_OPERATOR when it belongs to another operator.
        """
        caller.require(scope)
        project = await self._projects.get(project_id)
        if project is None:
            raise project_not_found(project_id)
        caller.require_operator(project.operator_id)
        return project

    async def open_project(self, caller: Caller, project_id: str, scope: str) -> Project:
        """Return a project that takes work.

        Raises:
            WrongState: PROJECT_CLOSED.
            NotFound, PermissionDenied: as `project`.
        """
        project = await self.project(caller, project_id, scope)
        if project.status != ACTIVE:
            raise project_closed(project.name)
        return project

    async def task_type(self, caller: Caller, type_id: str, scope: str) -> TaskType:
        """Return a type.

        Raises:
            NotFound: TASK_TYPE_NOT_FOUND.
            PermissionDenied: SCOPE_MISSING, OTHER_OPERATOR.
        """
        caller.require(scope)
        task_type = await self._types.get(type_id)
        # The types of a deleted project are removed a while after it.
        if task_type is None or await self._projects.get(task_type.project_id) is None:
            raise task_type_not_found(type_id)
        caller.require_operator(task_type.operator_id)
        return task_type

    async def readable(self, caller: Caller, stream: str) -> tuple[str]:
        """Return `stream`, which is named like the queue of its project, if the caller may read its events.

        Raises:
            NotFound, PermissionDenied: as `project`.
        """
        await self.project(caller, stream.removeprefix(QUEUE_PREFIX), READ)
        return (stream,)

    async def admit(self, caller: Caller, queue: str) -> None:
        """Check that work may be taken from `queue` and its outcome accepted; queues without a project are open.

        Raises:
            WrongState: PROJECT_CLOSED.
            NotFound, PermissionDenied: as `project`.
        """
        if queue.startswith(QUEUE_PREFIX):
            await self.open_project(caller, queue.removeprefix(QUEUE_PREFIX), WORK)

    async def reaper_interval(self, queue: str) -> float:
        """Return how many seconds lie between two looks for expired leases of a queue."""
        project = await self._projects.get(queue.removeprefix(QUEUE_PREFIX))
        config = project.config if project is not None else ProjectConfig()
        return config.reaper_interval_minutes * 60.0

    async def type_of(self, project: Project, type_id: str) -> TaskType:
        """Return a type of `project`.

        Raises:
            NotFound: TASK_TYPE_NOT_FOUND, also when the type belongs to another project.
        """
        task_type = await self._types.get(type_id)
        if task_type is None or task_type.project_id != project.id:
            raise task_type_not_found(type_id)
        return task_type

    def forget_project(self, project_id: str) -> None:
        """A project has changed."""
        self._projects.forget(project_id)

    def forget_type(self, type_id: str) -> None:
        """A type has changed."""
        self._types.forget(type_id)
