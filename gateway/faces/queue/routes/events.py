"""What happens to a project's tasks, live."""

from __future__ import annotations

import re
from functools import partial

from aiohttp import web
from piecework.tasks.v1 import queue_pb2

from gateway.call import Call
from gateway.errors import Detail, invalid
from gateway.faces.queue import events
from gateway.faces.queue.requests import EventQuery
from gateway.routing import Route
from gateway.shape import shown
from gateway.sse import EventStream, Watch

_route = partial(Route, tag="Events")
_SEQ = re.compile(r"\d{1,18}", re.ASCII)


async def watch_events(call: Call) -> web.StreamResponse:
    """Stream the events of a project."""
    with call.services.streams.admit(call.identity.caller.operator_id):
        after = _cursor(call)
        found: queue_pb2.GetProjectResponse = await call.send(call.peers.queue.GetProject)
        watch = Watch(call, f"project:{found.project.id}", after)
        try:
            await watch.open()
            return await EventStream(call, watch, events.frame).run(tell_position=after is None)
        finally:
            watch.close()


def _cursor(call: Call) -> int | None:
    """Return where to begin. The header wins: a browser that reconnects sends it along with the same address."""
    header = call.request.headers.get("Last-Event-ID", "").strip()
    if header:
        if not _SEQ.fullmatch(header):
            raise invalid([Detail("Last-Event-ID", '"Last-Event-ID" must be a whole number', shown(header))])
        return int(header)
    after = call.query.after
    if isinstance(after, int):
        if not 0 <= after < 10**18:
            raise invalid([Detail("after", '"after" must be greater than or equal to 0', after)])
        return after
    return None


ROUTES = (
    _route(
        "GET",
        "/api/projects/{projectId}/events",
        "watchEvents",
        "Stream what happens to the project's tasks",
        watch_events,
        events.TaskEvent,
        queue_pb2.GetProjectRequest,
        query=EventQuery,
        places={"after": ""},
        errors=(403, 404, 429),
        media_type="text/event-stream",
        description="Server-sent events: each has an `id`, its type in `event` and a JSON object in `data`. Without a "
        "cursor the stream begins now; with one it first repeats what came after it. An event `gap` tells of events "
        "that are no longer kept. Comments are sent when nothing happens, so that silence means a lost connection.",
        request_headers={"Last-Event-ID": "The `id` of the last event that was seen; wins over `after`."},
    ),
)
