"""Task types: make, change, delete, and what that means to tasks that are there."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from piecework.tasks.v1 import queue_pb2 as pb

from kit.errors import AlreadyExists, InvalidInput, NotFound, PermissionDenied, WrongState
from kit.ids import new_id
from kit.timestamps import from_timestamp
from tests.service.hosting import refused
from tests.service.tasks.platform import STRANGER, Queue, TasksPlatform


async def update(platform: TasksPlatform, type_id: str, **fields: Any) -> pb.TaskType:
    request = pb.UpdateTaskTypeRequest(type_id=type_id, **fields)
    answer: pb.TaskType = (await platform.call(platform.queue.UpdateTaskType, request)).task_type
    return answer


async def delete(platform: TasksPlatform, type_id: str) -> None:
    await platform.call(platform.queue.DeleteTaskType, pb.DeleteTaskTypeRequest(type_id=type_id))


async def get(platform: TasksPlatform, type_id: str) -> pb.TaskType:
    answer: pb.TaskType = (
        await platform.call(platform.queue.GetTaskType, pb.GetTaskTypeRequest(type_id=type_id))
    ).task_type
    return answer


async def test_a_type_takes_what_it_does_not_say_from_its_project(platform: TasksPlatform) -> None:
    project = await platform.new_project(default_max_retries=7, default_lease_duration_minutes=20)
    plain = await platform.new_type(project.id)
    assert (plain.max_retries, plain.lease_duration_minutes) == (7, 20)
    assert (plain.duplicate_handling, plain.template) == (pb.DUPLICATE_HANDLING_ALLOW, "")
    own = await platform.new_type(project.id, max_retries=0, lease_duration_minutes=0.5)
    assert (own.max_retries, own.lease_duration_minutes) == (0, 0.5)
    assert await get(platform, own.id) == own


async def test_names_are_unique_in_a_project(platform: TasksPlatform) -> None:
    projects = [await platform.new_project() for _ in range(2)]
    for project in projects:
        await platform.new_type(project.id, name="audit")
    with refused("TASK_TYPE_EXISTS", AlreadyExists):
        await platform.new_type(projects[0].id, name="audit")
    other = await platform.new_type(projects[0].id, name="Audit")
    with refused("TASK_TYPE_EXISTS", AlreadyExists):
        await update(platform, other.id, name="audit")
    assert (await update(platform, other.id, name="other")).name == "other"


async def test_types_are_listed_newest_first(platform: TasksPlatform) -> None:
    project = await platform.new_project()
    made = [await platform.new_type(project.id) for _ in range(3)]
    answer = await platform.call(platform.queue.ListTaskTypes, pb.ListTaskTypesRequest(project_id=project.id))
    assert list(answer.task_types) == made[::-1]


async def test_only_the_fields_that_are_set_change(platform: TasksPlatform) -> None:
    project = await platform.new_project()
    before = await platform.new_type(project.id, template="{{a}}", variables=["a", "b"], max_retries=2)
    platform.pass_time(seconds=1)
    after = await update(platform, before.id, max_retries=0)
    assert (after.max_retries, after.template, list(after.variables)) == (0, "{{a}}", ["a", "b"])
    assert from_timestamp(after.updated_at) == platform.clock.now()
    assert await get(platform, before.id) == after


async def test_retries_count_as_they_were_when_the_task_was_made(platform: TasksPlatform) -> None:
    queue = await platform.new_queue(max_retries=1)
    before = await platform.new_task(queue)
    await update(platform, queue.type_id, max_retries=5)
    assert (await platform.get(before.id)).max_retries == 1
    assert (await platform.new_task(queue)).max_retries == 5


async def test_a_new_lease_length_counts_from_the_next_hand_out(platform: TasksPlatform, queue: Queue) -> None:
    await platform.new_tasks(queue, 2)
    running = await platform.next(queue, "a")
    assert running is not None
    await update(platform, queue.type_id, lease_duration_minutes=30)
    assert await platform.get(running.id) == running
    half_an_hour = platform.clock.now() + timedelta(minutes=30)
    waiting = await platform.next(queue, "b")
    assert waiting is not None
    assert from_timestamp(waiting.lease.expires_at) == half_an_hour
    await platform.fail(running.id, "a")
    again = await platform.next(queue, "a")
    assert again is not None
    assert from_timestamp(again.lease.expires_at) == half_an_hour


async def test_a_type_that_has_tasks_cannot_be_deleted(platform: TasksPlatform, queue: Queue) -> None:
    ids = await platform.new_tasks(queue, 2)
    await platform.next(queue, "a")
    await platform.complete(ids[0], "a")
    with pytest.raises(WrongState, match="2 tasks are using this type"):
        await delete(platform, queue.type_id)
    for task_id in ids:
        await platform.call(platform.queue.DeleteTask, pb.DeleteTaskRequest(task_id=task_id))
    await delete(platform, queue.type_id)
    for call in (
        get(platform, queue.type_id),
        delete(platform, queue.type_id),
        update(platform, queue.type_id, max_retries=1),
        platform.new_task(queue),
    ):
        with refused("TASK_TYPE_NOT_FOUND", NotFound):
            await call


async def test_a_closed_project_takes_no_changes_of_types(platform: TasksPlatform, queue: Queue) -> None:
    await platform.close_project(queue.project_id)
    for call in (
        platform.new_type(queue.project_id),
        update(platform, queue.type_id, max_retries=1),
        platform.call(platform.queue.ListTaskTypes, pb.ListTaskTypesRequest(project_id=queue.project_id)),
    ):
        with refused("PROJECT_CLOSED", WrongState):
            await call
    assert (await get(platform, queue.type_id)).id == queue.type_id


async def test_nobody_uses_the_types_of_another(platform: TasksPlatform, queue: Queue) -> None:
    for method, request in (
        (platform.queue.GetTaskType, pb.GetTaskTypeRequest(type_id=queue.type_id)),
        (platform.queue.UpdateTaskType, pb.UpdateTaskTypeRequest(type_id=queue.type_id, max_retries=1)),
        (platform.queue.DeleteTaskType, pb.DeleteTaskTypeRequest(type_id=queue.type_id)),
        (platform.queue.ListTaskTypes, pb.ListTaskTypesRequest(project_id=queue.project_id)),
        (platform.queue.CreateTaskType, pb.CreateTaskTypeRequest(project_id=queue.project_id, name="t")),
    ):
        with refused("OTHER_OPERATOR", PermissionDenied):
            await platform.call(method, request, STRANGER)


@pytest.mark.parametrize(
    "fields",
    [
        {"name": "a b"},
        {"name": "a\n"},
        {"name": ""},
        {"name": "x" * 101},
        {"template": ""},
        {"template": "x" * 10_001},
        {"variables": ["1a"]},
        {"variables": ["a", "a"]},
        {"variables": [f"v{number}" for number in range(21)]},
        {"max_retries": -1},
        {"max_retries": 11},
        {"lease_duration_minutes": 0.05},
        {"lease_duration_minutes": 1441},
        {"lease_duration_minutes": float("nan")},
        {"lease_duration_minutes": float("inf")},
        {"duplicate_handling": 9},
    ],
)
async def test_bad_input_is_refused(platform: TasksPlatform, fields: dict[str, Any]) -> None:
    project = await platform.new_project()
    with refused("VALIDATION_FAILED", InvalidInput):
        await platform.new_type(project.id, **fields)


@pytest.mark.parametrize("type_id", [new_id(), "not-an-id"])
async def test_what_is_not_there_is_not_found(platform: TasksPlatform, type_id: str) -> None:
    for call in (get(platform, type_id), delete(platform, type_id), update(platform, type_id, max_retries=1)):
        with refused("TASK_TYPE_NOT_FOUND", NotFound):
            await call
