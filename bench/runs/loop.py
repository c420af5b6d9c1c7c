"""Starts runs and watches each to its end, on one connection after the other or on many at once."""

from __future__ import annotations

import asyncio
import time

import msgspec

from bench.load import Clock, Connection, Series, Stopwatch, closed_loop, request
from bench.runs.jobs import RUN_PATH, Burst, Loop

LAST_RUN_SECONDS = 120.0
_DONE = b'"type":"complete"'


class _Made(msgspec.Struct):
    task_id: str = msgspec.field(name="taskId")


_made: msgspec.json.Decoder[_Made] = msgspec.json.Decoder(_Made)


async def start(connection: Connection, message: bytes) -> str:
    """Start a run and return its id.

    Raises:
        RuntimeError: it is refused.
    """
    reply = await connection.send(message)
    if reply.status != 200:
        raise RuntimeError(f"a run was refused with {reply.status}: {reply.body[:300]!r}")
    return _made.decode(reply.body).task_id


async def loop(job: Loop) -> dict[str, Series]:
    """Start runs and watch them, each on its connection, until the bounds.

    Returns:
        Series `whole`: from the first byte of the request to the end of the run's stream; statuses tell how runs ended.
        Series `start`: the request that starts a run.
    """
    whole, starting = Clock(), Clock()
    message = request("POST", RUN_PATH, job.body.encode(), job.site.token)

    async def turn(connection: Connection, _: int) -> bool:
        await _follow(connection, message, job.site.token, whole, starting)
        return True

    span = await closed_loop(job.site, turn, job.bounds, [whole, starting])
    return {"whole": whole.series(span), "start": starting.series(span)}


async def burst(job: Burst) -> dict[str, Series]:
    """Start runs at once, each on a connection of its own.

    Returns:
        Series `whole`, as that of a loop; its seconds are those until the last run has ended.
    """
    whole, starting = Clock(), Clock()
    message = request("POST", RUN_PATH, job.body.encode(), job.site.token)
    connections = [await Connection.open(job.site.host, job.site.port) for _ in range(job.runs)]
    watch = Stopwatch(job.site)
    async with asyncio.timeout(LAST_RUN_SECONDS), asyncio.TaskGroup() as group:
        for connection in connections:
            group.create_task(_follow(connection, message, job.site.token, whole, starting))
    span = watch.stop()
    for connection in connections:
        connection.close()
    return {"whole": whole.series(span)}


async def _follow(connection: Connection, message: bytes, key: str, whole: Clock, starting: Clock) -> None:
    begun = time.perf_counter()
    run_id = await start(connection, message)
    starting.latencies_ms.append((time.perf_counter() - begun) * 1000.0)
    # The stream of a run ends with it, so that its answer is complete when the run is.
    seen = await connection.send(request("GET", f"/api/developer/stream/{run_id}", b"", key))
    whole.latencies_ms.append((time.perf_counter() - begun) * 1000.0)
    whole.statuses["done" if _DONE in seen.body[-_END_BYTES:] else f"ended otherwise, {seen.status}"] += 1


_END_BYTES = 65_536
