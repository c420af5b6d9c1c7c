"""A lease that runs out costs one retry, whoever finds it first."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from piecework.tasks.v1 import queue_pb2 as pb
from piecework.tasks.v1 import work_pb2 as work

from services.tasks.work.model import LEASE_EXPIRED
from tests.service.tasks.platform import Queue, TasksPlatform

Finder = Callable[[TasksPlatform, Queue], Awaitable[object]]


async def reap(platform: TasksPlatform, queue: Queue) -> object:  # noqa: ARG001
    return await platform.app.reaper.tick()


async def clean_up(platform: TasksPlatform, queue: Queue) -> object:
    return await platform.cleanup(queue)


async def ask(platform: TasksPlatform, queue: Queue) -> object:
    return await platform.next(queue, "finder")


FINDERS = pytest.mark.parametrize("find", [reap, clean_up, ask])


async def held(platform: TasksPlatform, queue: Queue, count: int = 1) -> list[pb.Task]:
    await platform.new_tasks(queue, count)
    tasks = await asyncio.gather(*(platform.next(queue, f"agent-{number}") for number in range(count)))
    return [task for task in tasks if task is not None]


@FINDERS
async def test_an_expired_lease_costs_one_retry(platform: TasksPlatform, queue: Queue, find: Finder) -> None:
    (task,) = await held(platform, queue)
    platform.pass_time(minutes=10)
    await find(platform, queue)
    expired = await platform.get(task.id)
    assert expired.retry_count == 1
    first = expired.attempts[0]
    assert (first.outcome, first.result, first.holder) == (work.ATTEMPT_OUTCOME_TIMEOUT, LEASE_EXPIRED, "agent-0")
    for other in (reap, clean_up):
        await other(platform, queue)
    assert (await platform.get(task.id)).retry_count == 1


@FINDERS
async def test_the_last_retry_that_expires_fails_the_task(platform: TasksPlatform, find: Finder) -> None:
    queue = await platform.new_queue(max_retries=0)
    (task,) = await held(platform, queue)
    platform.pass_time(minutes=10)
    await find(platform, queue)
    failed = await platform.get(task.id)
    assert (failed.state, failed.retry_count, failed.result) == (work.WORK_STATE_FAILED, 1, LEASE_EXPIRED)
    assert await platform.next(queue, "agent-0") is None


@FINDERS
async def test_a_live_lease_is_left_alone(platform: TasksPlatform, queue: Queue, find: Finder) -> None:
    (task,) = await held(platform, queue)
    platform.pass_time(minutes=9, seconds=59)
    await find(platform, queue)
    assert await platform.get(task.id) == task


async def test_all_finders_at_once_cost_one_retry(platform: TasksPlatform, queue: Queue) -> None:
    tasks = await held(platform, queue, 20)
    platform.pass_time(minutes=10)
    await asyncio.gather(*(find(platform, queue) for find in (reap, clean_up, reap, clean_up, reap)))
    now = [await platform.get(task.id) for task in tasks]
    assert {(task.retry_count, task.state) for task in now} == {(1, work.WORK_STATE_QUEUED)}


async def test_timeouts_and_failures_share_the_retries(platform: TasksPlatform) -> None:
    queue = await platform.new_queue(max_retries=2)
    (task,) = await held(platform, queue)
    await platform.fail(task.id, "agent-0")
    await platform.next(queue, "b")
    platform.pass_time(minutes=10)
    await platform.next(queue, "c")
    failed = await platform.fail(task.id, "c")
    assert failed.state == work.WORK_STATE_FAILED
    outcomes = (work.ATTEMPT_OUTCOME_FAILED, work.ATTEMPT_OUTCOME_TIMEOUT, work.ATTEMPT_OUTCOME_FAILED)
    assert tuple(attempt.outcome for attempt in failed.attempts) == outcomes


async def test_an_expired_task_goes_before_younger_ones(platform: TasksPlatform, queue: Queue) -> None:
    first, second = await held(platform, queue, 2)
    waiting = await platform.new_task(queue)
    platform.pass_time(minutes=10)
    order = [await platform.next(queue, name) for name in ("x", "y", "z")]
    assert [task.id for task in order if task] == [first.id, second.id, waiting.id]


async def test_clean_up_counts_tasks_and_workers(platform: TasksPlatform, queue: Queue) -> None:
    assert await platform.cleanup(queue) == (0, 0)
    await held(platform, queue, 3)
    platform.pass_time(minutes=5)
    await platform.new_task(queue)
    await platform.next(queue, "late")
    platform.pass_time(minutes=5)
    assert await platform.cleanup(queue) == (3, 3)
    assert await platform.cleanup(queue) == (0, 0)


async def test_clean_up_leaves_nothing_however_many_expired(platform: TasksPlatform, queue: Queue) -> None:
    await platform.new_tasks(queue, 1200)
    request = work.LeaseRequest(queue=queue.name, holder="bulk", max_items=600)
    for _ in range(2):
        await platform.call(platform.work.Lease, request)
    platform.pass_time(minutes=10)
    assert await platform.cleanup(queue) == (1200, 1)
    assert (await platform.counts(queue)).queued == 1200


async def test_the_reaper_leaves_nothing_however_many_expired(platform: TasksPlatform, queue: Queue) -> None:
    await platform.new_tasks(queue, 1200)
    request = work.LeaseRequest(queue=queue.name, holder="bulk", max_items=600)
    for _ in range(2):
        await platform.call(platform.work.Lease, request)
    platform.pass_time(minutes=10)
    await platform.app.reaper.tick()
    assert (await platform.counts(queue)).queued == 1200


async def test_the_reaper_looks_at_a_project_as_often_as_it_wants(platform: TasksPlatform) -> None:
    project = await platform.new_project(reaper_interval_minutes=30)
    queue = Queue(project.id, (await platform.new_type(project.id, lease_duration_minutes=1)).id)
    _, second = await held(platform, queue, 2)
    await platform.extend(second.id, 1, second.lease.holder)
    platform.pass_time(minutes=1)
    await platform.app.reaper.tick()
    assert (await platform.counts(queue)).running == 1
    platform.pass_time(minutes=28)
    await platform.app.reaper.tick()
    assert (await platform.counts(queue)).running == 1
    platform.pass_time(minutes=2)
    assert await platform.app.reaper.tick() == 1
    assert (await platform.counts(queue)).running == 0


async def test_the_reaper_serves_every_queue(platform: TasksPlatform) -> None:
    platform.pass_time(hours=1)
    await platform.app.reaper.tick()
    queues = [await platform.new_queue() for _ in range(3)]
    for queue in queues:
        await held(platform, queue, 2)
    item = work.NewWorkItem(payload_json="{}", max_attempts=2)
    await platform.call(platform.work.Enqueue, work.EnqueueRequest(queue="pool:a", items=[item]))
    await platform.call(platform.work.Lease, work.LeaseRequest(queue="pool:a", holder="w", max_items=1))
    platform.pass_time(minutes=10)
    assert await platform.app.reaper.tick() == 7


async def test_a_worker_dead_for_good_does_not_hold_a_task_for_ever(platform: TasksPlatform) -> None:
    queue = await platform.new_queue(max_retries=3)
    task = await platform.new_task(queue)
    for _ in range(4):
        assert await platform.next(queue, "crasher") is not None
        platform.pass_time(minutes=10)
        await platform.app.reaper.tick()
        platform.pass_time(minutes=1)
    assert (await platform.get(task.id)).state == work.WORK_STATE_FAILED
    assert len((await platform.get(task.id)).attempts) == 4
