"""Use cases of projects."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from kit.caller import READ, WRITE, Caller
from kit.ids import new_id
from services.tasks.queue.errors import project_not_found
from services.tasks.queue.model import ACTIVE, Project, ProjectConfig

if TYPE_CHECKING:
    from kit.clock import Clock
    from services.tasks.queue.service.access import ProjectAccess
    from services.tasks.queue.store import QueueStore
    from services.tasks.work.queries import WorkQueries
    from services.tasks.work.store import WorkStore
    from services.tasks.work.views import Activity, Counts

_RECENTLY = timedelta(hours=1)
# Longer than other replicas may still believe that a project exists (`BriefCache`).
_REMOVAL_DELAY = timedelta(seconds=10)


class SessionPeer(Protocol):
    """The part of the agents service that projects need."""

    async def close_project_sessions(self, project_id: str) -> None:
        """End every session of a project."""
        ...


class ProjectStats(msgspec.Struct, frozen=True):
    """What is going on in a project."""

    project: Project
    counts: Counts
    activity: Activity
    active_agents: int


class ProjectService:
    """Makes, reads, changes and deletes projects.

    Args:
        store: projects and types.
        access: finds projects.
        work: the work items, to delete a project's tasks.
        queries: counts tasks.
        sessions: ends the sessions of a deleted project.
        clock: the time.
    """

    def __init__(
        self,
        store: QueueStore,
        access: ProjectAccess,
        work: WorkStore,
        queries: WorkQueries,
        sessions: SessionPeer,
        clock: Clock,
    ) -> None:
        self._store = store
        self._access = access
        self._work = work
        self._queries = queries
        self._sessions = sessions
        self._clock = clock

    async def create(
        self,
        caller: Caller,
        name: str,
        description: str,
        instructions: str | None,
        config: dict[str, Any],
        key: str | None,
    ) -> Project:
        """Make a project of the caller's operator; with an idempotency `key`, at most one for that key.

        `config` holds what differs from the defaults.

        Raises:
            AlreadyExists: PROJECT_EXISTS.
        """
        caller.require(WRITE)
        now = self._clock.now()
        project = Project(
            id=new_id(),
            operator_id=caller.operator_id,
            name=name,
            description=description,
            status=ACTIVE,
            created_at=now,
            updated_at=now,
            config=ProjectConfig(**config),
            instructions=instructions,
            idempotency=key,
        )
        return await self._store.insert_project(project)

    async def get(self, caller: Caller, project_id: str) -> tuple[Project, Counts]:
        """Return a project with its counts."""
        project = await self._access.project(caller, project_id, READ)
        return project, await self._counts(project)

    async def list_projects(
        self, caller: Caller, status: str | None, limit: int, offset: int
    ) -> list[tuple[Project, Counts]]:
        """Return the caller's projects with their counts, newest first."""
        caller.require(READ)
        projects = await self._store.projects(caller.operator_id, status, limit, offset)
        counts = await self._queries.counts([project.queue for project in projects])
        return [(project, counts[project.queue]) for project in projects]

    async def update(
        self, caller: Caller, project_id: str, changes: dict[str, Any], config: dict[str, Any]
    ) -> tuple[Project, Counts]:
        """Change the fields in `changes` and the settings in `config`.

        Raises:
            AlreadyExists: PROJECT_EXISTS.
        """
        project = await self._access.project(caller, project_id, WRITE)
        settings = {f"config.{name}": value for name, value in config.items()}
        changed = await self._store.update_project(project, {**changes, **settings, "updated_at": self._clock.now()})
        self._access.forget_project(project_id)
        if changed is None:
            raise project_not_found(project_id)
        return changed, await self._counts(changed)

    async def delete(self, caller: Caller, project_id: str) -> None:
        """Delete a project with everything in it.

        It is marked first, so that nothing finds it any more; what a crash leaves is removed by `remove_condemned`.
        """
        project = await self._access.project(caller, project_id, WRITE)
        await self._store.condemn_project(project, self._clock.now())
        self._access.forget_project(project_id)
        await self._sessions.close_project_sessions(project.id)
        await self._work.delete_queue(project.queue)

    async def remove_condemned(self) -> int:
        """Remove what is left of projects deleted a while ago; returns how many there were."""
        condemned = await self._store.condemned(self._clock.now() - _REMOVAL_DELAY)
        for project in condemned:
            await self._sessions.close_project_sessions(project.id)
            await self._work.delete_queue(project.queue)
            await self._store.remove_project(project.id)
        return len(condemned)

    async def stats(self, caller: Caller, project_id: str) -> ProjectStats:
        """Count what is going on."""
        project = await self._access.project(caller, project_id, READ)
        now = self._clock.now()
        counts, activity, active_agents = await asyncio.gather(
            self._counts(project),
            self._queries.activity(project.queue, now - _RECENTLY),
            self._queries.count_holders(project.queue, now),
        )
        return ProjectStats(project=project, counts=counts, activity=activity, active_agents=active_agents)

    async def _counts(self, project: Project) -> Counts:
        return (await self._queries.counts([project.queue]))[project.queue]
