"""Tasks, alone and in batches."""

from __future__ import annotations

from functools import partial

from piecework.tasks.v1 import queue_pb2

from gateway.call import Call
from gateway.faces.queue import render, schemas
from gateway.faces.queue.requests import NewTask, NewTasks, TaskChange, TaskQuery
from gateway.routing import Route

_route = partial(Route, tag="Tasks")
_LIST = "/api/projects/{projectId}/tasks"
_PATH = "/api/tasks/{taskId}"
_BULK_SECONDS = 60.0
_IN_TASK = {name: f"task.{name}" for name in ("type_id", "instructions", "variables", "description")}


async def list_tasks(call: Call) -> list[schemas.Task]:
    """List tasks, oldest first."""
    found: queue_pb2.ListTasksResponse = await call.send(call.peers.queue.ListTasks)
    return [render.task(each) for each in found.tasks]


async def create_task(call: Call) -> schemas.Task:
    """Make a task."""
    created: queue_pb2.CreateTaskResponse = await call.send(call.peers.queue.CreateTask)
    return render.task(created.task)


async def create_tasks(call: Call) -> schemas.CreatedTasks:
    """Make many tasks."""
    created: queue_pb2.CreateTasksResponse = await call.send(call.peers.queue.CreateTasks, within=_BULK_SECONDS)
    return render.created_tasks(created)


async def get_batch(call: Call) -> schemas.Batch:
    """Count the tasks of a batch."""
    found: queue_pb2.GetBatchResponse = await call.send(call.peers.queue.GetBatch)
    return render.batch(found)


async def get_task(call: Call) -> schemas.Task:
    """Read a task."""
    found: queue_pb2.GetTaskResponse = await call.send(call.peers.queue.GetTask)
    return render.task(found.task)


async def update_task(call: Call) -> schemas.Task:
    """Change a task."""
    updated: queue_pb2.UpdateTaskResponse = await call.send(call.peers.queue.UpdateTask)
    return render.task(updated.task)


async def delete_task(call: Call) -> schemas.Message:
    """Delete a task."""
    await call.send(call.peers.queue.DeleteTask)
    return schemas.Message("Task deleted successfully")


ROUTES = (
    _route(
        "GET",
        _LIST,
        "listTasks",
        "List tasks, oldest first",
        list_tasks,
        list[schemas.Task],
        queue_pb2.ListTasksRequest,
        query=TaskQuery,
        places={"status": "state"},
        errors=(403, 404, 409),
    ),
    _route(
        "POST",
        _LIST,
        "createTask",
        "Make a task",
        create_task,
        schemas.Task,
        queue_pb2.CreateTaskRequest,
        body=NewTask,
        places=_IN_TASK,
        status=201,
        errors=(403, 404, 409),
        idempotent=True,
    ),
    _route(
        "POST",
        f"{_LIST}/bulk",
        "createTasks",
        "Make many tasks",
        create_tasks,
        schemas.CreatedTasks,
        queue_pb2.CreateTasksRequest,
        body=NewTasks,
        status=201,
        errors=(403, 404, 409),
        idempotent=True,
        description="A task that cannot be made is told in `errors` and does not stop the others.",
    ),
    _route(
        "GET",
        "/api/projects/{projectId}/batches/{batchId}",
        "getBatch",
        "Count the tasks of a batch",
        get_batch,
        schemas.Batch,
        queue_pb2.GetBatchRequest,
        errors=(403, 404),
    ),
    _route(
        "GET",
        _PATH,
        "getTask",
        "Read a task",
        get_task,
        schemas.Task,
        queue_pb2.GetTaskRequest,
        errors=(403, 404),
    ),
    _route(
        "PUT",
        _PATH,
        "updateTask",
        "Change a task that is still queued",
        update_task,
        schemas.Task,
        queue_pb2.UpdateTaskRequest,
        body=TaskChange,
        places={"variables": "variables.values"},
        errors=(403, 404, 409),
    ),
    _route(
        "DELETE",
        _PATH,
        "deleteTask",
        "Delete a task",
        delete_task,
        schemas.Message,
        queue_pb2.DeleteTaskRequest,
        errors=(403, 404, 409),
    ),
)
