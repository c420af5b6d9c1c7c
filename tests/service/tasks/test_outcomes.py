"""How attempts end: results, failures, retries, and calls that are repeated."""

from __future__ import annotations

import asyncio

import pytest
from piecework.tasks.v1 import queue_pb2 as pb
from piecework.tasks.v1 import work_pb2 as work

from kit.errors import Conflict, DomainError, InvalidInput, WrongState
from kit.timestamps import from_timestamp
from tests.service.hosting import refused
from tests.service.tasks.platform import Queue, TasksPlatform


async def started(platform: TasksPlatform, queue: Queue, agent: str = "a") -> pb.Task:
    """Make a task and hand it out."""
    await platform.new_task(queue)
    task = await platform.next(queue, agent)
    assert task is not None
    return task


async def test_a_completed_task_keeps_its_result(platform: TasksPlatform, queue: Queue) -> None:
    task = await started(platform, queue)
    platform.pass_time(seconds=45)
    done = await platform.complete(task.id, "a", "42 words", outputs='{"words": 42, "deep": {"x": [1.5, null]}}')
    assert (done.state, done.result) == (work.WORK_STATE_COMPLETED, "42 words")
    assert done.outputs_json == '{"words": 42, "deep": {"x": [1.5, null]}}'
    assert from_timestamp(done.ended_at) == platform.clock.now()
    assert not done.HasField("lease")
    (attempt,) = done.attempts
    assert (attempt.outcome, attempt.result, attempt.holder) == (work.ATTEMPT_OUTCOME_COMPLETED, "42 words", "a")
    assert from_timestamp(attempt.ended_at) == platform.clock.now()
    assert await platform.get(task.id) == done


async def test_outputs_must_be_a_json_object(platform: TasksPlatform, queue: Queue) -> None:
    task = await started(platform, queue)
    for outputs in ("[1]", "1", "null", "{", '"x"', "{'a': 1}"):
        with refused("VALIDATION_FAILED", InvalidInput):
            await platform.complete(task.id, "a", outputs=outputs)
    assert (await platform.get(task.id)).state == work.WORK_STATE_LEASED


async def test_a_task_is_completed_once(platform: TasksPlatform, queue: Queue) -> None:
    task = await started(platform, queue)
    await platform.complete(task.id, "a", "first")
    with refused("TASK_NOT_RUNNING", WrongState):
        await platform.complete(task.id, "a", "first")
    with refused("TASK_NOT_RUNNING", WrongState):
        await platform.fail(task.id, "a", token=1)
    with refused("TASK_NOT_RUNNING", WrongState):
        await platform.complete(task.id, "a", "second", token=1)
    assert (await platform.get(task.id)).result == "first"


async def test_a_repeated_completion_with_its_token_is_answered_the_same(platform: TasksPlatform, queue: Queue) -> None:
    task = await started(platform, queue)
    first = await platform.complete(task.id, "a", "done", token=1, outputs='{"a": 1}')
    platform.pass_time(minutes=1)
    assert await platform.complete(task.id, "a", "done", token=1, outputs='{"a": 1}') == first
    assert await platform.complete(task.id, "", "done", token=1, outputs='{"a": 1}') == first
    for agent, result, outputs in (("a", "other", '{"a": 1}'), ("b", "done", '{"a": 1}'), ("a", "done", '{"a": 2}')):
        with refused("TASK_NOT_RUNNING", WrongState):
            await platform.complete(task.id, agent, result, token=1, outputs=outputs)


async def test_a_repeated_failure_with_its_token_costs_one_retry(platform: TasksPlatform, queue: Queue) -> None:
    task = await started(platform, queue)
    first = await platform.fail(task.id, "a", token=1)
    assert await platform.fail(task.id, "a", token=1) == first
    assert first.retry_count == 1
    # Also when the next attempt is under way: it was accepted then.
    running = await platform.next(queue, "b")
    assert await platform.fail(task.id, "a", token=1) == running


async def test_many_completions_at_once_are_one(platform: TasksPlatform, queue: Queue) -> None:
    task = await started(platform, queue)
    answers = await asyncio.gather(
        *(platform.complete(task.id, "a", f"result {number}", token=1) for number in range(20)), return_exceptions=True
    )
    accepted = [answer for answer in answers if isinstance(answer, pb.Task)]
    reasons = {answer.reason for answer in answers if isinstance(answer, DomainError)}
    assert len(accepted) == 1
    assert reasons == {"TASK_NOT_RUNNING"}
    assert await platform.get(task.id) == accepted[0]


async def test_completion_and_failure_at_once_have_one_winner(platform: TasksPlatform, queue: Queue) -> None:
    for _ in range(10):
        task = await started(platform, queue)
        answers = await asyncio.gather(
            platform.complete(task.id, "a"), platform.fail(task.id, "a", can_retry=False), return_exceptions=True
        )
        accepted = [answer for answer in answers if isinstance(answer, pb.Task)]
        assert len(accepted) == 1
        assert await platform.get(task.id) == accepted[0]


@pytest.mark.parametrize("max_retries", [0, 1, 3])
async def test_a_task_is_tried_once_more_than_its_retries(platform: TasksPlatform, max_retries: int) -> None:
    queue = await platform.new_queue(max_retries=max_retries)
    task = await platform.new_task(queue)
    for attempt in range(1, max_retries + 2):
        assert await platform.next(queue, "a") is not None
        failed = await platform.fail(task.id, "a", error=f"broke {attempt}")
        assert failed.retry_count == attempt
        assert failed.max_retries == max_retries
    assert failed.state == work.WORK_STATE_FAILED
    assert failed.result == f"broke {max_retries + 1}"
    assert from_timestamp(failed.ended_at) == platform.clock.now()
    assert [attempt.result for attempt in failed.attempts] == [f"broke {n}" for n in range(1, max_retries + 2)]
    assert {attempt.outcome for attempt in failed.attempts} == {work.ATTEMPT_OUTCOME_FAILED}
    assert await platform.next(queue, "a") is None


async def test_a_failed_attempt_puts_the_task_back_in_its_place(platform: TasksPlatform, queue: Queue) -> None:
    ids = await platform.new_tasks(queue, 3)
    first = await platform.next(queue, "a")
    assert first is not None
    back = await platform.fail(first.id, "a")
    assert (back.state, back.HasField("lease"), back.HasField("ended_at")) == (work.WORK_STATE_QUEUED, False, False)
    again = await platform.next(queue, "b")
    assert again is not None
    assert again.id == ids[0]


async def test_a_task_that_cannot_be_done_fails_at_once(platform: TasksPlatform, queue: Queue) -> None:
    task = await started(platform, queue)
    failed = await platform.fail(task.id, "a", can_retry=False)
    assert (failed.state, failed.retry_count) == (work.WORK_STATE_FAILED, 1)
    assert len(failed.attempts) == 1
    assert await platform.next(queue, "b") is None
    with refused("TASK_NOT_RUNNING", WrongState):
        await platform.complete(task.id, "a", token=1)


async def test_a_result_that_follows_a_failed_attempt_counts(platform: TasksPlatform, queue: Queue) -> None:
    task = await started(platform, queue)
    await platform.fail(task.id, "a", error="not yet")
    await platform.next(queue, "b")
    with refused("STALE_TOKEN", Conflict):
        await platform.complete(task.id, "a", "too late", token=1)
    done = await platform.complete(task.id, "b", "yes", token=2)
    assert (done.result, done.retry_count) == ("yes", 1)
    assert [attempt.result for attempt in done.attempts] == ["not yet", "yes"]


async def test_a_closed_project_takes_no_outcome(platform: TasksPlatform, queue: Queue) -> None:
    task = await started(platform, queue)
    await platform.close_project(queue.project_id)
    for call in (
        platform.next(queue, "a"),
        platform.complete(task.id, "a"),
        platform.fail(task.id, "a"),
        platform.extend(task.id, 1, "a"),
    ):
        with refused("PROJECT_CLOSED", WrongState):
            await call
    platform.pass_time(minutes=11)
    assert await platform.cleanup(queue) == (1, 1)
    await platform.update_project(queue.project_id, status=pb.PROJECT_STATUS_ACTIVE)
    again = await platform.next(queue, "b")
    assert again is not None
    assert (again.id, again.lease.token) == (task.id, 2)


async def test_large_and_odd_results_come_back_as_they_were(platform: TasksPlatform, queue: Queue) -> None:
    for result in ("", "\x00 null", "ä€😀" * 1000, "x" * 1_048_576):
        task = await started(platform, queue)
        assert (await platform.complete(task.id, "a", result)).result == result
        assert (await platform.get(task.id)).result == result
    task = await started(platform, queue)
    with refused("VALIDATION_FAILED", InvalidInput):
        await platform.complete(task.id, "a", "x" * 1_048_577)


async def test_a_write_whose_answer_was_lost_counts_once(platform: TasksPlatform, queue: Queue) -> None:
    async def lose_one_answer() -> None:
        data = {
            "failCommands": ["update"],
            "namespace": platform.database["work_items"].full_name,
            "writeConcernError": {"code": 91, "errmsg": "shutting down"},
        }
        fault = {"configureFailPoint": "failCommand", "mode": {"times": 1}, "data": data}
        await platform.database.client.admin.command(fault)

    await platform.new_task(queue)
    await lose_one_answer()
    task = await platform.next(queue, "a")
    assert task is not None
    assert [attempt.holder for attempt in task.attempts] == ["a"]
    await lose_one_answer()
    done = await platform.complete(task.id, "a", "42 words")
    assert (done.state, len(done.attempts)) == (work.WORK_STATE_COMPLETED, 1)
    assert await platform.get(task.id) == done
