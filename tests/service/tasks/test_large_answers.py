"""Answers that would not fit into one message: refused before anything is done, and never half."""

from __future__ import annotations

from piecework.tasks.v1 import queue_pb2 as pb

from kit.errors import InvalidInput
from kit.ids import new_id
from tests.service.hosting import refused
from tests.service.tasks.platform import Queue, TasksPlatform


async def test_a_page_of_large_results_says_that_it_is_too_large(platform: TasksPlatform, queue: Queue) -> None:
    ids = await platform.new_tasks(queue, 9)
    for _ in ids:
        task = await platform.next(queue, "a")
        assert task is not None
        await platform.complete(task.id, "a", "é" * 500_000)
    with refused("ANSWER_TOO_LARGE", InvalidInput):
        await platform.tasks(queue)
    pages = [await platform.tasks(queue, limit=3, offset=offset) for offset in (0, 3, 6)]
    assert [task.id for page in pages for task in page] == ids


async def test_bulk_makes_only_what_it_can_answer(platform: TasksPlatform) -> None:
    queue = await platform.new_queue(template="{{a}}" * 260)
    items = [pb.NewTask(type_id=queue.type_id, variables={"a": "x" * 1000}) for _ in range(60)]
    request = pb.CreateTasksRequest(project_id=queue.project_id, tasks=items)
    key = new_id()
    answer = await platform.call(platform.queue.CreateTasks, request, key=key)
    assert {error.reason for error in answer.errors} == {"ANSWER_TOO_LARGE"}
    assert [error.index for error in answer.errors] == list(range(len(answer.tasks), 60))
    assert 30 < len(answer.tasks) < 60
    assert (await platform.counts(queue)).total == len(answer.tasks)
    assert await platform.call(platform.queue.CreateTasks, request, key=key) == answer


async def test_bulk_of_duplicates_does_not_answer_one_large_result_a_thousand_times(platform: TasksPlatform) -> None:
    queue = await platform.new_queue(duplicate_handling=pb.DUPLICATE_HANDLING_IGNORE)
    made = await platform.new_task(queue)
    await platform.next(queue, "a")
    await platform.complete(made.id, "a", "x" * 1_000_000)
    items = [pb.NewTask(type_id=queue.type_id) for _ in range(50)]
    answer = await platform.call(
        platform.queue.CreateTasks, pb.CreateTasksRequest(project_id=queue.project_id, tasks=items)
    )
    assert {task.id for task in answer.tasks} == {made.id}
    assert len(answer.tasks) + len(answer.errors) == 50
    assert {error.reason for error in answer.errors} == {"ANSWER_TOO_LARGE"}
