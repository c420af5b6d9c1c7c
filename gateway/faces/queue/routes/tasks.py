"""Tasks, alone and in batches."""

from __future__ import annotations

from typing import Any

from piecework.tasks.v1 import queue_pb2

from gateway.call import Call
from gateway.faces.queue import render, schemas
from gateway.faces.queue.requests import NewTask, NewTasks, TaskChange, TaskQuery
from gateway.routing import Route

_TAG = "Tasks"
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


def routes() -> tuple[Route, ...]:
    """Return the rows of this chapter."""
    shared: dict[str, Any] = {"tag": _TAG}
    return (*_of_project(shared), *_of_task(shared))


def _of_project(shared: dict[str, Any]) -> tuple[Route, ...]:
    return (
        Route(
            "GET",
            _LIST,
            "listTasks",
            "List tasks, oldest first",
            handler=list_tasks,
            answer=list[schemas.Task],
            request=queue_pb2.ListTasksRequest,
            query=TaskQuery,
            places={"status": "state"},
            errors=(403, 404, 409),
            **shared,
        ),
        Route(
            "POST",
            _LIST,
            "createTask",
            "Make a task",
            handler=create_task,
            answer=schemas.Task,
            request=queue_pb2.CreateTaskRequest,
            body=NewTask,
            places=_IN_TASK,
            status=201,
            errors=(403, 404, 409),
            idempotent=True,
            **shared,
        ),
        Route(
            "POST",
            f"{_LIST}/bulk",
            "createTasks",
            "Make many tasks",
            handler=create_tasks,
            answer=schemas.CreatedTasks,
            request=queue_pb2.CreateTasksRequest,
            body=NewTasks,
            status=201,
            errors=(403, 404, 409),
            idempotent=True,
            description="A task that cannot be made is told in `errors` and does not stop the others.",
            **shared,
        ),
        Route(
            "GET",
            "/api/projects/{projectId}/batches/{batchId}",
            "getBatch",
            "Count the tasks of a batch",
            handler=get_batch,
            answer=schemas.Batch,
            request=queue_pb2.GetBatchRequest,
            errors=(403, 404),
            **shared,
        ),
    )


def _of_task(shared: dict[str, Any]) -> tuple[Route, ...]:
    return (
        Route(
            "GET",
            _PATH,
            "getTask",
            "Read a task",
            handler=get_task,
            answer=schemas.Task,
            request=queue_pb2.GetTaskRequest,
            errors=(403, 404),
            **shared,
        ),
        Route(
            "PUT",
            _PATH,
            "updateTask",
            "Change a task that is still queued",
            handler=update_task,
            answer=schemas.Task,
            request=queue_pb2.UpdateTaskRequest,
            body=TaskChange,
            places={"variables": "variables.values"},
            errors=(403, 404, 409),
            **shared,
        ),
        Route(
            "DELETE",
            _PATH,
            "deleteTask",
            "Delete a task",
            handler=delete_task,
            answer=schemas.Message,
            request=queue_pb2.DeleteTaskRequest,
            errors=(403, 404, 409),
            **shared,
        ),
    )
