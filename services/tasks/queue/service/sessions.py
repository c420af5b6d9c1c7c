"""How workers come in: who may open a session in which project."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

import msgspec

from kit.caller import Caller
from kit.ids import is_id
from services.tasks.queue.errors import key_required, project_not_found

if TYPE_CHECKING:
    from services.tasks.queue.model import Project
    from services.tasks.queue.store import QueueStore

Opened = TypeVar("Opened", covariant=True)


class SessionRequest(msgspec.Struct, frozen=True):
    """A worker that asks to come in; `project` is an id, or for an operator also a name."""

    project: str
    agent_name: str
    resume_existing: bool
    allow_multiple: bool


class SessionOpener(Protocol[Opened]):
    """The part of the agents service that keeps sessions."""

    async def open(self, project: Project, request: SessionRequest) -> Opened:
        """Open a session."""
        ...


class SessionDesk(Generic[Opened]):
    """Lets workers in.

    Args:
        store: projects.
        opener: keeps the sessions.
    """

    def __init__(self, store: QueueStore, opener: SessionOpener[Opened]) -> None:
        self._store = store
        self._opener = opener

    async def open(self, caller: Caller, request: SessionRequest) -> Opened:
        """Open a session in a project.

        A caller without credentials must know the project's id, which cannot be guessed. A project of another operator
        is not found, so that its name does not leak.

        Raises:
            NotFound: PROJECT_NOT_FOUND.
            Unauthenticated: KEY_REQUIRED.
        """
        project = await self._project(caller, request.project)
        if project.config.require_key and caller.operator_id != project.operator_id:
            raise key_required()
        return await self._opener.open(project, request)

    async def _project(self, caller: Caller, ref: str) -> Project:
        signed_in = caller.operator_id > 0
        project = await self._store.project(ref) if is_id(ref) else None
        if project is None and signed_in:
            project = await self._store.project_named(caller.operator_id, ref)
        if project is None or (signed_in and project.operator_id != caller.operator_id):
            raise project_not_found(ref)
        return project
