"""What happens in a run, live."""

from __future__ import annotations

import re

from aiohttp import web
from piecework.orchestrator.v1 import runs_pb2

from gateway.call import Call
from gateway.faces.runs import frames
from gateway.faces.runs.errors import failed
from gateway.faces.runs.generations import generation
from gateway.faces.runs.routes.table import BASES, READ, Rows
from gateway.faces.runs.watch import RunWatch
from gateway.routing import Route
from gateway.sse import EventStream

_SEQ = re.compile(r"\d{1,18}", re.ASCII)
_PATHS = ("/api/v1/stream/{taskId}", "/api/stream/{taskId}", *(f"{base}/stream/{{taskId}}" for base in BASES))
_RESUME = {"Last-Event-ID": "The `id` of the last event that was seen: only what came after it is sent."}


async def watch_run(call: Call) -> web.StreamResponse:
    """Stream what happens in a run, from its beginning or from where the client left off, until it is over."""
    after = _cursor(call)
    with call.services.streams.admit(call.identity.caller.operator_id):
        watch = RunWatch(call, call.message.run_id, after)
        try:
            await watch.open()
            stream = EventStream(call, watch, frames.RunFrames(generation(call.request), watch.run))
            return await stream.run(greeting=frames.HELLO)
        finally:
            watch.close()


def _cursor(call: Call) -> int:
    header = call.request.headers.get("Last-Event-ID", "").strip()
    if header and not _SEQ.fullmatch(header):
        raise failed(400, "INVALID_REQUEST", "Last-Event-ID is not the id of an event")
    return int(header or 0)


def routes(rows: Rows) -> list[Route]:
    """Return the rows of streams."""
    return rows.at(
        _PATHS,
        "GET",
        "watchTask",
        "Stream what happens in a run until it is over",
        watch_run,
        answer=frames.RunEvent,
        request=runs_pb2.GetRunRequest,
        places={"task_id": "run_id"},
        errors=(*READ, 429),
        tag="Live runs",
        media_type="text/event-stream",
        request_headers=_RESUME,
        description="Server-sent events `start`, `progress`, `chunk` (text that an agent has just written; it is not "
        "repeated), and at the end `complete` or `error`. Each `data:` line is one JSON object with `taskId` and "
        "`status`. All but `chunk` have an `id` to resume from: each is sent once, in order. A comment comes at least "
        "every 15 seconds. The stream ends with the run.",
    )
