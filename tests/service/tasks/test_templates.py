"""Templates: what becomes of `{{variables}}`."""

from __future__ import annotations

import pytest
from piecework.tasks.v1 import queue_pb2 as pb

from kit.errors import InvalidInput, NotFound
from kit.ids import new_id
from tests.service.hosting import refused
from tests.service.tasks.platform import Queue, TasksPlatform


async def update(platform: TasksPlatform, task_id: str, **fields: object) -> pb.Task:
    request = pb.UpdateTaskRequest(task_id=task_id, **fields)  # type: ignore[arg-type]
    answer: pb.Task = (await platform.call(platform.queue.UpdateTask, request)).task
    return answer


async def update_type(platform: TasksPlatform, type_id: str, **fields: object) -> pb.TaskType:
    request = pb.UpdateTaskTypeRequest(type_id=type_id, **fields)  # type: ignore[arg-type]
    answer: pb.TaskType = (await platform.call(platform.queue.UpdateTaskType, request)).task_type
    return answer


async def test_instructions_are_the_template_with_the_variables_filled_in(platform: TasksPlatform) -> None:
    queue = await platform.new_queue(template="Read {{file}} in {{repository}}; again {{file}}. {{ file }} {{}} {file}")
    made = await platform.new_task(
        queue, variables={"file": "a.py", "repository": "r", "extra": "kept"}, instructions="discarded"
    )
    text = "Read a.py in r; again a.py. {{ file }} {{}} {file}"
    leased = await platform.next(queue, "a")
    assert leased is not None
    (listed,) = await platform.tasks(queue)
    for shown in (made, leased, listed, await platform.get(made.id)):
        assert shown.instructions == text
        assert dict(shown.variables) == {"file": "a.py", "repository": "r", "extra": "kept"}


async def test_values_are_not_looked_into(platform: TasksPlatform) -> None:
    queue = await platform.new_queue(template="{{a}} {{b}}")
    task = await platform.new_task(queue, variables={"a": "{{b}}", "b": r"\1 \g<0> {{a}} $& %s"})
    assert task.instructions == r"{{b}} \1 \g<0> {{a}} $& %s"


async def test_missing_variables_are_named(platform: TasksPlatform) -> None:
    queue = await platform.new_queue(template="{{b}} {{a}} {{c}}")
    with refused("TEMPLATE_VARIABLES_MISSING", InvalidInput):
        await platform.new_task(queue, variables={"b": "1"})
    with pytest.raises(InvalidInput, match="Missing required template variables: a, c"):
        await platform.new_task(queue, variables={"b": "1"})
    assert (await platform.counts(queue)).total == 0
    assert (await platform.new_task(queue, variables={"a": "", "b": "", "c": ""})).instructions == "  "


async def test_in_bulk_only_the_item_that_misses_variables_is_refused(platform: TasksPlatform) -> None:
    queue = await platform.new_queue(template="{{a}}")
    items = [
        pb.NewTask(type_id=queue.type_id),
        pb.NewTask(type_id=queue.type_id, variables={"a": "1"}),
        pb.NewTask(type_id=new_id(), variables={"a": "1"}),
    ]
    request = pb.CreateTasksRequest(project_id=queue.project_id, tasks=items)
    answer = await platform.call(platform.queue.CreateTasks, request)
    assert [task.instructions for task in answer.tasks] == ["1"]
    reasons = [(error.index, error.reason) for error in answer.errors]
    assert reasons == [(0, "TEMPLATE_VARIABLES_MISSING"), (2, "TASK_TYPE_NOT_FOUND")]


async def test_variables_of_a_type_are_those_given_or_those_of_the_template(platform: TasksPlatform) -> None:
    project = await platform.new_project()
    found = await platform.new_type(project.id, template="{{b}} {{a}} {{b}}")
    assert list(found.variables) == ["a", "b"]
    given = await platform.new_type(project.id, template="{{a}}", variables=["z", "a"])
    assert list(given.variables) == ["z", "a"]
    assert list((await platform.new_type(project.id, variables=["only"])).variables) == ["only"]
    with refused("TEMPLATE_VARIABLES_UNLISTED", InvalidInput):
        await platform.new_type(project.id, template="{{a}} {{b}}", variables=["a"])


async def test_a_changed_template_counts_for_new_tasks_only(platform: TasksPlatform) -> None:
    queue = await platform.new_queue(template="old {{a}}")
    before = await platform.new_task(queue, variables={"a": "1"})
    changed = await update_type(platform, queue.type_id, template="new {{b}}")
    assert list(changed.variables) == ["b"]
    assert (await platform.get(before.id)).instructions == "old 1"
    with refused("TEMPLATE_VARIABLES_MISSING"):
        await platform.new_task(queue, variables={"a": "1"})
    assert (await platform.new_task(queue, variables={"b": "2"})).instructions == "new 2"
    with refused("TEMPLATE_VARIABLES_UNLISTED"):
        await update_type(platform, queue.type_id, variables=pb.VariableNames(names=["a"]))


async def test_a_new_title_leaves_the_instructions_alone(platform: TasksPlatform) -> None:
    queue = await platform.new_queue(template="old {{a}}")
    task = await platform.new_task(queue, variables={"a": "1"})
    await update_type(platform, queue.type_id, template="new {{b}}")
    changed = await update(platform, task.id, description="a title")
    assert (changed.description, changed.instructions) == ("a title", "old 1")


async def test_new_variables_are_filled_into_the_present_template(platform: TasksPlatform) -> None:
    queue = await platform.new_queue(template="old {{a}}")
    task = await platform.new_task(queue, variables={"a": "1"})
    changed = await update(platform, task.id, variables=pb.VariableValues(values={"a": "2"}), instructions="mine")
    assert (changed.instructions, dict(changed.variables)) == ("old 2", {"a": "2"})
    with refused("TEMPLATE_VARIABLES_MISSING", InvalidInput):
        await update(platform, task.id, variables=pb.VariableValues(values={"b": "2"}))
    assert await platform.get(task.id) == changed


async def test_a_type_without_template_takes_free_instructions(platform: TasksPlatform, queue: Queue) -> None:
    task = await platform.new_task(queue, instructions="as {{is}}", variables={"is": "x"})
    assert task.instructions == "as {{is}}"
    assert (await platform.new_task(queue)).instructions == ""
    assert (await update(platform, task.id, instructions="other")).instructions == "other"


async def test_instructions_cannot_grow_without_bound(platform: TasksPlatform) -> None:
    queue = await platform.new_queue(template="{{a}}" * 500)
    with refused("INSTRUCTIONS_TOO_LONG", InvalidInput):
        await platform.new_task(queue, variables={"a": "x" * 1000})


async def test_a_type_of_another_project_is_not_found(platform: TasksPlatform, queue: Queue) -> None:
    other = await platform.new_queue()
    with refused("TASK_TYPE_NOT_FOUND", NotFound):
        await platform.new_task(Queue(queue.project_id, other.type_id))
