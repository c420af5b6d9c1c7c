"""Runs from the prompt to the answer."""

from __future__ import annotations

import asyncio

from piecework.orchestrator.v1 import runs_pb2 as pb

from kit.caller import Caller
from services.orchestrator.runs.service.desk import Desk
from services.orchestrator.runs.worker import Worker
from tests.service.orchestrator.platform import RunsPlatform


async def test_run_asks_agents_and_gives_one_answer(platform: RunsPlatform, customer: Caller) -> None:
    run = await platform.run(customer, "What is rain?")

    assert run.status == pb.RUN_STATUS_COMPLETED
    assert run.id.startswith("task_")
    assert [step.kind for step in run.steps] == [
        pb.STEP_KIND_DECOMPOSE,
        *[pb.STEP_KIND_AGENT] * 4,
        pb.STEP_KIND_SYNTHESIS,
        pb.STEP_KIND_VALIDATION,
    ]
    assert all(step.state == pb.STEP_STATE_COMPLETED and step.attempts == 1 for step in run.steps)
    assert [step.role for step in run.steps if step.role] == ["Researcher", "Analyst", "Skeptic", "Pragmatist"]
    assert run.result == run.steps[-1].result != ""
    assert all(f"Question {number + 1}" in run.steps[number + 1].question for number in range(4))


async def test_each_step_is_put_on_its_queue_once(platform: RunsPlatform, customer: Caller) -> None:
    """Also when agents answer while others still wait for a worker."""
    runs, queued = platform.runs_app.runs, list[int]()
    await platform.runs_app.lay_down()
    runs.chores.on_queued(lambda run, steps: queued.append(steps) if run.operator_id == customer.operator_id else None)
    working = asyncio.create_task(Worker(runs.store, runs.work, runs.executor, runs.holder, Desk(), slots=1).run())

    run = await platform.run(customer)

    assert (run.status, queued) == (pb.RUN_STATUS_COMPLETED, [1, 4, 1, 1])
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
