"""Many open event streams: when each event reaches each of them, and what the streams cost in memory."""

from __future__ import annotations

import asyncio
import itertools
import re
import time
from collections import defaultdict
from typing import cast

import msgspec

from bench.cpu import resident_bytes
from bench.load import Clock, Connection, Series, Stopwatch, request
from bench.market.jobs import Action, Live

OPENING_AT_ONCE = 32
SETTLE_SECONDS = 2.0
LAST_EVENT_SECONDS = 20.0
_TASK = re.compile(rb'"task_id":(\d+)')


class _Id(msgspec.Struct):
    id: int


class _Made(msgspec.Struct):
    data: _Id


_made: msgspec.json.Decoder[_Made] = msgspec.json.Decoder(_Made)


class Stream(asyncio.Protocol):
    """One open stream; keeps when each frame came, and looks into none of them until the end."""

    def __init__(self, message: bytes) -> None:
        self._message = message
        self._waiting = b""
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.frames: list[tuple[float, bytes]] = []
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.transport.write(self._message)

    def data_received(self, data: bytes) -> None:
        now = time.perf_counter()
        self._waiting += data
        if not self.opened.done():
            self._open()
        *complete, self._waiting = self._waiting.split(b"\n\n")
        self.frames += [(now, frame) for frame in complete]

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.opened.done():
            self.opened.set_exception(exc or ConnectionResetError("the stream ended before it began"))

    def _open(self) -> None:
        end = self._waiting.find(b"\r\n\r\n")
        if end < 0:
            return
        head, self._waiting = self._waiting[:end], self._waiting[end + 4 :]
        if b" 200 " in head.split(b"\r\n", 1)[0]:
            self.opened.set_result(None)
        else:
            self.opened.set_exception(RuntimeError(f"a stream was refused: {head[:120]!r} {self._waiting[:200]!r}"))


async def run(job: Live) -> dict[str, Series]:
    """Open the streams, act, and wait until every event has reached every stream that it concerns.

    Returns:
        Series `delay`: one per event and stream, from the first byte of the request to the frame. Facts: `missing` and
        `doubled` frames, `opened_per_second`, `bytes_per_stream` and, by place in the site's server processes,
        `bytes_per_stream_0`, `bytes_per_stream_1`. Series `action`: the requests themselves.
    """
    pids = job.site.server_pids
    before = [resident_bytes(pid) for pid in pids]
    begun = time.perf_counter()
    streams = await _open_all(job)
    opening = time.perf_counter() - begun
    await asyncio.sleep(SETTLE_SECONDS)
    grown = [resident_bytes(pid) - least for pid, least in zip(pids, before, strict=True)]
    watch, clock = Stopwatch(job.site), Clock()
    sent_at = await _act(job, clock)
    delays, doubled = await _collect(job, streams, sent_at)
    span = watch.stop()
    for stream in streams:
        if stream.transport is not None:
            stream.transport.abort()
    facts = {
        "missing": float(len(sent_at) * job.reached - len(delays)),
        "doubled": float(doubled),
        "opened_per_second": len(streams) / opening,
        "bytes_per_stream": sum(grown) / len(streams),
        **{f"bytes_per_stream_{place}": size / len(streams) for place, size in enumerate(grown)},
        **span.per_task(len(delays)),
    }
    delay = Series(seconds=span.seconds, latencies_ms=delays, tasks=len(delays), facts=facts)
    return {"delay": delay, "action": clock.series(span)}


async def _open_all(job: Live) -> list[Stream]:
    loop, gate = asyncio.get_running_loop(), asyncio.Semaphore(OPENING_AT_ONCE)

    async def one(path: str, key: str) -> Stream:
        async with gate:
            message = request("GET", path, b"", key)
            _, stream = await loop.create_connection(lambda: Stream(message), job.site.host, job.site.port)
            await stream.opened
            return stream

    return list(await asyncio.gather(*(one(path, key) for path, key in job.streams)))


async def _act(job: Live, clock: Clock) -> dict[int, float]:
    """Send the actions at their pace, whether or not earlier ones have been answered; returns when, by task."""
    free = [await Connection.open(job.site.host, job.site.port) for _ in range(8)]
    sent_at: dict[int, float] = {}

    async def one(action: Action, due: float) -> None:
        connection = free.pop() if free else await Connection.open(job.site.host, job.site.port)
        # Late is late: the time counts from when the request was due.
        reply = await clock.timed(connection, request("POST", action.path, action.body.encode(), action.key))
        if reply.status != 201:
            raise RuntimeError(f"{action.path} answered {reply.status}: {reply.body[:300]!r}")
        sent_at[action.task_id or _made.decode(reply.body).data.id] = due
        free.append(connection)

    begun = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number, action in zip(range(job.count), itertools.cycle(job.actions), strict=False):
            due = begun + number / job.per_second
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            group.create_task(one(action, due))
    for connection in free:
        connection.close()
    return sent_at


async def _collect(job: Live, streams: list[Stream], sent_at: dict[int, float]) -> tuple[list[float], int]:
    deadline = time.perf_counter() + LAST_EVENT_SECONDS
    while True:
        delays, doubled = _delays(streams, sent_at)
        if len(delays) >= len(sent_at) * job.reached or time.perf_counter() > deadline:
            return delays, doubled
        await asyncio.sleep(1.0)


def _delays(streams: list[Stream], sent_at: dict[int, float]) -> tuple[list[float], int]:
    delays, doubled = [], 0
    for stream in streams:
        seen: dict[int, int] = defaultdict(int)
        for came_at, frame in stream.frames:
            found = _TASK.search(frame)
            task_id = int(found[1]) if found else 0
            if came_at < sent_at.get(task_id, came_at + 1):
                continue  # how the task stood when the stream was opened
            seen[task_id] += 1
            if seen[task_id] == 1:
                delays.append(round((came_at - sent_at[task_id]) * 1000.0, 3))
        doubled += sum(count - 1 for count in seen.values())
    return delays, doubled
