"""Leases and completes batches over gRPC, as a worker fleet in another language would."""

from __future__ import annotations

import asyncio
import time

import grpc.aio
from piecework.tasks.v1 import work_pb2, work_pb2_grpc

from bench.jobs import GrpcDrain
from bench.load import Clock, Series, Stopwatch
from kit.caller import METADATA_KEY

CALL_TIMEOUT_SECONDS = 60.0


class BatchWorker:
    """Takes batches from one queue and completes them.

    Args:
        job: the queue's project, the size of a batch, who calls.
        clock: takes the time of each batch: lease and complete together.
    """

    def __init__(self, job: GrpcDrain, channel: grpc.aio.Channel, clock: Clock) -> None:
        self._job = job
        self._clock = clock
        self._stub = work_pb2_grpc.WorkServiceStub(channel)
        self._metadata = ((METADATA_KEY, job.site.caller),)
        self.tasks = 0

    async def turn(self, holder: str) -> bool:
        """Lease one batch and complete it; False when the queue is empty."""
        begun = time.perf_counter()
        request = work_pb2.LeaseRequest(
            queue=f"project:{self._job.site.project}", holder=holder, max_items=self._job.batch
        )
        leased = await self._stub.Lease(request, timeout=CALL_TIMEOUT_SECONDS, metadata=self._metadata)
        if not leased.items:
            return False
        completions = [
            work_pb2.Completion(lease=work_pb2.LeaseRef(item_id=item.id, token=item.lease.token), result="done")
            for item in leased.items
        ]
        answer = await self._stub.Complete(
            work_pb2.CompleteRequest(completions=completions), timeout=CALL_TIMEOUT_SECONDS, metadata=self._metadata
        )
        self._clock.latencies_ms.append((time.perf_counter() - begun) * 1000.0)
        for outcome in answer.outcomes:
            self._clock.statuses[outcome.reason or "done"] += 1
        self.tasks += len(answer.outcomes)
        return True


async def run(job: GrpcDrain) -> dict[str, Series]:
    """Drain with `concurrency` loops, each with a holder name of its own; one operation is one batch."""
    clock = Clock()
    async with grpc.aio.insecure_channel(job.site.grpc) as channel:
        worker = BatchWorker(job, channel, clock)
        for _ in range(job.bounds.warmup):
            await worker.turn("warm-up")
        clock.clear()
        worker.tasks = 0
        left = job.bounds.count
        deadline = time.perf_counter() + job.bounds.seconds

        async def loop(holder: str) -> None:
            nonlocal left
            while left > 0 and time.perf_counter() < deadline:
                left -= 1
                if not await worker.turn(holder):
                    return

        watch = Stopwatch(job.site)
        await asyncio.gather(*(loop(f"batch-{number}") for number in range(job.bounds.concurrency)))
        span = watch.stop()
    series = Series(
        seconds=span.seconds,
        latencies_ms=clock.latencies_ms,
        tasks=worker.tasks,
        statuses=dict(clock.statuses),
        facts=span.per_task(worker.tasks),
    )
    return {"batch": series}
