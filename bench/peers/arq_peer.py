"""arq on Valkey: at least once, results in Valkey for an hour."""

from __future__ import annotations

import asyncio
from typing import Any

import uvloop
from arq import create_pool
from arq.connections import RedisSettings
from arq.worker import Worker, func

from bench.peers.call import VARIABLES, Tally, arguments, enqueue_all

_call = arguments()
_tally = Tally(_call.folder)


async def work(_: dict[Any, Any], variables: dict[str, str]) -> str:
    """The small task."""
    _tally.add()
    return "done" if variables else "empty"


async def enqueue() -> None:
    """Enqueue with a pool of connections."""
    pool = await create_pool(RedisSettings.from_dsn(_call.url))
    await enqueue_all(_call, lambda: pool.enqueue_job("work", VARIABLES))
    await pool.aclose()


def drain() -> None:
    """Run one worker process. The stock poll delay of 0.5 s would be the only thing measured: it is 1 ms here."""
    asyncio.set_event_loop(uvloop.new_event_loop())
    share = max(1, _call.concurrency // _call.processes)
    settings = RedisSettings.from_dsn(_call.url)
    Worker([func(work, name="work")], redis_settings=settings, max_jobs=share, poll_delay=0.001).run()


if __name__ == "__main__" and _call.role == "enqueue":
    uvloop.run(enqueue())
elif __name__ == "__main__" and _call.role == "work":
    drain()
