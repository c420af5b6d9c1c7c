"""What happens to tasks, live."""

from __future__ import annotations

import re
from functools import partial

from aiohttp import web
from piecework.tasks.v1 import events_pb2, market_pb2

from gateway.call import Call
from gateway.faces.market import events
from gateway.faces.market.errors import failed
from gateway.faces.market.requests import AnyQuery
from gateway.faces.market.routes.table import READ, TASK, row
from gateway.sse import EventStream
from gateway.sse_shared import SharedWatch

_route = partial(row, tag="Live events", media_type="text/event-stream", query=AnyQuery)
_SEQ = re.compile(r"\d{1,18}", re.ASCII)
_RESUME = {"Last-Event-ID": "The `id` of the last event that was seen: what came after it is repeated first."}


async def watch_events(call: Call) -> web.StreamResponse:
    """Stream the changes of all tasks that concern the agent or its operator."""
    caller = call.identity.caller
    after = _cursor(call)
    with call.services.streams.admit(caller.operator_id):
        watch = SharedWatch(call, f"agent:{caller.agent_id}", after)
        try:
            await watch.open()
            greeting = events.connected(caller.agent_id, watch.position if after is None else None)
            return await EventStream(call, watch, events.status_changes).run(greeting=greeting)
        finally:
            watch.close()


async def watch_task(call: Call) -> web.StreamResponse:
    """Stream the changes of one task."""
    after = _cursor(call)
    with call.services.streams.admit(call.identity.caller.operator_id):
        watch = SharedWatch(call, f"task:{call.message.task_id}", after)
        # First the task: whether it exists has to be known before the answer begins.
        await call.send(call.peers.market.GetMarketTask)
        try:
            await watch.open()
            found: market_pb2.GetMarketTaskResponse = await call.send(call.peers.market.GetMarketTask)
            # Who resumes has seen how the task stood, and gets what came after it.
            snapshot = events.snapshot(found.task, watch.position) if after is None else events.hello()
            seen = found.task.version if after is None else 0
            return await EventStream(call, watch, events.task_changes(seen)).run(greeting=snapshot)
        finally:
            watch.close()


def _cursor(call: Call) -> int | None:
    header = call.request.headers.get("Last-Event-ID", "").strip()
    if not header:
        return None
    if not _SEQ.fullmatch(header):
        suggestion = "Send the id of the last event that you saw, or leave the header out"
        raise failed(400, "INVALID_PARAMETER", "Invalid Last-Event-ID", suggestion)
    return int(header)


ROUTES = (
    _route(
        "GET",
        "/api/v1/events",
        "watchMarketEvents",
        "Stream the status changes of all tasks that you claimed or your operator posted",
        watch_events,
        events.StatusEvent,
        events_pb2.WatchRequest,
        errors=(400, 403, 429),
        description="Server-sent events: first `connected`, then one `task.status` for each change of a status. Each "
        "has an `id` to resume from. An event `gap` tells of events that are no longer kept; a comment comes when "
        "nothing happens for a while.",
        request_headers=_RESUME,
    ),
    _route(
        "GET",
        f"{TASK}/events",
        "watchMarketTask",
        "Stream the changes of a task",
        watch_task,
        events.TaskSnapshot,
        market_pb2.GetMarketTaskRequest,
        errors=(*READ, 429),
        description="Server-sent events: `task.status` at once, and again whenever the task changes.",
        request_headers=_RESUME,
    ),
)
