"""Celery on Valkey: late acknowledgement, results in Valkey. One client process enqueues; prefork workers drain."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from celery import Celery

from bench.peers.call import VARIABLES, Tally, arguments, report

_call = arguments()
_tally = Tally(_call.folder)
app = Celery("bench", broker=_call.url, backend=_call.url)
app.conf.update(
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=32,
    worker_hijack_root_logger=False,
    broker_connection_retry_on_startup=True,
    broker_pool_limit=16,
)


@app.task(name="work")
def work(variables: dict[str, str]) -> str:
    """The small task."""
    _tally.add()
    return "done" if variables else "empty"


def enqueue() -> None:
    """Publish from a pool of threads, Celery's client being synchronous."""
    latencies_ms: list[float] = []

    def send(_: int) -> None:
        begun = time.perf_counter()
        work.delay(VARIABLES)
        latencies_ms.append((time.perf_counter() - begun) * 1000.0)

    with ThreadPoolExecutor(min(4, _call.concurrency)) as pool:  # more threads only wait for the GIL
        list(pool.map(send, range(1)))
        begun = time.perf_counter()
        list(pool.map(send, range(_call.count)))
        report(time.perf_counter() - begun, latencies_ms[1:])


def drain() -> None:
    """Run a worker with the prefork pool until SIGTERM."""
    quiet = ["--loglevel=ERROR", "--without-gossip", "--without-mingle", "--without-heartbeat"]
    app.worker_main(["worker", "--pool=prefork", f"--concurrency={_call.processes}", *quiet])


if __name__ == "__main__" and _call.role == "enqueue":
    enqueue()
elif __name__ == "__main__" and _call.role == "work":
    drain()
