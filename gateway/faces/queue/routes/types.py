"""Task types: what the tasks of one kind have in common."""

from __future__ import annotations

from functools import partial

from piecework.tasks.v1 import queue_pb2

from gateway.call import Call
from gateway.faces.queue import render, schemas
from gateway.faces.queue.requests import NewTaskType, TaskTypeChange
from gateway.routing import Route

_route = partial(Route, tag="Task types")
_LIST = "/api/projects/{projectId}/task-types"
_PATH = "/api/task-types/{typeId}"


async def list_types(call: Call) -> list[schemas.TaskType]:
    """List the types of a project, newest first."""
    found: queue_pb2.ListTaskTypesResponse = await call.send(call.peers.queue.ListTaskTypes)
    return [render.task_type(each) for each in found.task_types]


async def create_type(call: Call) -> schemas.TaskType:
    """Make a task type."""
    created: queue_pb2.CreateTaskTypeResponse = await call.send(call.peers.queue.CreateTaskType)
    return render.task_type(created.task_type)


async def get_type(call: Call) -> schemas.TaskType:
    """Read a task type."""
    found: queue_pb2.GetTaskTypeResponse = await call.send(call.peers.queue.GetTaskType)
    return render.task_type(found.task_type)


async def update_type(call: Call) -> schemas.TaskType:
    """Change a task type."""
    updated: queue_pb2.UpdateTaskTypeResponse = await call.send(call.peers.queue.UpdateTaskType)
    return render.task_type(updated.task_type)


async def delete_type(call: Call) -> schemas.Message:
    """Delete a task type."""
    await call.send(call.peers.queue.DeleteTaskType)
    return schemas.Message("Task type deleted successfully")


ROUTES = (
    _route(
        "GET",
        _LIST,
        "listTaskTypes",
        "List the types of a project, newest first",
        list_types,
        list[schemas.TaskType],
        queue_pb2.ListTaskTypesRequest,
        errors=(403, 404, 409),
    ),
    _route(
        "POST",
        _LIST,
        "createTaskType",
        "Make a task type",
        create_type,
        schemas.TaskType,
        queue_pb2.CreateTaskTypeRequest,
        body=NewTaskType,
        status=201,
        errors=(403, 404, 409),
        idempotent=True,
    ),
    _route(
        "GET",
        _PATH,
        "getTaskType",
        "Read a task type",
        get_type,
        schemas.TaskType,
        queue_pb2.GetTaskTypeRequest,
        errors=(403, 404),
    ),
    _route(
        "PUT",
        _PATH,
        "updateTaskType",
        "Change a task type; tasks made before keep their instructions",
        update_type,
        schemas.TaskType,
        queue_pb2.UpdateTaskTypeRequest,
        body=TaskTypeChange,
        places={"variables": "variables.names"},
        errors=(403, 404, 409),
    ),
    _route(
        "DELETE",
        _PATH,
        "deleteTaskType",
        "Delete a task type that no task uses",
        delete_type,
        schemas.Message,
        queue_pb2.DeleteTaskTypeRequest,
        errors=(403, 404, 409),
    ),
)
