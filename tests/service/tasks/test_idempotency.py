"""Creating calls that are repeated under one key."""

from __future__ import annotations

import asyncio
from typing import Any

from piecework.tasks.v1 import queue_pb2 as pb

from kit.errors import AlreadyExists, InvalidInput
from kit.ids import new_id
from tests.service.hosting import refused
from tests.service.tasks.platform import OWNER, STRANGER, Queue, TasksPlatform


async def forget_answers(platform: TasksPlatform) -> None:
    """Leave the platform as a crash does that came after the effect and before the answer was kept."""
    await platform.database["idempotency"].delete_many({})


async def total(platform: TasksPlatform, queue: Queue) -> int:
    return (await platform.counts(queue)).total


def bulk(queue: Queue, count: int = 5) -> pb.CreateTasksRequest:
    items = [pb.NewTask(type_id=queue.type_id, instructions=f"task {number}") for number in range(count)]
    return pb.CreateTasksRequest(project_id=queue.project_id, tasks=items)


async def test_the_same_key_and_body_make_one_task(platform: TasksPlatform, queue: Queue) -> None:
    key = new_id()
    first = await platform.new_task(queue, key=key, instructions="a")
    assert await platform.new_task(queue, key=key, instructions="a") == first
    assert await platform.new_task(queue, instructions="a") != first
    assert await platform.new_task(queue, key=new_id(), instructions="a") != first
    assert await total(platform, queue) == 3


async def test_a_replay_says_that_it_is_one(platform: TasksPlatform, queue: Queue) -> None:
    key = new_id()
    marks = []
    for _ in range(2):
        request = pb.CreateTaskRequest(project_id=queue.project_id, task=pb.NewTask(type_id=queue.type_id))
        call: Any = platform.queue.CreateTask(request, **platform.outgoing(OWNER, timeout=30, idempotency_key=key))
        await call
        marks.append(dict(await call.trailing_metadata() or ()).get("idempotency-replayed"))
    assert marks == [None, "true"]


async def test_20_creates_at_once_under_one_key_make_one_task(platform: TasksPlatform, queue: Queue) -> None:
    key = new_id()
    answers = await asyncio.gather(*(platform.new_task(queue, key=key, instructions="a") for _ in range(20)))
    assert all(answer == answers[0] for answer in answers)
    assert await total(platform, queue) == 1


async def test_the_same_key_with_another_body_is_refused(platform: TasksPlatform, queue: Queue) -> None:
    key = new_id()
    await platform.new_task(queue, key=key, instructions="a")
    with refused("IDEMPOTENCY_KEY_REUSED", InvalidInput):
        await platform.new_task(queue, key=key, instructions="b")
    assert await total(platform, queue) == 1


async def test_a_key_belongs_to_its_operator_and_method(platform: TasksPlatform, queue: Queue) -> None:
    key = new_id()
    await platform.new_task(queue, key=key)
    await platform.call(platform.queue.CreateTasks, bulk(queue), key=key)
    theirs = await platform.new_project(caller=STRANGER)
    other = Queue(theirs.id, (await platform.new_type(theirs.id, STRANGER)).id)
    await platform.new_task(other, STRANGER, key)
    assert await total(platform, queue) == 6


async def test_a_call_that_failed_may_be_tried_again(platform: TasksPlatform) -> None:
    queue = await platform.new_queue(template="{{a}}")
    key = new_id()
    with refused("TEMPLATE_VARIABLES_MISSING"):
        await platform.new_task(queue, key=key)
    await platform.new_task(queue, key=key, variables={"a": "1"})
    assert await total(platform, queue) == 1


async def test_bulk_under_one_key_makes_its_tasks_once(platform: TasksPlatform, queue: Queue) -> None:
    key = new_id()
    answers = [await platform.call(platform.queue.CreateTasks, bulk(queue), key=key) for _ in range(3)]
    assert all(answer == answers[0] for answer in answers)
    assert await total(platform, queue) == 5


async def test_a_crash_between_effect_and_answer_does_not_double_a_task(platform: TasksPlatform) -> None:
    for handling in (pb.DUPLICATE_HANDLING_ALLOW, pb.DUPLICATE_HANDLING_IGNORE, pb.DUPLICATE_HANDLING_FAIL):
        queue = await platform.new_queue(duplicate_handling=handling)
        key = new_id()
        first = await platform.new_task(queue, key=key, variables={"a": "1"})
        await forget_answers(platform)
        assert await platform.new_task(queue, key=key, variables={"a": "1"}) == first
        assert await total(platform, queue) == 1


async def test_a_crash_in_the_middle_of_bulk_is_made_up_for(platform: TasksPlatform, queue: Queue) -> None:
    key = new_id()
    first = await platform.call(platform.queue.CreateTasks, bulk(queue), key=key)
    await forget_answers(platform)
    lost = [first.tasks[1].id, first.tasks[4].id]
    await platform.database["work_items"].delete_many({"_id": {"$in": lost}})
    again = await platform.call(platform.queue.CreateTasks, bulk(queue), key=key)
    assert [task.instructions for task in again.tasks] == [task.instructions for task in first.tasks]
    kept = [0, 2, 3]
    assert [again.tasks[n].id for n in kept] == [first.tasks[n].id for n in kept]
    assert await total(platform, queue) == 5


async def test_keys_of_bulk_and_single_calls_do_not_meet(platform: TasksPlatform, queue: Queue) -> None:
    key = new_id()
    await platform.call(platform.queue.CreateTasks, bulk(queue), key=key)
    await platform.new_task(queue, key=f"{key}#0", instructions="another")
    assert await total(platform, queue) == 6


async def test_projects_and_types_are_made_once_too(platform: TasksPlatform) -> None:
    key = new_id()
    request = pb.CreateProjectRequest(name=f"p-{key}", description="d")
    first = await platform.call(platform.queue.CreateProject, request, key=key)
    assert await platform.call(platform.queue.CreateProject, request, key=key) == first
    with refused("PROJECT_EXISTS", AlreadyExists):
        await platform.call(platform.queue.CreateProject, request)
    type_request = pb.CreateTaskTypeRequest(project_id=first.project.id, name="t")
    made = await platform.call(platform.queue.CreateTaskType, type_request, key=key)
    assert await platform.call(platform.queue.CreateTaskType, type_request, key=key) == made
    with refused("TASK_TYPE_EXISTS", AlreadyExists):
        await platform.call(platform.queue.CreateTaskType, type_request, key=new_id())


async def test_a_crash_between_effect_and_answer_does_not_refuse_a_project_or_type(platform: TasksPlatform) -> None:
    key = new_id()
    request = pb.CreateProjectRequest(name=f"p-{key}", description="d")
    first = await platform.call(platform.queue.CreateProject, request, key=key)
    type_request = pb.CreateTaskTypeRequest(project_id=first.project.id, name="t")
    made = await platform.call(platform.queue.CreateTaskType, type_request, key=key)
    await forget_answers(platform)
    assert await platform.call(platform.queue.CreateProject, request, key=key) == first
    assert await platform.call(platform.queue.CreateTaskType, type_request, key=key) == made
    await forget_answers(platform)
    with refused("PROJECT_EXISTS", AlreadyExists):
        await platform.call(platform.queue.CreateProject, request, key=new_id())
    with refused("TASK_TYPE_EXISTS", AlreadyExists):
        await platform.call(platform.queue.CreateTaskType, type_request, key=new_id())


async def test_the_key_of_a_deleted_project_makes_another(platform: TasksPlatform) -> None:
    key = new_id()
    request = pb.CreateProjectRequest(name=f"p-{key}", description="d")
    first = await platform.call(platform.queue.CreateProject, request, key=key)
    await platform.call(platform.queue.DeleteProject, pb.DeleteProjectRequest(project_id=first.project.id))
    await forget_answers(platform)
    second = await platform.call(platform.queue.CreateProject, request, key=key)
    assert second.project.id != first.project.id
