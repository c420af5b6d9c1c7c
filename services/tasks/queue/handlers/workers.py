"""Handlers of workers."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from piecework.tasks.v1 import queue_pb2 as pb

from kit.interceptors.caller import current_caller
from services.tasks.queue.convert import from_claim, from_completion, from_failure, to_active_agent, write_task

if TYPE_CHECKING:
    from services.tasks.queue.handlers.context import Context
    from services.tasks.queue.service.workers import WorkerService


class WorkerHandlers:
    """The methods of `QueueService` for workers."""

    _workers: WorkerService

    async def NextTask(self, request: pb.NextTaskRequest, context: Context) -> pb.NextTaskResponse:
        """Hand out a task."""
        task = await self._workers.next(current_caller(), request.project_id, request.agent_name, request.wait_seconds)
        response = pb.NextTaskResponse()
        if task:
            write_task(response.task, task)
        return response

    async def CompleteTask(self, request: pb.CompleteTaskRequest, context: Context) -> pb.CompleteTaskResponse:
        """Accept a result."""
        ending = from_completion(request)
        task = await self._workers.end(current_caller(), request.lease.task_id, from_claim(request.lease), ending)
        response = pb.CompleteTaskResponse()
        write_task(response.task, task)
        return response

    async def FailTask(self, request: pb.FailTaskRequest, context: Context) -> pb.FailTaskResponse:
        """Record a failure."""
        ending = from_failure(request)
        task = await self._workers.end(current_caller(), request.lease.task_id, from_claim(request.lease), ending)
        response = pb.FailTaskResponse()
        write_task(response.task, task)
        return response

    async def ExtendLease(self, request: pb.ExtendLeaseRequest, context: Context) -> pb.ExtendLeaseResponse:
        """Move the end of a lease."""
        extension = timedelta(minutes=request.extension_minutes)
        task = await self._workers.extend(current_caller(), request.lease.task_id, from_claim(request.lease), extension)
        response = pb.ExtendLeaseResponse()
        write_task(response.task, task)
        return response

    async def PeekTasks(self, request: pb.PeekTasksRequest, context: Context) -> pb.PeekTasksResponse:
        """Count what could be handed out."""
        return pb.PeekTasksResponse(available=await self._workers.peek(current_caller(), request.project_id))

    async def ListActiveAgents(
        self, request: pb.ListActiveAgentsRequest, context: Context
    ) -> pb.ListActiveAgentsResponse:
        """List workers at work."""
        active = await self._workers.active(current_caller(), request.project_id)
        return pb.ListActiveAgentsResponse(agents=[to_active_agent(item) for item in active])

    async def CleanupLeases(self, request: pb.CleanupLeasesRequest, context: Context) -> pb.CleanupLeasesResponse:
        """Take back expired leases."""
        reclaimed, cleaned = await self._workers.cleanup(current_caller(), request.project_id)
        return pb.CleanupLeasesResponse(reclaimed_tasks=reclaimed, cleaned_agents=cleaned)
