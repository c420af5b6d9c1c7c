"""Many workers, one queue: each task is handed out once and ends once."""

from __future__ import annotations

import asyncio
from collections import Counter

from piecework.tasks.v1 import work_pb2

from tests.service.tasks.platform import Queue, TasksPlatform


async def test_64_workers_drain_2000_tasks_and_get_each_once(platform: TasksPlatform, queue: Queue) -> None:
    ids = await platform.new_tasks(queue, 2000)
    handed_out: Counter[str] = Counter()

    async def work(agent: str) -> None:
        while (task := await platform.next(queue, agent)) is not None:
            handed_out[task.id] += 1
            done = await platform.complete(task.id, agent)
            assert done.state == work_pb2.WORK_STATE_COMPLETED

    await asyncio.gather(*(work(f"worker-{number}") for number in range(64)))

    assert handed_out == Counter(dict.fromkeys(ids, 1))
