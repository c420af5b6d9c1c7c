"""Workers that stop, lists of runs, and what operators see."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from piecework.orchestrator.v1 import runs_pb2 as pb
from piecework.tasks.v1 import work_pb2

from kit.caller import Caller
from kit.timestamps import from_timestamp
from services.orchestrator.runs.model import Run
from services.orchestrator.runs.progress import Hold, start
from services.orchestrator.runs.service.demand import Demand
from services.orchestrator.runs.service.desk import Desk
from services.orchestrator.runs.worker import Worker
from tests.conditions import come_true
from tests.service.orchestrator.platform import RunsPlatform
from tests.service.tasks.market.platform import TESTS


async def test_runs_are_listed_newest_first(platform: RunsPlatform, customer: Caller) -> None:
    made = [(await platform.run(customer, quick=True, mock=True)).id for _ in range(5)]
    waiting = await platform.start_run(customer, "[[mock hang]]", quick=True, mock=True)

    listed, cursor = [], ""
    while True:
        request = pb.ListRunsRequest(limit=2, cursor=cursor)
        page = await platform.call(platform.orchestrator.ListRuns, request, customer)
        listed += [run.id for run in page.runs]
        cursor = page.cursor
        if not cursor:
            break
    active = await platform.call(platform.orchestrator.ListRuns, pb.ListRunsRequest(active=True), customer)

    assert listed == [waiting.id, *reversed(made)]
    assert [run.id for run in active.runs] == [waiting.id]
    await platform.cancel_run(customer, waiting.id)


async def test_metrics_count_runs(platform: RunsPlatform, customer: Caller) -> None:
    registry = platform.resources.registry
    value = registry.get_sample_value
    before = value("piecework_runs_ended_total", {"status": "completed"}) or 0
    run = await platform.run(customer, quick=True, budget_credits=10)
    waiting = await platform.start_run(customer, "[[mock hang]]", quick=True)
    await platform.until(customer, waiting.id, lambda run: run.steps[0].state == pb.STEP_STATE_RUNNING)
    await platform.runs_app.runs.metrics.sample()

    assert value("piecework_runs_ended_total", {"status": "completed"}) == before + 1
    assert (value("piecework_run_tokens_total", {"direction": "out"}) or 0) >= run.steps[0].tokens_out > 0
    assert value("piecework_runs_active", {"status": "processing"}) == 1
    assert value("piecework_run_steps", {"state": "running"}) == 1
    await platform.cancel_run(customer, waiting.id)


async def test_step_survives_a_moment_without_a_database(platform: RunsPlatform, customer: Caller) -> None:
    executor = platform.runs_app.runs.executor
    executor._beat_seconds, usual = 0.02, executor._beat_seconds
    run = await platform.start_run(customer, "Wait. [[mock delay=1]]", quick=True)
    await platform.until(customer, run.id, lambda run: run.steps[0].state == pb.STEP_STATE_RUNNING)

    platform.storm.blind = 3

    await come_true(lambda: _can_see(platform))
    ended = await platform.ended(customer, run.id)
    executor._beat_seconds = usual
    assert (ended.status, ended.steps[0].attempts) == (pb.RUN_STATUS_COMPLETED, 1)


async def test_steps_that_nobody_tells_of_are_found_however_busy_the_worker_is(
    platform: RunsPlatform, customer: Caller
) -> None:
    """The bell never rests; a step that is to be tried again later is found all the same."""
    worker, busy = platform.runs_app.runs.worker, True

    async def ring() -> None:
        while busy:
            worker.hear(Demand(987_654_321, 1))
            await asyncio.sleep(0.02)

    ringing = asyncio.create_task(ring())
    run = await platform.start_run(customer, "Why? [[mock fail=unreachable:5]]", quick=True)
    ended = await platform.patiently(customer, run.id)
    busy = False
    await ringing
    assert ended.status == pb.RUN_STATUS_COMPLETED
    assert ended.steps[0].attempts == 2


async def test_worker_that_comes_back_takes_up_what_it_had(platform: RunsPlatform, customer: Caller) -> None:
    """It died with a step in its hands, and starts again under its name long before the lease ends."""
    runs = platform.runs_app.runs
    runs.worker._slots, slots = 0, runs.worker._slots
    run = await platform.start_run(customer, quick=True, budget_credits=50)
    (leased,) = await runs.work.lease(customer.operator_id, "the dead", 1)
    hold = Hold(run.steps[0].id, leased.item_id, leased.token, "the dead")
    await runs.access.change(run.id, lambda run: _begun(run, hold, platform.clock.now()))

    again = asyncio.create_task(Worker(runs.store, runs.work, runs.executor, "the dead", Desk()).run())
    await come_true(lambda: _over(platform, run.id))

    runs.worker._slots = slots
    again.cancel()
    await asyncio.gather(again, return_exceptions=True)
    ended = await platform.ended(customer, run.id)
    assert (ended.status, ended.steps[0].attempts) == (pb.RUN_STATUS_COMPLETED, 2)


async def test_step_whose_worker_died_before_it_began_waits_ten_seconds(
    platform: RunsPlatform, customer: Caller
) -> None:
    runs = platform.runs_app.runs
    runs.worker._slots, slots = 0, runs.worker._slots
    run = await platform.start_run(customer, quick=True, mock=True)
    assert len(await runs.work.lease(customer.operator_id, "the dead", 1)) == 1

    runs.worker._slots = slots
    platform.pass_time(seconds=10)
    runs.worker.hear(Demand(customer.operator_id, 1))

    ended = await platform.ended(customer, run.id)
    assert (ended.status, ended.steps[0].attempts) == (pb.RUN_STATUS_COMPLETED, 1)


async def test_step_that_takes_longer_than_its_first_lease_keeps_it(platform: RunsPlatform, customer: Caller) -> None:
    executor = platform.runs_app.runs.executor
    executor._beat_seconds, usual = 0.02, executor._beat_seconds
    run = await platform.start_run(customer, "Wait. [[mock delay=1]]", quick=True, mock=True)
    step = (await platform.until(customer, run.id, lambda run: run.steps[0].state == pb.STEP_STATE_RUNNING)).steps[0]
    begun = platform.clock.now()

    async def is_extended() -> bool:
        request = work_pb2.GetItemRequest(item_id=step.id)
        item = (await platform.call(platform.work.GetItem, request, TESTS)).item
        return from_timestamp(item.lease.expires_at) >= begun + timedelta(seconds=30)

    await come_true(is_extended)
    executor._beat_seconds = usual
    assert (await platform.ended(customer, run.id)).steps[0].attempts == 1


async def test_worker_that_stops_gives_its_steps_back(platform: RunsPlatform, customer: Caller) -> None:
    runs = platform.runs_app.runs
    await platform.runs_app.lay_down()
    stopping = asyncio.create_task(runs.worker.run())
    run = await platform.start_run(customer, "Wait. [[mock delay=2]]", quick=True, budget_credits=50)
    await platform.until(customer, run.id, lambda run: run.steps[0].state == pb.STEP_STATE_RUNNING)

    stopping.cancel()
    await asyncio.gather(stopping, return_exceptions=True)

    stored = await platform.stored_run(run.id)
    assert (stored.steps[0].state, stored.steps[0].attempts, stored.spent, stored.reserved) == ("queued", 0, 0, 0)
    other = Worker(runs.store, runs.work, runs.executor, "other", Desk())
    working = asyncio.create_task(other.run())
    await come_true(lambda: _over(platform, run.id))
    assert (await platform.stored_run(run.id)).steps[0].attempts == 1
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)


def _begun(run: Run, hold: Hold, now: datetime) -> tuple[Run, None] | None:
    begun = start(run, hold, now)
    return None if begun is None else (begun, None)


async def _can_see(platform: RunsPlatform) -> bool:
    return not platform.storm.blind


async def _over(platform: RunsPlatform, run_id: str) -> bool:
    return (await platform.stored_run(run_id)).is_over
