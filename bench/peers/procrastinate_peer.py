"""procrastinate on PostgreSQL: every job and its outcome is a committed row; a job's return value is not kept."""

from __future__ import annotations

import uvloop
from procrastinate import App, PsycopgConnector

from bench.peers.call import VARIABLES, Tally, arguments, enqueue_all

_call = arguments()
_tally = Tally(_call.folder)
app = App(connector=PsycopgConnector(conninfo=_call.url, min_size=4, max_size=16))


@app.task(name="work")
async def work(variables: dict[str, str]) -> str:
    """The small task."""
    _tally.add()
    return "done" if variables else "empty"


async def prepare() -> None:
    """Create the tables."""
    async with app.open_async():
        await app.schema_manager.apply_schema_async()


async def enqueue() -> None:
    """Defer with a pool of connections, one statement a job."""
    async with app.open_async():
        await enqueue_all(_call, lambda: work.defer_async(variables=VARIABLES))


async def drain() -> None:
    """Run one worker process until SIGTERM."""
    async with app.open_async():
        await app.run_worker_async(concurrency=max(1, _call.concurrency // _call.processes))


if __name__ == "__main__":
    uvloop.run({"prepare": prepare, "enqueue": enqueue, "work": drain}[_call.role]())
