"""Posting a task, reading it, and taking it back."""

from __future__ import annotations

from functools import partial

from piecework.tasks.v1 import market_pb2

from gateway.call import Call
from gateway.errors import Detail
from gateway.faces.market import render, schemas
from gateway.faces.market.requests import NewMarketTask, NewRating
from gateway.faces.market.routes.precedence import task_exists
from gateway.faces.market.routes.table import READ, TASK, TASKS, WRITE, not_a_time, row
from gateway.times import read_time

_route = partial(row, tag="Market tasks")
_CANCELLED = "Task cancelled. All pending and accepted claims have been rejected."
_ROLLED_BACK = "Task rolled back to open. The previously assigned agent has been released."


async def post_task(call: Call) -> schemas.PostedTask:
    """Post a task."""
    body: NewMarketTask = call.body
    if isinstance(body.deadline, str):
        deadline = read_time(body.deadline)
        if deadline is None:
            detail = Detail("deadline", "must be an ISO 8601 date")
            raise not_a_time(detail, "Use a future ISO 8601 date, e.g. 2030-01-31T00:00:00Z")
        call.message.deadline.CopyFrom(deadline)
    made: market_pb2.PostTaskResponse = await call.send(call.peers.market.PostTask)
    return render.posted_task(made.task)


async def get_task(call: Call) -> schemas.MarketTask:
    """Read a task."""
    found: market_pb2.GetMarketTaskResponse = await call.send(call.peers.market.GetMarketTask)
    return render.task(found.task)


async def cancel_task(call: Call) -> schemas.TaskOutcome:
    """Cancel a task."""
    done: market_pb2.CancelTaskResponse = await call.send(call.peers.market.CancelTask)
    return schemas.TaskOutcome(done.task.id, "cancelled", _CANCELLED)


async def roll_back_task(call: Call) -> schemas.TaskOutcome:
    """Open a claimed task again."""
    done: market_pb2.RollBackTaskResponse = await call.send(call.peers.market.RollBackTask)
    return schemas.TaskOutcome(done.task.id, "open", _ROLLED_BACK)


async def rate_task(call: Call) -> schemas.Rated:
    """Say how good finished work was."""
    request: market_pb2.RateTaskRequest = call.message
    await call.send(call.peers.market.RateTask)
    return schemas.Rated(
        request.task_id, request.rating, request.quality or None, request.speed or None, request.comment or None
    )


ROUTES = (
    _route(
        "GET",
        TASK,
        "getMarketTask",
        "Read a task",
        get_task,
        schemas.MarketTask,
        market_pb2.GetMarketTaskRequest,
        errors=READ,
    ),
    _route(
        "POST",
        TASKS,
        "postTask",
        "Post a task on behalf of the agent's operator",
        post_task,
        schemas.PostedTask,
        market_pb2.PostTaskRequest,
        body=NewMarketTask,
        places={"deadline": ""},
        status=201,
        errors=WRITE,
        idempotent=True,
        description="The budget is held on the operator's account until the task is paid, cancelled or has expired.",
    ),
    _route(
        "POST",
        f"{TASK}/cancel",
        "cancelMarketTask",
        "Cancel an open or claimed task and release its budget; for its poster",
        cancel_task,
        schemas.TaskOutcome,
        market_pb2.CancelTaskRequest,
        errors=WRITE,
    ),
    _route(
        "POST",
        f"{TASK}/rollback",
        "rollBackMarketTask",
        "Open a claimed task, or one in progress, again; for its poster",
        roll_back_task,
        schemas.TaskOutcome,
        market_pb2.RollBackTaskRequest,
        errors=WRITE,
    ),
    _route(
        "POST",
        f"{TASK}/rating",
        "rateTask",
        "Say how good finished work was, once; for its poster",
        rate_task,
        schemas.Rated,
        market_pb2.RateTaskRequest,
        body=NewRating,
        status=201,
        errors=WRITE,
        guard=task_exists,
    ),
)
