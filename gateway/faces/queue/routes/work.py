"""Work: handing tasks out to workers and taking back what became of them."""

from __future__ import annotations

from functools import partial

from piecework.tasks.v1 import queue_pb2

from gateway.call import Call
from gateway.faces.queue import render, schemas
from gateway.faces.queue.dialect import Refused
from gateway.faces.queue.requests import Completion, LeaseExtension, NextTask, TaskFailure
from gateway.routing import Route

_route = partial(Route, tag="Work")
_PROJECT = "/api/projects/{projectId}"
_TASK = "/api/tasks/{taskId}"
_MARGIN_SECONDS = 5.0
_LEASE = {"task_id": "lease.task_id", "agent_name": "lease.agent_name", "lease_token": "lease.lease_token"}


async def next_task(call: Call) -> schemas.Assignment | Refused:
    """Hand out the next task, or again the one that the worker holds."""
    request: queue_pb2.NextTaskRequest = call.message
    within = max(0, request.wait_seconds) + _MARGIN_SECONDS
    found: queue_pb2.NextTaskResponse = await call.send(call.peers.queue.NextTask, within=within)
    if not found.HasField("task"):
        return Refused(schemas.Assignment(None, request.agent_name), "No tasks available for assignment")
    return schemas.Assignment(render.task(found.task), request.agent_name, found.task.id)


async def complete_task(call: Call) -> schemas.Task:
    """Accept a result."""
    completed: queue_pb2.CompleteTaskResponse = await call.send(call.peers.queue.CompleteTask)
    return render.task(completed.task)


async def fail_task(call: Call) -> schemas.Task:
    """Record a failure."""
    failed: queue_pb2.FailTaskResponse = await call.send(call.peers.queue.FailTask)
    return render.task(failed.task)


async def extend_lease(call: Call) -> schemas.Task:
    """Move the end of a lease."""
    extended: queue_pb2.ExtendLeaseResponse = await call.send(call.peers.queue.ExtendLease)
    return render.task(extended.task)


async def peek(call: Call) -> schemas.Availability:
    """Count the tasks that could be handed out now."""
    request: queue_pb2.PeekTasksRequest = call.message
    found: queue_pb2.PeekTasksResponse = await call.send(call.peers.queue.PeekTasks)
    return schemas.Availability(request.project_id, found.available)


async def list_agents(call: Call) -> list[schemas.ActiveAgent]:
    """List the workers that hold a live lease."""
    found: queue_pb2.ListActiveAgentsResponse = await call.send(call.peers.queue.ListActiveAgents)
    return [render.active_agent(each) for each in found.agents]


async def clean_up(call: Call) -> schemas.Cleanup:
    """Take back the leases that have expired."""
    done: queue_pb2.CleanupLeasesResponse = await call.send(call.peers.queue.CleanupLeases)
    return schemas.Cleanup(done.reclaimed_tasks, done.cleaned_agents)


ROUTES = (
    _route(
        "POST",
        "/api/agents/{agentName}/next-task",
        "nextTask",
        "Lease the next task, or take up again the one that this worker holds",
        next_task,
        schemas.Assignment,
        queue_pb2.NextTaskRequest,
        body=NextTask,
        errors=(403, 404, 409),
        description="When there is no task, `success` is false, `error` says so and `data.task` is null; the status is "
        "200 all the same. With `waitSeconds` the answer waits that long for work.",
    ),
    _route(
        "POST",
        f"{_TASK}/complete",
        "completeTask",
        "Deliver the result of a task",
        complete_task,
        schemas.Task,
        queue_pb2.CompleteTaskRequest,
        body=Completion,
        places={**_LEASE, "outputs": "outputs_json"},
        errors=(403, 404, 409),
    ),
    _route(
        "POST",
        f"{_TASK}/fail",
        "failTask",
        "Report that a task failed",
        fail_task,
        schemas.Task,
        queue_pb2.FailTaskRequest,
        body=TaskFailure,
        places=_LEASE,
        errors=(403, 404, 409),
    ),
    _route(
        "POST",
        f"{_TASK}/extend-lease",
        "extendLease",
        "Move the end of a lease, counted from its current end",
        extend_lease,
        schemas.Task,
        queue_pb2.ExtendLeaseRequest,
        body=LeaseExtension,
        places=_LEASE,
        errors=(403, 404, 409),
    ),
    _route(
        "GET",
        f"{_PROJECT}/peek-next-task",
        "peekNextTask",
        "Count the tasks that could be handed out now",
        peek,
        schemas.Availability,
        queue_pb2.PeekTasksRequest,
        errors=(403, 404, 409),
    ),
    _route(
        "GET",
        f"{_PROJECT}/agents",
        "listAgents",
        "List the workers that hold a live lease",
        list_agents,
        list[schemas.ActiveAgent],
        queue_pb2.ListActiveAgentsRequest,
        errors=(403, 404, 409),
    ),
    _route(
        "POST",
        f"{_PROJECT}/cleanup-leases",
        "cleanupLeases",
        "Take back the leases that have expired",
        clean_up,
        schemas.Cleanup,
        queue_pb2.CleanupLeasesRequest,
        errors=(403, 404, 409),
    ),
)
