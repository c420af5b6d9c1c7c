"""Handlers of projects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from piecework.tasks.v1 import queue_pb2 as pb

from kit.idempotency_key import current_idempotency_key
from kit.interceptors.caller import current_caller
from services.tasks.queue.convert import from_config, from_project_changes, from_status, to_project, to_stats
from services.tasks.work.views import Counts

if TYPE_CHECKING:
    from services.tasks.queue.handlers.context import Context
    from services.tasks.queue.service.projects import ProjectService

_PAGE = 100


class ProjectHandlers:
    """The methods of `QueueService` about projects."""

    _projects: ProjectService

    async def CreateProject(self, request: pb.CreateProjectRequest, context: Context) -> pb.CreateProjectResponse:
        """Make a project."""
        instructions = request.instructions if request.HasField("instructions") else None
        project = await self._projects.create(
            current_caller(),
            request.name,
            request.description,
            instructions,
            from_config(request.config),
            current_idempotency_key(),
        )
        return pb.CreateProjectResponse(project=to_project(project, Counts()))

    async def GetProject(self, request: pb.GetProjectRequest, context: Context) -> pb.GetProjectResponse:
        """Read a project."""
        project, counts = await self._projects.get(current_caller(), request.project_id)
        return pb.GetProjectResponse(project=to_project(project, counts))

    async def ListProjects(self, request: pb.ListProjectsRequest, context: Context) -> pb.ListProjectsResponse:
        """List projects."""
        limit = request.limit if request.HasField("limit") else _PAGE
        found = await self._projects.list_projects(current_caller(), from_status(request.status), limit, request.offset)
        return pb.ListProjectsResponse(projects=[to_project(project, counts) for project, counts in found])

    async def UpdateProject(self, request: pb.UpdateProjectRequest, context: Context) -> pb.UpdateProjectResponse:
        """Change a project."""
        project, counts = await self._projects.update(
            current_caller(), request.project_id, from_project_changes(request), from_config(request.config)
        )
        return pb.UpdateProjectResponse(project=to_project(project, counts))

    async def DeleteProject(self, request: pb.DeleteProjectRequest, context: Context) -> pb.DeleteProjectResponse:
        """Delete a project."""
        await self._projects.delete(current_caller(), request.project_id)
        return pb.DeleteProjectResponse()

    async def GetProjectStats(self, request: pb.GetProjectStatsRequest, context: Context) -> pb.GetProjectStatsResponse:
        """Count what is going on."""
        return to_stats(await self._projects.stats(current_caller(), request.project_id))
