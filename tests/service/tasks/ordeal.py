"""Clients that create, work and watch while engines and replicas die, and remember what was acknowledged."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

import grpc.aio
from piecework.tasks.v1 import events_pb2
from piecework.tasks.v1 import queue_pb2 as pb

from kit.errors import DomainError
from kit.mongo import Document
from services.tasks.work.documents import to_item
from services.tasks.work.model import COMPLETED
from tests.service.tasks.platform import OWNER, Queue, TasksPlatform

PAUSE_SECONDS = 0.05
# What a worker may be told of an outcome that an unanswered call of its own has settled.
SETTLED = {"TASK_NOT_RUNNING", "STALE_TOKEN", "OTHER_HOLDER"}


class Ordeal:
    """The clients of one queue.

    Args:
        replica: returns the replica to call now.
        queue: the queue.
        total: how many tasks to make and drain.
    """

    def __init__(self, replica: Callable[[], TasksPlatform], queue: Queue, total: int) -> None:
        self._replica = replica
        self._queue = queue
        self._total = total
        self._keys = iter(range(total))
        self.created: dict[int, str] = {}
        self.completed: dict[str, str] = {}
        self.failed: Counter[str] = Counter()
        self.events: list[events_pb2.Event] = []
        self._progress = asyncio.Condition()

    async def run(self, creators: int = 4, workers: int = 12) -> None:
        """Create, drain and watch until every task is done."""
        watching = asyncio.create_task(self._watch())
        try:
            agents = (self._work(f"agent-{number}") for number in range(workers))
            await asyncio.gather(*(self._create() for _ in range(creators)), *agents)
            await self._until(lambda: sum(event.type == "task.completed" for event in self.events) >= self._total)
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)

    async def until_completed(self, share: float) -> None:
        """Wait until this share of the tasks is completed."""
        await self._until(lambda: len(self.completed) >= self._total * share)

    async def check(self, items: list[Document]) -> None:
        """Check the stored items and the events against what was acknowledged."""
        stored = {document["_id"]: to_item(document) for document in items}
        assert len(self.created) == len(set(self.created.values())) == self._total
        assert set(stored) == set(self.created.values())
        assert self.completed.keys() <= stored.keys()
        for item in stored.values():
            assert item.state == COMPLETED
            assert [attempt.outcome for attempt in item.attempts].count(COMPLETED) == 1
            assert item.attempts[-1].outcome == COMPLETED
            assert [attempt.token for attempt in item.attempts] == list(range(1, item.token + 1))
            assert item.failures == len(item.attempts) - 1 >= self.failed[item.id]
        assert {task_id: stored[task_id].result for task_id in self.completed} == self.completed
        seqs = [event.seq for event in self.events]
        assert seqs == sorted(set(seqs))
        versions: dict[str, list[int]] = {}
        for event in self.events:
            versions.setdefault(event.subject, []).append(event.version)
        assert versions == {item.id: list(range(1, item.version + 1)) for item in stored.values()}

    async def _create(self) -> None:
        for key in self._keys:
            while key not in self.created:
                replica = self._replica()
                try:
                    task = await replica.new_task(self._queue, key=f"key-{key}", instructions=f"task {key}")
                except DomainError:
                    await asyncio.sleep(PAUSE_SECONDS)
                else:
                    self.created[key] = task.id
            await self._note()

    async def _work(self, agent: str) -> None:
        while len(self.completed) < self._total:
            try:
                task = await self._replica().next(self._queue, agent, 1)
            except DomainError:
                await asyncio.sleep(PAUSE_SECONDS)
                continue
            if task is None:
                continue
            if int(task.instructions.removeprefix("task ")) % 7 == 0 and task.lease.token == 1:
                await self._fail(task, agent)
            else:
                await self._complete(task, agent)
            await self._note()

    async def _complete(self, task: pb.Task, agent: str) -> None:
        result = f"{agent} did {task.instructions}"
        while True:
            try:
                await self._replica().complete(task.id, agent, result, task.lease.token)
            except DomainError as error:
                if error.reason in SETTLED:
                    raise
                await asyncio.sleep(PAUSE_SECONDS)
            else:
                # A second acknowledged result of one task would be the end of every promise.
                assert self.completed.setdefault(task.id, result) == result
                return

    async def _fail(self, task: pb.Task, agent: str) -> None:
        while True:
            try:
                await self._replica().fail(task.id, agent, task.lease.token)
            except DomainError as error:
                if error.reason in SETTLED:
                    raise
                await asyncio.sleep(PAUSE_SECONDS)
            else:
                self.failed[task.id] += 1
                return

    async def _watch(self) -> None:
        after = 0
        while True:
            replica = self._replica()
            request = events_pb2.WatchRequest(stream=self._queue.name, after_seq=after)
            stream: Any = replica.events.Watch(request, **replica.outgoing(OWNER, timeout=None))
            try:
                async for message in stream:
                    assert message.WhichOneof("message") != "gap", message
                    if message.WhichOneof("message") == "event":
                        self.events.append(message.event)
                        after = message.event.seq
                        await self._note()
            except grpc.aio.AioRpcError:
                await asyncio.sleep(PAUSE_SECONDS)
            finally:
                stream.cancel()

    async def _note(self) -> None:
        async with self._progress:
            self._progress.notify_all()

    async def _until(self, condition: Callable[[], bool]) -> None:
        async with self._progress:
            await self._progress.wait_for(condition)
