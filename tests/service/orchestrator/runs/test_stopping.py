"""Runs that end before their steps: cancelled, or out of time."""

from __future__ import annotations

import time

from piecework.orchestrator.v1 import runs_pb2 as pb

from kit.caller import Caller
from tests.conditions import come_true
from tests.service.orchestrator.platform import RunsPlatform


def _running(run: pb.Run) -> list[pb.Step]:
    return [step for step in run.steps if step.state == pb.STEP_STATE_RUNNING]


async def test_cancelling_stops_steps_that_run(platform: RunsPlatform, customer: Caller) -> None:
    run = await platform.start_run(customer, "Wait. [[mock hang]]", quick=True)
    await platform.until(customer, run.id, lambda run: bool(_running(run)))

    canceled = await platform.cancel_run(customer, run.id)

    assert canceled.status == pb.RUN_STATUS_CANCELED
    assert canceled.not_stopped_step_ids == [run.steps[0].id]
    await platform.settled(run.id)
    assert not (await platform.get_run(customer, run.id)).not_stopped_step_ids
    await come_true(platform.is_idle)


async def test_cancelling_reaches_steps_that_wait(platform: RunsPlatform, customer: Caller) -> None:
    run = await platform.start_run(customer, "Wait. [[mock if=prompt hang]]")

    canceled = await platform.cancel_run(customer, run.id)

    assert {step.state for step in canceled.steps} == {pb.STEP_STATE_CANCELED}
    ended = await platform.watched(customer, run.id)
    assert [message.type for message in ended].count("run.canceled") == 1


async def test_cancelling_reaches_steps_that_are_tried_again_later(platform: RunsPlatform, customer: Caller) -> None:
    run = await platform.start_run(customer, "Wait. [[mock fail=unreachable]]", quick=True)
    await platform.until(customer, run.id, lambda run: bool(run.steps[0].error))

    canceled = await platform.cancel_run(customer, run.id)
    platform.pass_time(minutes=2)

    assert canceled.status == pb.RUN_STATUS_CANCELED
    assert not canceled.not_stopped_step_ids
    assert (await platform.get_run(customer, run.id)).steps[0].attempts == 1


async def test_cancelling_again_changes_nothing(platform: RunsPlatform, customer: Caller) -> None:
    run = await platform.run(customer, quick=True)

    again = await platform.cancel_run(customer, run.id)

    assert again.status == pb.RUN_STATUS_COMPLETED
    assert again.result == run.result


async def test_run_out_of_time_gives_what_it_has(platform: RunsPlatform, customer: Caller) -> None:
    run = await platform.start_run(customer, "Wait. [[mock if=doubt hang]]")
    met = lambda run: sum(step.state == pb.STEP_STATE_COMPLETED for step in run.steps) == 4  # noqa: E731
    await platform.until(customer, run.id, met)

    await platform.care(minutes=31)

    ended = await platform.ended(customer, run.id)
    assert ended.status == pb.RUN_STATUS_COMPLETED
    assert ended.result in [step.result for step in ended.steps if step.kind == pb.STEP_KIND_AGENT]
    assert any("too long" in warning for warning in ended.warnings)


async def test_run_out_of_time_with_nothing_fails(platform: RunsPlatform, customer: Caller) -> None:
    run = await platform.start_run(customer, "Wait. [[mock hang]]")

    await platform.care(minutes=31)

    ended = await platform.ended(customer, run.id)
    assert (ended.status, ended.error) == (pb.RUN_STATUS_FAILED, "The run took too long")


async def test_cancelled_steps_do_not_stand_in_the_way(platform: RunsPlatform, customer: Caller) -> None:
    worker = platform.runs_app.runs.worker
    worker._slots, slots = 0, worker._slots
    waiting = [await platform.start_run(customer, quick=True, mock=True) for _ in range(60)]
    for run in waiting:
        assert (await platform.cancel_run(customer, run.id)).status == pb.RUN_STATUS_CANCELED
    worker._slots = slots

    began = time.monotonic()
    assert (await platform.run(customer, quick=True, mock=True)).status == pb.RUN_STATUS_COMPLETED

    assert time.monotonic() - began < 10
