"""taskiq with taskiq-redis on Valkey: a stream with acknowledgements, results in Valkey."""

from __future__ import annotations

import uvloop
from taskiq.cli.worker.args import WorkerArgs
from taskiq.cli.worker.run import run_worker
from taskiq_redis import RedisAsyncResultBackend, RedisStreamBroker

from bench.peers.call import VARIABLES, Tally, arguments, enqueue_all

_call = arguments()
_tally = Tally(_call.folder)
_share = max(1, _call.concurrency // _call.processes)
_results: RedisAsyncResultBackend[str] = RedisAsyncResultBackend(_call.url, result_ex_time=3600)
broker = RedisStreamBroker(_call.url, xread_count=_share).with_result_backend(_results)


@broker.task(task_name="work")
async def work(variables: dict[str, str]) -> str:
    """The small task."""
    _tally.add()
    return "done" if variables else "empty"


async def enqueue() -> None:
    """Kick with a pool of connections."""
    await broker.startup()
    await enqueue_all(_call, lambda: work.kiq(VARIABLES))
    await broker.shutdown()


def drain() -> None:
    """Run taskiq's own process manager until SIGTERM."""
    run_worker(
        WorkerArgs(
            broker="bench.peers.taskiq_peer:broker",
            modules=[],
            workers=_call.processes,
            max_async_tasks=_share,
            max_prefetch=_share,
            configure_logging=False,
        )
    )


if __name__ == "__main__" and _call.role == "enqueue":
    uvloop.run(enqueue())
elif __name__ == "__main__" and _call.role == "work":
    drain()
