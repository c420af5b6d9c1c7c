"""How long after a write its event reaches a client of `GET /api/projects/{id}/events`."""

from __future__ import annotations

import asyncio
import time

import msgspec

from bench.jobs import Watch
from bench.load import Clock, Connection, Series, Site, Stopwatch, request

LAST_EVENT_TIMEOUT_SECONDS = 15.0


class _Id(msgspec.Struct):
    id: str


class _Created(msgspec.Struct):
    data: _Id


class EventReader:
    """Reads one SSE stream and keeps when each line of data first came.

    The lines are searched for the ids of tasks later, so the reader needs no knowledge of an event's fields.
    """

    def __init__(self) -> None:
        self.arrivals: list[tuple[float, bytes]] = []
        self.changed = asyncio.Event()

    async def read(self, reader: asyncio.StreamReader) -> None:
        """Read until the stream ends or the task is cancelled."""
        while line := await reader.readline():
            if line.startswith(b"data:"):
                self.arrivals.append((time.perf_counter(), line))
            self.changed.set()


async def _subscribe(site: Site, events: EventReader) -> tuple[asyncio.Task[None], asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection(site.host, site.port, limit=1 << 20)
    writer.write(request("GET", f"/api/projects/{site.project}/events", b"", site.token))
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), LAST_EVENT_TIMEOUT_SECONDS)
    if b" 200 " not in head.split(b"\r\n", 1)[0]:
        raise RuntimeError(f"the event stream was refused: {head[:200]!r}")
    return asyncio.create_task(events.read(reader)), writer


def _delays_ms(sent_at: dict[str, float], arrivals: list[tuple[float, bytes]]) -> list[float]:
    waiting = dict(sent_at)
    delays = []
    for arrived_at, line in arrivals:
        found = next((task for task in waiting if task.encode() in line), None)
        if found is not None:
            delays.append((arrived_at - waiting.pop(found)) * 1000.0)
    return delays


async def _create(job: Watch, clock: Clock) -> dict[str, float]:
    connection = await Connection.open(job.site.host, job.site.port)
    message = request("POST", f"/api/projects/{job.site.project}/tasks", job.body.encode(), job.site.token)
    sent_at: dict[str, float] = {}
    begun = time.perf_counter()
    for number in range(job.count):
        await asyncio.sleep(max(0.0, begun + number / job.per_second - time.perf_counter()))
        at = time.perf_counter()
        reply = await clock.timed(connection, message)
        sent_at[msgspec.json.decode(reply.body, type=_Created).data.id] = at
    connection.close()
    return sent_at


async def run(job: Watch) -> dict[str, Series]:
    """Create tasks at a steady pace beside a subscriber; the delay runs from the request's first byte to the event.

    Returns:
        Series `delay` (facts: `missing`, the events that did not come in time) and `create`.
    """
    clock, events = Clock(), EventReader()
    watch = Stopwatch(job.site)
    reading, writer = await _subscribe(job.site, events)
    sent_at = await _create(job, clock)
    delays: list[float] = []
    try:
        async with asyncio.timeout(LAST_EVENT_TIMEOUT_SECONDS):
            while len(delays := _delays_ms(sent_at, events.arrivals)) < len(sent_at):
                events.changed.clear()
                await events.changed.wait()
    except TimeoutError:
        delays = _delays_ms(sent_at, events.arrivals)
    reading.cancel()
    writer.close()
    span = watch.stop()
    missing = float(len(sent_at) - len(delays))
    delay = Series(seconds=span.seconds, latencies_ms=delays, tasks=len(delays), facts={"missing": missing})
    return {"delay": delay, "create": clock.series(span)}
