"""Two replicas of one installation: what one does holds for the other."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from itertools import cycle

import pytest
from piecework.tasks.v1 import queue_pb2 as pb
from piecework.tasks.v1 import work_pb2 as work

from kit.errors import Conflict, DomainError, NotFound, WrongState
from tests.service.hosting import refused
from tests.service.tasks.platform import Queue, TasksPlatform

Pair = tuple[TasksPlatform, TasksPlatform]


@pytest.fixture
def pair(platform: TasksPlatform, replica: TasksPlatform) -> Pair:
    return platform, replica


async def waiting(platform: TasksPlatform, queue: Queue) -> int:
    query = {"queue": queue.name, "state": "queued"}
    return await platform.database["work_items"].count_documents(query)


async def test_64_workers_of_two_replicas_get_each_of_2000_tasks_once(pair: Pair, queue: Queue) -> None:
    ids = await pair[0].new_tasks(queue, 2000)
    handed_out: Counter[str] = Counter()
    sent_away_too_soon = 0

    async def work_off(replica: TasksPlatform, agent: str) -> None:
        nonlocal sent_away_too_soon
        while True:
            task = await replica.next(queue, agent)
            if task is not None:
                handed_out[task.id] += 1
                # Half of the results go to the other replica.
                await random.choice(pair).complete(task.id, agent, token=task.lease.token)
            elif await waiting(replica, queue):
                sent_away_too_soon += 1
            else:
                return

    workers = [work_off(replica, f"agent-{number}") for number, replica in zip(range(64), cycle(pair), strict=False)]
    await asyncio.gather(*workers)
    assert handed_out == Counter(dict.fromkeys(ids, 1))
    assert sent_away_too_soon == 0
    counts = await pair[0].counts(queue)
    assert (counts.completed, counts.total) == (2000, 2000)


async def test_one_name_that_asks_both_replicas_gets_one_task(pair: Pair, queue: Queue) -> None:
    for _ in range(20):
        await pair[0].new_tasks(queue, 4)
        answers = await asyncio.gather(*(replica.next(queue, "a") for replica in pair * 3))
        ids = {task.id if task else None for task in answers}
        assert len(ids) == 1
        assert None not in ids
        await pair[1].complete(ids.pop() or "", "a")


async def test_a_late_result_and_the_reaper_have_one_winner(pair: Pair) -> None:
    here, there = pair
    queue = await here.new_queue(max_retries=10)
    chance = random.Random(1)
    winners: Counter[str] = Counter()
    for _ in range(60):
        made = await here.new_task(queue)
        held = await here.next(queue, "a")
        assert held is not None
        here.pass_time(minutes=10)
        pauses = chance.randrange(12), chance.randrange(12)

        async def late(replica: TasksPlatform, turns: int, task_id: str = made.id) -> pb.Task:
            for _ in range(turns):
                await asyncio.sleep(0)
            return await replica.complete(task_id, "a", token=1)

        async def reap(replica: TasksPlatform, turns: int) -> tuple[int, int]:
            for _ in range(turns):
                await asyncio.sleep(0)
            return await replica.cleanup(queue)

        done, reaped = await asyncio.gather(
            late(chance.choice(pair), pauses[0]), reap(chance.choice(pair), pauses[1]), return_exceptions=True
        )
        task = await there.get(made.id)
        outcomes = [attempt.outcome for attempt in task.attempts]
        if isinstance(done, pb.Task):
            winners["worker"] += 1
            assert reaped == (0, 0)
            assert (task.state, outcomes) == (work.WORK_STATE_COMPLETED, [work.ATTEMPT_OUTCOME_COMPLETED])
        else:
            winners["reaper"] += 1
            assert isinstance(done, WrongState)
            assert reaped == (1, 1)
            assert (task.state, outcomes) == (work.WORK_STATE_QUEUED, [work.ATTEMPT_OUTCOME_TIMEOUT])
            await here.call(here.queue.DeleteTask, pb.DeleteTaskRequest(task_id=made.id))
    assert set(winners) == {"worker", "reaper"}


async def test_both_replicas_end_one_attempt_and_one_wins(pair: Pair) -> None:
    here, _ = pair
    queue = await here.new_queue(max_retries=0)
    for _ in range(30):
        made = await here.new_task(queue)
        await here.next(queue, "a")
        endings = [replica.complete(made.id, "a", f"r{number}", token=1) for number, replica in enumerate(pair * 2)]
        endings += [replica.fail(made.id, "a", token=1, error=f"e{number}") for number, replica in enumerate(pair)]
        answers = await asyncio.gather(*endings, return_exceptions=True)
        accepted = [answer for answer in answers if isinstance(answer, pb.Task)]
        assert len(accepted) == 1
        assert {answer.reason for answer in answers if isinstance(answer, DomainError)} == {"TASK_NOT_RUNNING"}
        assert await here.get(made.id) == accepted[0]


async def test_what_a_replica_remembers_of_a_lease_does_not_fool_it(pair: Pair, queue: Queue) -> None:
    here, there = pair
    first = await here.new_task(queue)
    await here.next(queue, "a")
    here.pass_time(minutes=10)
    again = await there.next(queue, "b")
    assert again is not None
    with refused("OTHER_HOLDER", Conflict):
        await here.complete(first.id, "a")
    with refused("STALE_TOKEN", Conflict):
        await here.complete(first.id, "a", token=1)
    await there.complete(first.id, "b", token=2)
    with refused("TASK_NOT_RUNNING", WrongState):
        await here.fail(first.id, "b", token=2)

    second = await here.new_task(queue)
    await here.next(queue, "a")
    await there.call(there.queue.DeleteTask, pb.DeleteTaskRequest(task_id=second.id))
    with refused("TASK_NOT_FOUND", NotFound):
        await here.complete(second.id, "a", token=1)


async def test_an_extension_by_one_replica_holds_for_the_other(pair: Pair, queue: Queue) -> None:
    here, there = pair
    made = await here.new_task(queue)
    await here.next(queue, "a")
    await there.extend(made.id, 30, "a")
    here.pass_time(minutes=15)
    assert await here.cleanup(queue) == (0, 0)
    assert await here.next(queue, "b") is None
    assert (await here.complete(made.id, "a", token=1)).retry_count == 0


async def test_all_reapers_at_once_take_each_lease_back_once(pair: Pair, queue: Queue) -> None:
    await pair[0].new_tasks(queue, 200)
    request = work.LeaseRequest(queue=queue.name, holder="w", max_items=200)
    await pair[0].call(pair[0].work.Lease, request)
    pair[0].pass_time(minutes=10)
    reclaimed = await asyncio.gather(*(replica.cleanup(queue) for replica in pair * 4))
    assert sum(tasks for tasks, _ in reclaimed) == 200
    assert {task.retry_count for task in await pair[1].tasks(queue)} == {1}


async def test_a_closed_project_is_closed_everywhere_soon(pair: Pair, queue: Queue) -> None:
    here, there = pair
    await there.new_task(queue)
    await here.close_project(queue.project_id)
    refusal: WrongState | None = None
    async with asyncio.timeout(10):
        while refusal is None:
            try:
                await there.new_task(queue)
            except WrongState as error:
                refusal = error
            else:
                await asyncio.sleep(0.05)
    assert refusal.reason == "PROJECT_CLOSED"


async def test_20_creates_on_both_replicas_make_one_task(pair: Pair) -> None:
    queue = await pair[0].new_queue(duplicate_handling=pb.DUPLICATE_HANDLING_IGNORE)
    tasks = await asyncio.gather(*(replica.new_task(queue, variables={"a": "1"}) for replica in pair * 10))
    assert len({task.id for task in tasks}) == 1
