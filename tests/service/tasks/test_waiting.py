"""Workers that wait for work: who wakes them, and what waiting costs."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta

import pytest
from piecework.tasks.v1 import queue_pb2 as pb
from piecework.tasks.v1 import work_pb2 as work

from kit.errors import WrongState
from kit.ids import new_id
from kit.timestamps import to_duration, to_timestamp
from tests.conditions import come_true
from tests.service.tasks.commands import CommandRecorder
from tests.service.tasks.platform import Queue, TasksPlatform

SOON = 10  # far less than the wait, far more than a wake-up takes


class Waiters:
    """Workers that wait on a replica.

    Args:
        platform: the replica.
        queue: what they wait for.
        names: who they are.
    """

    def __init__(self, platform: TasksPlatform, queue: Queue, *names: str) -> None:
        self._platform = platform
        self._queue = queue
        self.tasks = {name: asyncio.create_task(platform.next(queue, name, 30)) for name in names}

    async def stand_in_line(self) -> None:
        """Wait until all of them have looked and found nothing."""
        app, line = self._platform.app, self._queue.name
        async with asyncio.timeout(SOON):
            await come_true(lambda: app.doorbell.waiting(line) >= len(self.tasks))
            # They ask while they stand in line; who asks after them is answered after them.
            assert await self._platform.next(self._queue, "last") is None

    async def answers(self) -> list[pb.Task | None]:
        """Return what they get, soon."""
        async with asyncio.timeout(SOON):
            return list(await asyncio.gather(*self.tasks.values()))


async def waiting(platform: TasksPlatform, queue: Queue, *names: str) -> Waiters:
    waiters = Waiters(platform, queue, *names)
    await waiters.stand_in_line()
    return waiters


async def test_a_new_task_wakes_a_waiting_worker(platform: TasksPlatform, queue: Queue) -> None:
    waiters = await waiting(platform, queue, "a")
    made = await platform.new_task(queue)
    (task,) = await waiters.answers()
    assert task is not None
    assert task.id == made.id


async def test_bulk_wakes_as_many_as_there_are_tasks(platform: TasksPlatform, queue: Queue) -> None:
    waiters = await waiting(platform, queue, *(f"agent-{number}" for number in range(20)))
    ids = await platform.new_tasks(queue, 20)
    assert {task.id for task in await waiters.answers() if task} == set(ids)


async def test_a_failed_attempt_wakes_a_waiting_worker(platform: TasksPlatform, queue: Queue) -> None:
    made = await platform.new_task(queue)
    await platform.next(queue, "a")
    waiters = await waiting(platform, queue, "b")
    await platform.fail(made.id, "a")
    (task,) = await waiters.answers()
    assert task is not None
    assert task.lease.token == 2


@pytest.mark.parametrize("finder", ["reaper", "cleanup", "next"])
async def test_an_expired_lease_that_is_found_wakes_a_waiting_worker(
    platform: TasksPlatform, queue: Queue, finder: str
) -> None:
    ids = await platform.new_tasks(queue, 2)
    await asyncio.gather(platform.next(queue, "a"), platform.next(queue, "b"))
    waiters = await waiting(platform, queue, "c")
    platform.pass_time(minutes=10)
    if finder == "reaper":
        await platform.app.reaper.tick()
    elif finder == "cleanup":
        await platform.cleanup(queue)
    else:
        await platform.next(queue, "d")
    (task,) = await waiters.answers()
    assert task is not None
    assert task.id in ids


async def in_line(platform: TasksPlatform, queue: str, count: int = 1) -> None:
    async with asyncio.timeout(SOON):
        await come_true(lambda: platform.app.doorbell.waiting(queue) >= count)
        assert await lease(platform, queue) == []


async def lease(platform: TasksPlatform, pool: str, seconds: float = 0) -> list[work.WorkItem]:
    request = work.LeaseRequest(
        queue=pool, holder="w", max_items=5, wait=to_duration(timedelta(seconds=seconds)) if seconds else None
    )
    return list((await platform.call(platform.work.Lease, request)).items)


async def test_an_item_that_waits_for_its_next_attempt_wakes_a_worker_then(platform: TasksPlatform) -> None:
    pool = f"pool:{new_id()}"
    item = work.NewWorkItem(payload_json="{}", max_attempts=3)
    await platform.call(platform.work.Enqueue, work.EnqueueRequest(queue=pool, items=[item]))
    (first,) = await lease(platform, pool)
    waiting_call = asyncio.create_task(lease(platform, pool, 30))
    await in_line(platform, pool)
    failure = work.Failure(
        lease=work.LeaseRef(item_id=first.id, token=1),
        can_retry=True,
        retry_after=to_duration(timedelta(milliseconds=100)),
    )
    await platform.call(platform.work.Fail, work.FailRequest(failures=[failure]))
    assert await lease(platform, pool) == []
    platform.pass_time(milliseconds=100)
    async with asyncio.timeout(SOON):
        assert [again.id for again in await waiting_call] == [first.id]


async def test_an_item_for_later_wakes_a_worker_then(platform: TasksPlatform) -> None:
    pool = f"pool:{new_id()}"
    waiting_call = asyncio.create_task(lease(platform, pool, 30))
    await in_line(platform, pool)
    later = to_timestamp(platform.clock.now() + timedelta(milliseconds=100))
    item = work.NewWorkItem(payload_json="{}", available_at=later)
    await platform.call(platform.work.Enqueue, work.EnqueueRequest(queue=pool, items=[item]))
    platform.pass_time(milliseconds=100)
    async with asyncio.timeout(SOON):
        assert len(await waiting_call) == 1


async def test_who_waits_in_vain_is_told_so_after_the_wait(platform: TasksPlatform, queue: Queue) -> None:
    began = time.monotonic()
    assert await platform.next(queue, "a", 1) is None
    assert 1 <= time.monotonic() - began < SOON


async def test_waiting_costs_no_database_work(watched: TasksPlatform, commands: CommandRecorder) -> None:
    queue = await watched.new_queue()
    waiters = await waiting(watched, queue, *(f"agent-{number}" for number in range(30)))
    commands.commands.clear()
    # Neither does what happens on other queues.
    other = await watched.new_queue()
    await watched.new_task(other)
    of_this_queue = [command for command in commands.commands if queue.name in str(command)]
    assert of_this_queue == []
    assert watched.app.doorbell.waiting(queue.name) == 30
    await watched.new_tasks(queue, 30)
    assert None not in await waiters.answers()


async def test_a_worker_that_goes_away_leaves_its_ring_to_the_next(platform: TasksPlatform, queue: Queue) -> None:
    for _ in range(20):
        waiters = await waiting(platform, queue, "first", "second")
        first, second = waiters.tasks.values()
        creating = asyncio.create_task(platform.new_task(queue))
        # Rung, it goes away before it has looked; whoever gets the task, nobody waits beside a task that lies there.
        while platform.app.doorbell.waiting(queue.name) == 2:  # noqa: ASYNC110
            await asyncio.sleep(0)
        first.cancel()
        made = await creating
        await asyncio.gather(first, return_exceptions=True)
        # The hand-out to the first may have been on its way; else the second gets the task.
        async with asyncio.timeout(SOON):
            while not (task := await platform.get(made.id)).HasField("lease"):  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        if task.lease.holder == "second":
            assert await second == task
        else:
            second.cancel()
            await asyncio.gather(second, return_exceptions=True)
        await platform.complete(made.id, token=1)


async def test_who_already_holds_a_task_does_not_wait(platform: TasksPlatform, queue: Queue) -> None:
    await platform.new_task(queue)
    held = await platform.next(queue, "a")
    async with asyncio.timeout(SOON):
        assert await platform.next(queue, "a", 30) == held


async def test_waiters_of_another_replica_are_woken(
    platform: TasksPlatform, replica: TasksPlatform, queue: Queue
) -> None:
    waiters = await waiting(replica, queue, *(f"agent-{number}" for number in range(20)))
    made = await asyncio.gather(*(platform.new_task(queue) for _ in range(20)))
    assert {task.id for task in await waiters.answers() if task} == {task.id for task in made}


async def test_tasks_made_one_after_another_wake_waiters_of_another_replica(
    platform: TasksPlatform, replica: TasksPlatform, queue: Queue
) -> None:
    waiters = await waiting(replica, queue, *(f"agent-{number}" for number in range(10)))
    for _ in range(10):
        await platform.new_task(queue)
    assert None not in await waiters.answers()


async def test_a_project_that_closes_gives_nothing_to_those_who_wait(platform: TasksPlatform, queue: Queue) -> None:
    made = await platform.new_task(queue)
    await platform.next(queue, "a")
    waiters = await waiting(platform, queue, "b")
    await platform.close_project(queue.project_id)
    platform.pass_time(minutes=10)
    await platform.app.reaper.tick()
    with pytest.raises(WrongState):
        await waiters.answers()
    assert (await platform.get(made.id)).state == work.WORK_STATE_QUEUED
