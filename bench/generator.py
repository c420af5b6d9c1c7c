"""The load generator process: reads one job as JSON on standard input, writes its series as JSON.

Run: python -m bench.generator < job.json
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any, cast

import msgspec
import uvloop

from bench.jobs import Drain, GrpcDrain, Job, Repeat, Wait, Watch
from bench.load import Clock, Connection, Series, Stopwatch, closed_loop, request
from bench.market import deals, live, pages
from bench.market.jobs import Deals, Live, Pages
from bench.runs import loop, tokens
from bench.runs.jobs import Burst, Loop, Tokens


class _Id(msgspec.Struct):
    id: str


class _Next(msgspec.Struct):
    task: _Id | None = None


class _NextReply(msgspec.Struct):
    data: _Next


_next_decoder: msgspec.json.Decoder[_NextReply] = msgspec.json.Decoder(_NextReply)


async def repeat(job: Repeat) -> dict[str, Series]:
    """Send the same request on every connection."""
    clock = Clock()
    message = request(job.method, job.path, job.body.encode(), job.site.token)

    async def turn(connection: Connection, _: int) -> bool:
        await clock.timed(connection, message)
        return True

    span = await closed_loop(job.site, turn, job.bounds, [clock])
    return {"all": clock.series(span, tasks_each=job.tasks_each)}


async def drain(job: Drain) -> dict[str, Series]:
    """Each worker, under a name of its own, takes a task and completes it, until the bounds or an empty queue.

    The time of a task is the sum of both requests. `next` and `complete` get the share of the wall time that the
    workers spent in them, so that the rate of each is what the loop would do of that request alone.
    """
    asked, completed, both = Clock(), Clock(), Clock()
    site = job.site
    asks = [
        request("POST", f"/api/agents/bench-{n}/next-task", f'{{"projectId":"{site.project}"}}'.encode(), site.token)
        for n in range(job.bounds.concurrency)
    ]
    results = [f'{{"agentName":"bench-{n}","result":"done"}}'.encode() for n in range(job.bounds.concurrency)]

    async def turn(connection: Connection, worker: int) -> bool:
        begun = time.perf_counter()
        reply = await asked.timed(connection, asks[worker])
        task = _next_decoder.decode(reply.body).data.task if reply.status == 200 else None
        if task is None:
            return False
        await completed.timed(
            connection, request("POST", f"/api/tasks/{task.id}/complete", results[worker], site.token)
        )
        both.latencies_ms.append((time.perf_counter() - begun) * 1000.0)
        both.statuses["done"] += 1
        return True

    span = await closed_loop(site, turn, job.bounds, [asked, completed, both])
    spent_asking, spent_completing = sum(asked.latencies_ms), sum(completed.latencies_ms)
    share = spent_asking / (spent_asking + spent_completing)
    return {
        "drain": both.series(span),
        "next": asked.series(span, share=share),
        "complete": completed.series(span, share=1.0 - share),
    }


async def wait(job: Wait) -> dict[str, Series]:
    """Every worker asks once and is held until the wait ends without work."""
    clock = Clock()
    site = job.site
    body = f'{{"projectId":"{site.project}","waitSeconds":{job.wait_seconds}}}'.encode()
    connections = [await Connection.open(site.host, site.port) for _ in range(job.workers)]
    watch = Stopwatch(site)
    async with asyncio.timeout(job.wait_seconds + 30), asyncio.TaskGroup() as group:
        for worker, connection in enumerate(connections):
            message = request("POST", f"/api/agents/waiter-{worker}/next-task", body, site.token)
            group.create_task(clock.timed(connection, message))
    return {"all": clock.series(watch.stop())}


_SCENARIOS: dict[type[Any], Callable[[Any], Awaitable[dict[str, Series]]]] = {
    Repeat: repeat,
    Drain: drain,
    Wait: wait,
    Pages: pages.run,
    Deals: deals.run,
    Live: live.run,
    Loop: loop.loop,
    Burst: loop.burst,
    Tokens: tokens.run,
}


async def dispatch(job: Job) -> dict[str, Series]:
    """Run the scenario that `job` names."""
    scenario = _SCENARIOS.get(type(job))
    if scenario is not None:
        return await scenario(job)
    if isinstance(job, GrpcDrain):
        from bench import grpc_drain  # imports grpc, which the HTTP scenarios need not load

        return await grpc_drain.run(job)
    from bench import sse

    return await sse.run(cast("Watch", job))


def main() -> None:
    """Run the job on standard input."""
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=Job)
    sys.stdout.buffer.write(msgspec.json.encode(uvloop.run(dispatch(job))))


if __name__ == "__main__":
    main()
