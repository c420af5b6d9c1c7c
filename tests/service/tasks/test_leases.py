"""Hand-outs: who gets a task, for how long, and who may still end it."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from piecework.tasks.v1 import queue_pb2 as pb
from piecework.tasks.v1 import work_pb2 as work

from kit.errors import Conflict, InvalidInput, NotFound, WrongState
from kit.ids import new_id
from kit.timestamps import from_timestamp
from tests.service.hosting import refused
from tests.service.tasks.platform import Queue, TasksPlatform, session_of


async def taken(platform: TasksPlatform, queue: Queue, agent: str) -> pb.Task:
    task = await platform.next(queue, agent)
    assert task is not None
    return task


async def test_an_empty_queue_has_no_task(platform: TasksPlatform, queue: Queue) -> None:
    assert await platform.next(queue, "a") is None


async def test_the_oldest_task_goes_first(platform: TasksPlatform, queue: Queue) -> None:
    ids = await platform.new_tasks(queue, 5)
    ids.append((await platform.new_task(queue)).id)
    assert [(await taken(platform, queue, f"agent-{number}")).id for number in range(6)] == ids


async def test_a_hand_out_says_who_until_when_and_with_which_token(platform: TasksPlatform, queue: Queue) -> None:
    made = await platform.new_task(queue, instructions="count")
    task = await taken(platform, queue, "a")
    now = platform.clock.now()
    assert (task.id, task.state, task.instructions) == (made.id, work.WORK_STATE_LEASED, "count")
    assert (task.lease.holder, task.lease.token) == ("a", 1)
    assert from_timestamp(task.lease.expires_at) == now + timedelta(minutes=10)
    assert from_timestamp(task.assigned_at) == now
    assert [(attempt.holder, attempt.outcome) for attempt in task.attempts] == [("a", 0)]


async def test_an_agent_that_asks_again_gets_its_task_unchanged(platform: TasksPlatform, queue: Queue) -> None:
    await platform.new_tasks(queue, 3)
    first = await taken(platform, queue, "a")
    platform.pass_time(minutes=9)
    assert await taken(platform, queue, "a") == first
    assert await platform.get(first.id) == first


async def test_two_asks_of_one_name_at_once_get_one_task(platform: TasksPlatform, queue: Queue) -> None:
    await platform.new_tasks(queue, 30)
    answers = await asyncio.gather(*(taken(platform, queue, "a") for _ in range(20)))
    assert all(answer == answers[0] for answer in answers)
    assert (await platform.counts(queue)).running == 1


async def test_one_name_may_hold_a_task_in_each_of_two_projects(platform: TasksPlatform, queue: Queue) -> None:
    other = await platform.new_queue()
    tasks = [await platform.new_task(each) for each in (queue, other)]
    assert [(await taken(platform, each, "a")).id for each in (queue, other)] == [task.id for task in tasks]


async def test_an_agent_whose_lease_ran_out_gets_the_task_as_a_new_attempt(
    platform: TasksPlatform, queue: Queue
) -> None:
    await platform.new_task(queue)
    await taken(platform, queue, "a")
    platform.pass_time(minutes=10)
    again = await taken(platform, queue, "a")
    assert (again.lease.token, again.retry_count) == (2, 1)
    assert [attempt.outcome for attempt in again.attempts] == [work.ATTEMPT_OUTCOME_TIMEOUT, 0]
    assert from_timestamp(again.lease.expires_at) == platform.clock.now() + timedelta(minutes=10)


async def test_a_lease_ends_at_its_last_millisecond_and_not_before(platform: TasksPlatform, queue: Queue) -> None:
    await platform.new_task(queue)
    await taken(platform, queue, "a")
    platform.pass_time(minutes=10, milliseconds=-1)
    assert await platform.next(queue, "b") is None
    platform.pass_time(milliseconds=1)
    assert (await taken(platform, queue, "b")).lease.token == 2


async def test_a_type_says_how_long_a_lease_is(platform: TasksPlatform) -> None:
    queue = await platform.new_queue(lease_duration_minutes=0.1)
    await platform.new_task(queue)
    task = await taken(platform, queue, "a")
    assert from_timestamp(task.lease.expires_at) == platform.clock.now() + timedelta(seconds=6)


async def test_extension_counts_from_the_current_end(platform: TasksPlatform, queue: Queue) -> None:
    await platform.new_task(queue)
    task = await taken(platform, queue, "a")
    platform.pass_time(minutes=4)
    extended = await platform.extend(task.id, 30, "a")
    end = from_timestamp(task.lease.expires_at) + timedelta(minutes=30)
    assert from_timestamp(extended.lease.expires_at) == end
    assert from_timestamp(extended.attempts[0].lease_expires_at) == end
    assert (extended.lease.token, extended.retry_count) == (1, 0)
    platform.pass_time(minutes=35, milliseconds=59_999)
    assert await platform.next(queue, "b") is None


async def test_a_lease_that_ran_out_unnoticed_can_be_extended(platform: TasksPlatform, queue: Queue) -> None:
    await platform.new_task(queue)
    task = await taken(platform, queue, "a")
    platform.pass_time(minutes=11)
    extended = await platform.extend(task.id, 2, "a")
    assert from_timestamp(extended.lease.expires_at) == platform.clock.now() + timedelta(minutes=1)
    assert await platform.next(queue, "b") is None


@pytest.mark.parametrize("minutes", [0, -1, 1441])
async def test_an_extension_has_bounds(platform: TasksPlatform, queue: Queue, minutes: int) -> None:
    await platform.new_task(queue)
    task = await taken(platform, queue, "a")
    with refused("VALIDATION_FAILED", InvalidInput):
        await platform.extend(task.id, minutes, "a")


async def test_only_the_holder_may_end_or_extend(platform: TasksPlatform, queue: Queue) -> None:
    await platform.new_task(queue)
    task = await taken(platform, queue, "a")
    for call in (platform.complete(task.id, "b"), platform.fail(task.id, "b"), platform.extend(task.id, 1, "b")):
        with refused("OTHER_HOLDER", Conflict):
            await call
    for call in (platform.complete(task.id, "b", token=1), platform.fail(task.id, "b", token=1)):
        with refused("OTHER_HOLDER", Conflict):
            await call
    assert await platform.get(task.id) == task


async def test_the_token_alone_is_proof_enough(platform: TasksPlatform, queue: Queue) -> None:
    await platform.new_task(queue)
    task = await taken(platform, queue, "a")
    assert (await platform.extend(task.id, 1, token=1)).lease.token == 1
    assert (await platform.complete(task.id, token=1)).state == work.WORK_STATE_COMPLETED


async def test_somebody_must_say_who_holds_the_task(platform: TasksPlatform, queue: Queue) -> None:
    await platform.new_task(queue)
    task = await taken(platform, queue, "a")
    for call in (platform.complete(task.id), platform.fail(task.id), platform.extend(task.id, 1)):
        with refused("AGENT_NAME_REQUIRED", InvalidInput):
            await call


async def test_a_session_speaks_for_its_agent(platform: TasksPlatform, queue: Queue) -> None:
    await platform.new_tasks(queue, 1)
    task = await taken(platform, queue, "a")
    with refused("OTHER_HOLDER", Conflict):
        await platform.complete(task.id, caller=session_of("b"))
    with refused("OTHER_HOLDER", Conflict):
        await platform.complete(task.id, token=1, caller=session_of("b"))
    assert (await platform.extend(task.id, 1, caller=session_of("a"))).lease.holder == "a"
    assert (await platform.complete(task.id, caller=session_of("a"))).state == work.WORK_STATE_COMPLETED


async def test_a_stale_token_is_refused_even_from_the_present_holder(platform: TasksPlatform, queue: Queue) -> None:
    await platform.new_task(queue)
    await taken(platform, queue, "a")
    platform.pass_time(minutes=10)
    task = await taken(platform, queue, "a")
    for call in (
        platform.complete(task.id, "a", token=1),
        platform.fail(task.id, "a", token=1),
        platform.extend(task.id, 5, "a", token=1),
        platform.complete(task.id, "a", token=3),
        platform.complete(task.id, token=1),
    ):
        with refused("STALE_TOKEN", Conflict):
            await call
    assert (await platform.complete(task.id, "a", token=2)).state == work.WORK_STATE_COMPLETED


async def test_a_late_completion_is_accepted_while_nobody_else_holds_the_task(
    platform: TasksPlatform, queue: Queue
) -> None:
    await platform.new_task(queue)
    task = await taken(platform, queue, "a")
    platform.pass_time(hours=5)
    done = await platform.complete(task.id, "a", "late", token=1)
    assert (done.state, done.result, done.retry_count) == (work.WORK_STATE_COMPLETED, "late", 0)


async def test_a_late_completion_is_refused_once_the_lease_was_taken_back(
    platform: TasksPlatform, queue: Queue
) -> None:
    await platform.new_task(queue)
    task = await taken(platform, queue, "a")
    platform.pass_time(minutes=10)
    assert await platform.cleanup(queue) == (1, 1)
    for token in (None, 1):
        with refused("TASK_NOT_RUNNING", WrongState):
            await platform.complete(task.id, "a", token=token)
    await taken(platform, queue, "b")
    with refused("OTHER_HOLDER", Conflict):
        await platform.complete(task.id, "a")
    with refused("STALE_TOKEN", Conflict):
        await platform.complete(task.id, "a", token=1)


async def test_tokens_grow_with_every_hand_out(platform: TasksPlatform) -> None:
    queue = await platform.new_queue(max_retries=5)
    await platform.new_task(queue)
    for attempt in range(1, 7):
        task = await taken(platform, queue, f"agent-{attempt}")
        assert task.lease.token == attempt
        if attempt % 2:
            await platform.fail(task.id, f"agent-{attempt}")
        else:
            platform.pass_time(minutes=10)
    assert [attempt.token for attempt in (await platform.get(task.id)).attempts] == [1, 2, 3, 4, 5, 6]


async def test_tasks_that_are_not_there_cannot_be_worked_on(platform: TasksPlatform, queue: Queue) -> None:
    for task_id in (new_id(), "not-an-id", queue.project_id):
        for call in (platform.complete(task_id, "a"), platform.fail(task_id, "a"), platform.extend(task_id, 1, "a")):
            with refused("TASK_NOT_FOUND", NotFound):
                await call
