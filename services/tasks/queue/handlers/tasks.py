"""Handlers of tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from piecework.tasks.v1 import queue_pb2 as pb

from kit.idempotency_key import current_idempotency_key
from kit.interceptors.caller import current_caller
from services.tasks.queue.convert import from_new_task, from_task_changes, to_counts, write_task
from services.tasks.work.convert import STATE_NAMES
from services.tasks.work.views import ItemFilter

if TYPE_CHECKING:
    from services.tasks.queue.handlers.context import Context
    from services.tasks.queue.service.tasks import TaskService

_PAGE = 1000


class TaskHandlers:
    """The methods of `QueueService` about tasks."""

    _tasks: TaskService

    async def CreateTask(self, request: pb.CreateTaskRequest, context: Context) -> pb.CreateTaskResponse:
        """Make a task."""
        new = from_new_task(request.task)
        task = await self._tasks.create(
            current_caller(), request.project_id, new, request.batch_id, current_idempotency_key()
        )
        response = pb.CreateTaskResponse()
        write_task(response.task, task)
        return response

    async def CreateTasks(self, request: pb.CreateTasksRequest, context: Context) -> pb.CreateTasksResponse:
        """Make many tasks."""
        new = [from_new_task(task) for task in request.tasks]
        tasks, errors = await self._tasks.create_many(
            current_caller(), request.project_id, new, request.batch_id, current_idempotency_key()
        )
        response = pb.CreateTasksResponse()
        for task in tasks:
            write_task(response.tasks.add(), task)
        for index, error in errors:
            response.errors.add(index=index, reason=error.reason, message=error.message)
        return response

    async def GetTask(self, request: pb.GetTaskRequest, context: Context) -> pb.GetTaskResponse:
        """Read a task."""
        response = pb.GetTaskResponse()
        write_task(response.task, await self._tasks.get(current_caller(), request.task_id))
        return response

    async def ListTasks(self, request: pb.ListTasksRequest, context: Context) -> pb.ListTasksResponse:
        """List tasks."""
        which = ItemFilter(
            queue="",
            state=STATE_NAMES.get(request.state),
            kind=request.type_id or None,
            holder=request.assigned_to or None,
            batch=request.batch_id or None,
        )
        limit = request.limit if request.HasField("limit") else _PAGE
        tasks = await self._tasks.list_tasks(current_caller(), request.project_id, which, limit, request.offset)
        response = pb.ListTasksResponse()
        for task in tasks:
            write_task(response.tasks.add(), task)
        return response

    async def UpdateTask(self, request: pb.UpdateTaskRequest, context: Context) -> pb.UpdateTaskResponse:
        """Change a task."""
        task = await self._tasks.update(current_caller(), request.task_id, from_task_changes(request))
        response = pb.UpdateTaskResponse()
        write_task(response.task, task)
        return response

    async def DeleteTask(self, request: pb.DeleteTaskRequest, context: Context) -> pb.DeleteTaskResponse:
        """Delete a task."""
        await self._tasks.delete(current_caller(), request.task_id)
        return pb.DeleteTaskResponse()

    async def GetBatch(self, request: pb.GetBatchRequest, context: Context) -> pb.GetBatchResponse:
        """Count a batch."""
        counts = await self._tasks.batch(current_caller(), request.project_id, request.batch_id)
        return pb.GetBatchResponse(batch_id=request.batch_id, counts=to_counts(counts))
