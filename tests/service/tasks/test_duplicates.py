"""Tasks with the same type and variables: allowed, ignored or refused."""

from __future__ import annotations

import asyncio
from itertools import permutations

import pytest
from piecework.tasks.v1 import queue_pb2 as pb
from piecework.tasks.v1 import work_pb2 as work

from kit.errors import AlreadyExists, DomainError
from tests.service.hosting import refused
from tests.service.tasks.platform import Queue, TasksPlatform

ALLOW, IGNORE, FAIL = pb.DUPLICATE_HANDLING_ALLOW, pb.DUPLICATE_HANDLING_IGNORE, pb.DUPLICATE_HANDLING_FAIL
A = {"repository": "x", "branch": "main"}


async def set_handling(platform: TasksPlatform, queue: Queue, handling: int) -> None:
    request = pb.UpdateTaskTypeRequest(type_id=queue.type_id, duplicate_handling=handling)  # type: ignore[arg-type]
    await platform.call(platform.queue.UpdateTaskType, request)


async def finish(platform: TasksPlatform, queue: Queue, *, well: bool) -> pb.Task:
    task = await platform.next(queue, "a")
    assert task is not None
    if well:
        return await platform.complete(task.id, "a")
    return await platform.fail(task.id, "a", can_retry=False)


async def test_allow_makes_another_task(platform: TasksPlatform) -> None:
    queue = await platform.new_queue()
    tasks = [await platform.new_task(queue, variables=A) for _ in range(3)]
    assert len({task.id for task in tasks}) == 3


async def test_ignore_answers_the_task_that_is_there(platform: TasksPlatform) -> None:
    queue = await platform.new_queue(duplicate_handling=IGNORE)
    first = await platform.new_task(queue, variables=A, instructions="one")
    assert await platform.new_task(queue, variables=A, instructions="two", description="other") == first
    assert await platform.next(queue, "a") is not None
    assert (await platform.new_task(queue, variables=A)).state == work.WORK_STATE_LEASED
    assert (await platform.counts(queue)).total == 1


async def test_fail_refuses(platform: TasksPlatform) -> None:
    queue = await platform.new_queue(duplicate_handling=FAIL)
    await platform.new_task(queue, variables=A)
    with refused("DUPLICATE_TASK", AlreadyExists):
        await platform.new_task(queue, variables=A)
    assert (await platform.counts(queue)).total == 1


async def test_the_order_of_variables_does_not_matter_and_their_values_do(platform: TasksPlatform) -> None:
    queue = await platform.new_queue(duplicate_handling=IGNORE)
    pairs = (("a", "1"), ("b", "2"), ("c", "3"))
    ids = {(await platform.new_task(queue, variables=dict(order))).id for order in permutations(pairs)}
    assert len(ids) == 1
    others: tuple[dict[str, str], ...] = (
        {"a": "1", "b": "2"},
        {"a": "1", "b": "3", "c": "2"},
        {"a": "1,b", "b": "2", "c": "3"},
        {},
    )
    ids |= {(await platform.new_task(queue, variables=variables)).id for variables in others}
    assert len(ids) == 5


async def test_another_type_is_another_task(platform: TasksPlatform) -> None:
    queue = await platform.new_queue(duplicate_handling=FAIL)
    other = Queue(queue.project_id, (await platform.new_type(queue.project_id, duplicate_handling=FAIL)).id)
    ids = {(await platform.new_task(each, variables=A)).id for each in (queue, other)}
    assert len(ids) == 2


async def test_completed_tasks_count_and_failed_ones_do_not(platform: TasksPlatform) -> None:
    queue = await platform.new_queue(duplicate_handling=FAIL)
    await platform.new_task(queue, variables=A)
    await finish(platform, queue, well=False)
    await platform.new_task(queue, variables=A)
    await finish(platform, queue, well=True)
    with refused("DUPLICATE_TASK"):
        await platform.new_task(queue, variables=A)


async def test_a_retry_still_counts_and_a_deleted_task_does_not(platform: TasksPlatform) -> None:
    queue = await platform.new_queue(duplicate_handling=FAIL)
    task = await platform.new_task(queue, variables=A)
    await platform.next(queue, "a")
    await platform.fail(task.id, "a")
    with refused("DUPLICATE_TASK"):
        await platform.new_task(queue, variables=A)
    await platform.call(platform.queue.DeleteTask, pb.DeleteTaskRequest(task_id=task.id))
    assert (await platform.new_task(queue, variables=A)).id != task.id


async def test_a_lease_that_runs_out_for_good_makes_room(platform: TasksPlatform) -> None:
    queue = await platform.new_queue(duplicate_handling=FAIL, max_retries=0)
    await platform.new_task(queue, variables=A)
    await platform.next(queue, "a")
    platform.pass_time(minutes=10)
    await platform.cleanup(queue)
    await platform.new_task(queue, variables=A)


async def test_20_creates_at_once_make_one_task_when_duplicates_are_ignored(platform: TasksPlatform) -> None:
    queue = await platform.new_queue(duplicate_handling=IGNORE)
    tasks = await asyncio.gather(*(platform.new_task(queue, variables=A) for _ in range(20)))
    assert len({task.id for task in tasks}) == 1
    assert (await platform.counts(queue)).total == 1


async def test_20_creates_at_once_make_one_task_when_duplicates_fail(platform: TasksPlatform) -> None:
    queue = await platform.new_queue(duplicate_handling=FAIL)
    answers = await asyncio.gather(*(platform.new_task(queue, variables=A) for _ in range(20)), return_exceptions=True)
    assert sum(isinstance(answer, pb.Task) for answer in answers) == 1
    assert [answer.reason for answer in answers if isinstance(answer, DomainError)] == ["DUPLICATE_TASK"] * 19
    assert (await platform.counts(queue)).total == 1


async def test_in_bulk_each_item_stands_for_itself(platform: TasksPlatform) -> None:
    for handling, made, errors in ((ALLOW, 4, []), (IGNORE, 4, []), (FAIL, 2, [1, 3])):
        queue = await platform.new_queue(duplicate_handling=handling)
        items = [pb.NewTask(type_id=queue.type_id, variables=v) for v in (A, A, {"a": "1"}, {"a": "1"})]
        request = pb.CreateTasksRequest(project_id=queue.project_id, tasks=items)
        answer = await platform.call(platform.queue.CreateTasks, request)
        assert len(answer.tasks) == made
        assert [error.index for error in answer.errors] == errors
        assert {error.reason for error in answer.errors} <= {"DUPLICATE_TASK"}
        assert (await platform.counts(queue)).total == (4 if handling == ALLOW else 2)
        if handling == IGNORE:
            assert [task.id for task in answer.tasks[::2]] == [task.id for task in answer.tasks[1::2]]


@pytest.mark.parametrize("handling", [IGNORE, FAIL])
async def test_tasks_made_while_duplicates_were_allowed_count_later(platform: TasksPlatform, handling: int) -> None:
    queue = await platform.new_queue(duplicate_handling=ALLOW)
    first, _ = [await platform.new_task(queue, variables=A) for _ in range(2)]
    await set_handling(platform, queue, handling)
    if handling == IGNORE:
        assert (await platform.new_task(queue, variables=A)).id == first.id
    else:
        with refused("DUPLICATE_TASK"):
            await platform.new_task(queue, variables=A)
    await platform.new_task(queue, variables={"a": "other"})
    assert (await platform.counts(queue)).total == 3


async def test_tasks_that_failed_while_duplicates_were_allowed_do_not_count_later(platform: TasksPlatform) -> None:
    queue = await platform.new_queue(duplicate_handling=ALLOW)
    await platform.new_task(queue, variables=A)
    await finish(platform, queue, well=False)
    await set_handling(platform, queue, FAIL)
    await platform.new_task(queue, variables=A)


async def test_a_task_under_way_that_fails_after_the_change_makes_room(platform: TasksPlatform) -> None:
    queue = await platform.new_queue(duplicate_handling=ALLOW)
    await platform.new_task(queue, variables=A)
    task = await platform.next(queue, "a")
    assert task is not None
    await set_handling(platform, queue, FAIL)
    with refused("DUPLICATE_TASK"):
        await platform.new_task(queue, variables=A)
    await platform.fail(task.id, "a", can_retry=False)
    await platform.new_task(queue, variables=A)


async def test_a_task_under_way_that_is_deleted_after_the_change_makes_room(platform: TasksPlatform) -> None:
    queue = await platform.new_queue(duplicate_handling=ALLOW)
    await platform.new_task(queue, variables=A)
    task = await platform.next(queue, "a")
    assert task is not None
    await set_handling(platform, queue, FAIL)
    await platform.call(platform.queue.DeleteTask, pb.DeleteTaskRequest(task_id=task.id))
    await platform.new_task(queue, variables=A)


async def test_duplicates_allowed_again_are_made_again(platform: TasksPlatform) -> None:
    queue = await platform.new_queue(duplicate_handling=FAIL)
    await platform.new_task(queue, variables=A)
    await set_handling(platform, queue, ALLOW)
    await platform.new_task(queue, variables=A)
    await set_handling(platform, queue, FAIL)
    with refused("DUPLICATE_TASK"):
        await platform.new_task(queue, variables=A)
    assert (await platform.counts(queue)).total == 2


async def test_an_update_cannot_make_a_duplicate(platform: TasksPlatform) -> None:
    queue = await platform.new_queue(duplicate_handling=FAIL)
    await platform.new_task(queue, variables=A)
    other = await platform.new_task(queue, variables={"a": "1"})
    request = pb.UpdateTaskRequest(task_id=other.id, variables=pb.VariableValues(values=A))
    with refused("DUPLICATE_TASK", AlreadyExists):
        await platform.call(platform.queue.UpdateTask, request)
    assert await platform.get(other.id) == other
    changed = pb.UpdateTaskRequest(task_id=other.id, variables=pb.VariableValues(values={"a": "2"}))
    await platform.call(platform.queue.UpdateTask, changed)
    assert (await platform.new_task(queue, variables={"a": "1"})).id != other.id
