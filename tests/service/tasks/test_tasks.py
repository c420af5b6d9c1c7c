"""Tasks as their owner sees them: read, list, change, delete, batches."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from piecework.tasks.v1 import queue_pb2 as pb
from piecework.tasks.v1 import work_pb2 as work

from kit.errors import InvalidInput, NotFound, PermissionDenied, WrongState
from kit.ids import new_id
from kit.timestamps import from_timestamp
from tests.service.hosting import refused
from tests.service.tasks.platform import STRANGER, Queue, TasksPlatform

UNKNOWN = [new_id(), "not-an-id", "", "A" * 36, "x" * 200]


async def update(platform: TasksPlatform, task_id: str, **fields: Any) -> pb.Task:
    answer: pb.Task = (
        await platform.call(platform.queue.UpdateTask, pb.UpdateTaskRequest(task_id=task_id, **fields))
    ).task
    return answer


async def delete(platform: TasksPlatform, task_id: str) -> None:
    await platform.call(platform.queue.DeleteTask, pb.DeleteTaskRequest(task_id=task_id))


async def in_state(platform: TasksPlatform, queue: Queue, state: str) -> pb.Task:
    """Make a task and bring it into a state."""
    task = await platform.new_task(queue, instructions="do it", variables={"a": "1"})
    if state == "queued":
        return task
    held = await platform.next(queue, f"agent-{new_id()[-12:]}")
    assert held is not None
    agent = held.lease.holder
    if state == "leased":
        return held
    if state == "requeued":
        return await platform.fail(task.id, agent)
    if state == "completed":
        return await platform.complete(task.id, agent)
    return await platform.fail(task.id, agent, can_retry=False)


async def test_a_new_task_is_as_it_was_asked_for(platform: TasksPlatform, queue: Queue) -> None:
    request = pb.CreateTaskRequest(
        project_id=queue.project_id,
        task=pb.NewTask(type_id=queue.type_id, instructions="do", variables={"a": "ä\n"}, description="a title"),
        batch_id="b-1",
    )
    task: pb.Task = (await platform.call(platform.queue.CreateTask, request)).task
    assert Queue(task.project_id, task.type_id) == queue
    assert (task.instructions, dict(task.variables), task.description) == ("do", {"a": "ä\n"}, "a title")
    assert (task.batch_id, task.state, task.retry_count, task.max_retries) == ("b-1", work.WORK_STATE_QUEUED, 0, 3)
    assert from_timestamp(task.created_at) == from_timestamp(task.updated_at) == platform.clock.now()
    assert not task.attempts
    assert [name for name in ("lease", "assigned_at", "ended_at") if task.HasField(name)] == []
    assert await platform.get(task.id) == task
    other = await platform.new_task(queue)
    assert other.description == f"Task of type {other.type_name}"


@pytest.mark.parametrize("state", ["queued", "requeued"])
async def test_a_task_that_waits_can_be_changed(platform: TasksPlatform, queue: Queue, state: str) -> None:
    task = await in_state(platform, queue, state)
    platform.pass_time(seconds=1)
    changed = await update(
        platform, task.id, instructions="other", variables=pb.VariableValues(values={"b": "2"}), description="new"
    )
    assert (changed.instructions, dict(changed.variables), changed.description) == ("other", {"b": "2"}, "new")
    assert from_timestamp(changed.updated_at) == platform.clock.now()
    assert from_timestamp(changed.created_at) == from_timestamp(task.created_at)
    assert (changed.attempts, changed.retry_count) == (task.attempts, task.retry_count)
    assert await platform.get(task.id) == changed
    assert (await update(platform, task.id)).instructions == "other"


@pytest.mark.parametrize("state", ["leased", "completed", "failed"])
async def test_other_tasks_cannot_be_changed(platform: TasksPlatform, queue: Queue, state: str) -> None:
    task = await in_state(platform, queue, state)
    with refused("TASK_NOT_QUEUED", WrongState):
        await update(platform, task.id, instructions="other")
    assert await platform.get(task.id) == task


@pytest.mark.parametrize("state", ["queued", "leased", "requeued", "completed", "failed"])
async def test_a_task_in_any_state_can_be_deleted(platform: TasksPlatform, queue: Queue, state: str) -> None:
    task = await in_state(platform, queue, state)
    await delete(platform, task.id)
    for call in (
        platform.get(task.id),
        delete(platform, task.id),
        update(platform, task.id, description="x"),
        platform.complete(task.id, "a", token=1),
        platform.fail(task.id, "a", token=1),
        platform.extend(task.id, 1, "a", token=1),
    ):
        with refused("TASK_NOT_FOUND", NotFound):
            await call
    assert await platform.tasks(queue) == []
    assert (await platform.counts(queue)).total == 0
    assert await platform.next(queue, "b") is None


async def test_a_worker_whose_task_was_deleted_gets_another(platform: TasksPlatform, queue: Queue) -> None:
    first, second = await platform.new_tasks(queue, 2)
    await platform.next(queue, "a")
    await delete(platform, first)
    task = await platform.next(queue, "a")
    assert task is not None
    assert task.id == second


async def test_a_change_and_a_hand_out_at_once(platform: TasksPlatform, queue: Queue) -> None:
    for _ in range(20):
        task = await platform.new_task(queue, instructions="old")
        changed, held = await asyncio.gather(
            update(platform, task.id, instructions="new"), platform.next(queue, "a"), return_exceptions=True
        )
        assert isinstance(held, pb.Task)
        # Whoever came first: the worker has what is stored.
        assert (await platform.get(task.id)).instructions == held.instructions
        assert held.instructions == ("old" if isinstance(changed, WrongState) else "new")
        await platform.complete(task.id, "a")


async def test_a_deletion_and_a_hand_out_at_once(platform: TasksPlatform, queue: Queue) -> None:
    for _ in range(20):
        task = await platform.new_task(queue)
        await asyncio.gather(delete(platform, task.id), platform.next(queue, "a"))
        with refused("TASK_NOT_FOUND"):
            await platform.complete(task.id, "a")
    assert await platform.next(queue, "a") is None


async def test_lists_are_oldest_first_and_in_pages(platform: TasksPlatform, queue: Queue) -> None:
    ids = await platform.new_tasks(queue, 25)
    assert [task.id for task in await platform.tasks(queue)] == ids
    pages = [[task.id for task in await platform.tasks(queue, limit=10, offset=offset)] for offset in (0, 10, 20, 30)]
    assert pages == [ids[:10], ids[10:20], ids[20:], []]
    for wrong in ({"limit": 0}, {"limit": 1001}, {"offset": -1}):
        with refused("VALIDATION_FAILED", InvalidInput):
            await platform.tasks(queue, **wrong)


async def test_lists_can_be_narrowed(platform: TasksPlatform, queue: Queue) -> None:
    states = ("completed", "failed", "leased", "queued")
    tasks = {state: await in_state(platform, queue, state) for state in states}
    numbers = {
        "queued": work.WORK_STATE_QUEUED,
        "leased": work.WORK_STATE_LEASED,
        "completed": work.WORK_STATE_COMPLETED,
        "failed": work.WORK_STATE_FAILED,
    }
    for state, number in numbers.items():
        assert await platform.tasks(queue, state=number) == [tasks[state]]
    assert await platform.tasks(queue, assigned_to=tasks["leased"].lease.holder) == [tasks["leased"]]
    assert await platform.tasks(queue, assigned_to="nobody") == []
    other_type = await platform.new_type(queue.project_id)
    typed = await platform.new_task(Queue(queue.project_id, other_type.id))
    assert await platform.tasks(queue, type_id=other_type.id) == [typed]
    assert await platform.tasks(queue, type_id="unknown") == []
    assert len(await platform.tasks(queue, type_id=queue.type_id, state=work.WORK_STATE_QUEUED)) == 1


async def test_a_batch_is_a_field_a_filter_and_a_count(platform: TasksPlatform, queue: Queue) -> None:
    items = [pb.NewTask(type_id=queue.type_id) for _ in range(6)]
    request = pb.CreateTasksRequest(project_id=queue.project_id, tasks=items, batch_id="b-1")
    made = (await platform.call(platform.queue.CreateTasks, request)).tasks
    await platform.new_task(queue)
    assert await platform.tasks(queue, batch_id="b-1") == list(made)
    for number, ending in enumerate(("complete", "fail", "hold")):
        held = await platform.next(queue, f"agent-{number}")
        assert held is not None
        if ending == "complete":
            await platform.complete(held.id, held.lease.holder)
        elif ending == "fail":
            await platform.fail(held.id, held.lease.holder, can_retry=False)
    answer = await platform.call(
        platform.queue.GetBatch, pb.GetBatchRequest(project_id=queue.project_id, batch_id="b-1")
    )
    assert answer == pb.GetBatchResponse(
        batch_id="b-1", counts=pb.TaskCounts(total=6, queued=3, running=1, completed=1, failed=1)
    )
    with refused("BATCH_NOT_FOUND", NotFound):
        await platform.call(platform.queue.GetBatch, pb.GetBatchRequest(project_id=queue.project_id, batch_id="b-2"))


@pytest.mark.parametrize("task_id", UNKNOWN)
async def test_what_is_not_there_is_not_found(platform: TasksPlatform, task_id: str) -> None:
    reason = "TASK_NOT_FOUND" if task_id else "VALIDATION_FAILED"
    for call in (platform.get(task_id), delete(platform, task_id), update(platform, task_id, description="x")):
        with refused(reason):
            await call


async def test_nobody_reads_or_changes_the_tasks_of_another(platform: TasksPlatform, queue: Queue) -> None:
    task = await in_state(platform, queue, "leased")
    lease = pb.TaskLeaseRef(task_id=task.id, agent_name=task.lease.holder, lease_token=1)
    for method, request in (
        (platform.queue.GetTask, pb.GetTaskRequest(task_id=task.id)),
        (platform.queue.UpdateTask, pb.UpdateTaskRequest(task_id=task.id, description="x")),
        (platform.queue.DeleteTask, pb.DeleteTaskRequest(task_id=task.id)),
        (platform.queue.CompleteTask, pb.CompleteTaskRequest(lease=lease, result="x")),
        (platform.queue.FailTask, pb.FailTaskRequest(lease=lease, error="x")),
        (platform.queue.ExtendLease, pb.ExtendLeaseRequest(lease=lease, extension_minutes=1)),
        (platform.queue.ListTasks, pb.ListTasksRequest(project_id=queue.project_id)),
        (platform.queue.NextTask, pb.NextTaskRequest(project_id=queue.project_id, agent_name="x")),
        (platform.queue.PeekTasks, pb.PeekTasksRequest(project_id=queue.project_id)),
        (platform.queue.CleanupLeases, pb.CleanupLeasesRequest(project_id=queue.project_id)),
        (platform.queue.GetBatch, pb.GetBatchRequest(project_id=queue.project_id, batch_id="b")),
        (platform.queue.ListActiveAgents, pb.ListActiveAgentsRequest(project_id=queue.project_id)),
        (platform.queue.CreateTask, _create(queue)),
    ):
        with refused("OTHER_OPERATOR", PermissionDenied):
            await platform.call(method, request, STRANGER)
    assert await platform.get(task.id) == task


def _create(queue: Queue) -> pb.CreateTaskRequest:
    return pb.CreateTaskRequest(project_id=queue.project_id, task=pb.NewTask(type_id=queue.type_id))


async def test_bad_input_is_refused_and_nothing_is_stored(platform: TasksPlatform, queue: Queue) -> None:
    wrong: list[dict[str, Any]] = [
        {"instructions": "x" * 10_001},
        {"description": "x" * 501},
        {"variables": {"1a": "x"}},
        {"variables": {"a\n": "x"}},
        {"variables": {"a": "x" * 1001}},
        {"variables": {f"v{number}": "" for number in range(51)}},
    ]
    for fields in wrong:
        with refused("VALIDATION_FAILED", InvalidInput):
            await platform.new_task(queue, **fields)
    for agent in ("", "a b", "ä", "a\n", "../x", "x" * 51):
        with refused("VALIDATION_FAILED", InvalidInput):
            await platform.next(queue, agent)
    assert (await platform.counts(queue)).total == 0
