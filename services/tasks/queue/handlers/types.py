"""Handlers of task types."""

from __future__ import annotations

from typing import TYPE_CHECKING

from piecework.tasks.v1 import queue_pb2 as pb

from kit.idempotency_key import current_idempotency_key
from kit.interceptors.caller import current_caller
from services.tasks.queue.convert import from_new_type, from_type_changes, to_task_type

if TYPE_CHECKING:
    from services.tasks.queue.handlers.context import Context
    from services.tasks.queue.service.types import TaskTypeService


class TaskTypeHandlers:
    """The methods of `QueueService` about task types."""

    _types: TaskTypeService

    async def CreateTaskType(self, request: pb.CreateTaskTypeRequest, context: Context) -> pb.CreateTaskTypeResponse:
        """Make a type."""
        task_type = await self._types.create(
            current_caller(), request.project_id, from_new_type(request), current_idempotency_key()
        )
        return pb.CreateTaskTypeResponse(task_type=to_task_type(task_type))

    async def GetTaskType(self, request: pb.GetTaskTypeRequest, context: Context) -> pb.GetTaskTypeResponse:
        """Read a type."""
        return pb.GetTaskTypeResponse(task_type=to_task_type(await self._types.get(current_caller(), request.type_id)))

    async def ListTaskTypes(self, request: pb.ListTaskTypesRequest, context: Context) -> pb.ListTaskTypesResponse:
        """List types."""
        found = await self._types.list_types(current_caller(), request.project_id)
        return pb.ListTaskTypesResponse(task_types=[to_task_type(task_type) for task_type in found])

    async def UpdateTaskType(self, request: pb.UpdateTaskTypeRequest, context: Context) -> pb.UpdateTaskTypeResponse:
        """Change a type."""
        variables = tuple(request.variables.names) if request.HasField("variables") else None
        task_type = await self._types.update(current_caller(), request.type_id, from_type_changes(request), variables)
        return pb.UpdateTaskTypeResponse(task_type=to_task_type(task_type))

    async def DeleteTaskType(self, request: pb.DeleteTaskTypeRequest, context: Context) -> pb.DeleteTaskTypeResponse:
        """Delete a type."""
        await self._types.delete(current_caller(), request.type_id)
        return pb.DeleteTaskTypeResponse()
