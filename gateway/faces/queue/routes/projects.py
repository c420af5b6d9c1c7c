"""Projects: what an operator's tasks are gathered in."""

from __future__ import annotations

from functools import partial

from piecework.tasks.v1 import queue_pb2

from gateway.call import Call
from gateway.faces.queue import render, schemas
from gateway.faces.queue.requests import NewProject, ProjectChange, ProjectQuery
from gateway.routing import Route

_route = partial(Route, tag="Projects")
_LIST = "/api/projects"
_PATH = "/api/projects/{projectId}"


async def list_projects(call: Call) -> list[schemas.Project]:
    """List the caller's projects, newest first."""
    found: queue_pb2.ListProjectsResponse = await call.send(call.peers.queue.ListProjects)
    return [render.project(each) for each in found.projects]


async def create_project(call: Call) -> schemas.Project:
    """Make a project."""
    created: queue_pb2.CreateProjectResponse = await call.send(call.peers.queue.CreateProject)
    return render.project(created.project)


async def get_project(call: Call) -> schemas.Project:
    """Read a project."""
    found: queue_pb2.GetProjectResponse = await call.send(call.peers.queue.GetProject)
    return render.project(found.project)


async def update_project(call: Call) -> schemas.Project:
    """Change a project."""
    updated: queue_pb2.UpdateProjectResponse = await call.send(call.peers.queue.UpdateProject)
    return render.project(updated.project)


async def delete_project(call: Call) -> schemas.Message:
    """Delete a project."""
    await call.send(call.peers.queue.DeleteProject)
    return schemas.Message("Project deleted successfully")


async def get_stats(call: Call) -> schemas.ProjectStats:
    """Count what is going on in a project."""
    found: queue_pb2.GetProjectStatsResponse = await call.send(call.peers.queue.GetProjectStats)
    return render.project_stats(found)


ROUTES = (
    _route(
        "GET",
        _LIST,
        "listProjects",
        "List projects, newest first",
        list_projects,
        list[schemas.Project],
        queue_pb2.ListProjectsRequest,
        query=ProjectQuery,
        errors=(403,),
    ),
    _route(
        "POST",
        _LIST,
        "createProject",
        "Make a project",
        create_project,
        schemas.Project,
        queue_pb2.CreateProjectRequest,
        body=NewProject,
        status=201,
        errors=(403, 409),
        idempotent=True,
    ),
    _route(
        "GET",
        _PATH,
        "getProject",
        "Read a project",
        get_project,
        schemas.Project,
        queue_pb2.GetProjectRequest,
        errors=(403, 404),
    ),
    _route(
        "PUT",
        _PATH,
        "updateProject",
        "Change a project; what is left out stays as it is",
        update_project,
        schemas.Project,
        queue_pb2.UpdateProjectRequest,
        body=ProjectChange,
        errors=(403, 404, 409),
    ),
    _route(
        "DELETE",
        _PATH,
        "deleteProject",
        "Delete a project with its types, tasks and sessions",
        delete_project,
        schemas.Message,
        queue_pb2.DeleteProjectRequest,
        errors=(403, 404),
    ),
    _route(
        "GET",
        f"{_PATH}/stats",
        "getProjectStats",
        "Count what is going on in a project",
        get_stats,
        schemas.ProjectStats,
        queue_pb2.GetProjectStatsRequest,
        errors=(403, 404),
    ),
)
