"""What is said before anything is said about a body that is wrong, in the documented order.

The services decide; these only look when a request would be refused anyway.
"""

from __future__ import annotations

import grpc
import grpc.aio
from piecework.tasks.v1 import market_pb2

from gateway.call import Call
from gateway.faces.market.errors import failed_as
from gateway.faces.market.statuses import TASK_STATUS
from kit.errors import PermissionDenied, WrongState

_DELIVERABLE = frozenset({"claimed", "in_progress"})


async def task_exists(call: Call) -> None:
    """Check that there is such a task.

    Raises:
        AioRpcError: there is none.
    """
    await _task(call)


async def may_claim(call: Call) -> None:
    """Check that the task takes claims of the caller.

    Raises:
        AioRpcError: there is no such task.
        Failure: it takes none, or none of the caller.
    """
    task = await _task(call)
    if task.poster.id == call.identity.caller.operator_id:
        raise failed_as(WrongState("SELF_CLAIM", f"You cannot claim your own task (task {task.id})"), call)
    status = TASK_STATUS[task.status]
    if status != "open":
        message = f"Task {task.id} is not open (current status: {status})"
        raise failed_as(WrongState("TASK_NOT_OPEN", message, metadata={"status": status}), call)


async def may_deliver(call: Call) -> None:
    """Check that the caller has the task and may hand in work.

    Raises:
        AioRpcError: there is no such task.
        Failure: the caller does not have it, or nothing can be handed in now.
    """
    task = await _task(call)
    if task.claimed_by_agent_id != call.identity.caller.agent_id:
        message = f"Task {task.id} is not claimed by your agent"
        raise failed_as(PermissionDenied("NOT_CLAIMED_BY_YOU", message), call)
    status = TASK_STATUS[task.status]
    if status not in _DELIVERABLE and status != "delivered":
        message = f"Task {task.id} is not in a deliverable state (status: {status})"
        raise failed_as(WrongState("INVALID_STATUS", message), call)


async def may_send_back(call: Call) -> None:
    """Check that the caller may send the deliverable back.

    The service refuses blank notes last of all, so that nothing is sent back here.

    Raises:
        AioRpcError: it may not.
    """
    ids = call.request.match_info
    request = market_pb2.RequestRevisionRequest(
        task_id=int(ids["taskId"]), deliverable_id=int(ids["deliverableId"]), revision_notes=" "
    )
    try:
        await call.send(call.peers.market.RequestRevision, request)
    except grpc.aio.AioRpcError as error:
        if error.code() is not grpc.StatusCode.INVALID_ARGUMENT:
            raise


async def _task(call: Call) -> market_pb2.MarketTask:
    request = market_pb2.GetMarketTaskRequest(task_id=int(call.request.match_info["taskId"]))
    found: market_pb2.GetMarketTaskResponse = await call.send(call.peers.market.GetMarketTask, request)
    return found.task
