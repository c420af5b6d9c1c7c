"""What runs cost, and what they may."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace
from piecework.billing.v1 import ledger_pb2, plans_pb2
from piecework.orchestrator.v1 import runs_pb2 as pb

from kit.caller import Caller
from kit.errors import DomainError, Exhausted, InvalidInput, WrongState
from services.orchestrator.runs.model import ABANDONED
from services.orchestrator.runs.service.starting import NewRun
from tests.service.hosting import refused
from tests.service.orchestrator.platform import RunsPlatform
from tests.service.tasks.market.platform import TESTS


async def test_run_pays_what_its_steps_cost(platform: RunsPlatform, customer: Caller) -> None:
    run = await platform.run(customer, budget_credits=500)

    await platform.settled(run.id)
    spent = sum(step.cost_credits for step in run.steps)
    assert spent > 0
    assert (run.budget.limit_credits, run.budget.spent_credits, run.budget.reserved_credits) == (500, spent, 0)
    assert await platform.balance(customer.operator_id) == (10_000 - spent, 0)
    assert (await platform.run_hold(run.id)).state == ledger_pb2.HOLD_STATE_SETTLED
    await platform.verify()


async def test_run_on_the_mock_model_costs_nothing(platform: RunsPlatform, customer: Caller) -> None:
    run = await platform.run(customer, mock=True)

    await platform.settled(run.id)
    assert run.status == pb.RUN_STATUS_COMPLETED
    assert run.budget.spent_credits == 0
    assert await platform.balance(customer.operator_id) == (10_000, 0)


async def test_budget_is_held_while_the_run_goes_on(platform: RunsPlatform, customer: Caller) -> None:
    run = await platform.start_run(customer, "Wait. [[mock hang]]", budget_credits=300)

    assert await platform.balance(customer.operator_id) == (9_700, 300)
    await platform.cancel_run(customer, run.id)
    await platform.settled(run.id)
    assert await platform.balance(customer.operator_id) == (10_000, 0)


@pytest.mark.parametrize("budget", [1, 2, 3, 5, 8, 13])
async def test_spent_budget_ends_the_run_with_what_it_has(
    platform: RunsPlatform, customer: Caller, budget: int
) -> None:
    begun = await platform.start_run(customer, "Much. [[mock tokens=600]]", budget_credits=budget)
    run = await platform.patiently(customer, begun.id)

    await platform.settled(run.id)
    available, held = await platform.balance(customer.operator_id)
    assert (10_000 - available, held) == (run.budget.spent_credits, 0)
    assert run.budget.spent_credits <= budget
    if run.budget.exhausted and run.status == pb.RUN_STATUS_COMPLETED:
        assert any(f"The budget of {budget} credits is spent" in warning for warning in run.warnings)
    elif run.budget.exhausted:
        assert run.error == "The budget was spent before any agent could answer"
    await platform.verify()


async def test_cancelled_call_is_paid_by_what_it_had_written(platform: RunsPlatform, customer: Caller) -> None:
    prompt = "Write. [[mock tokens=2000 pace=0.001]]"
    run = await platform.start_run(customer, prompt, quick=True, budget_credits=100)
    await platform.until(customer, run.id, lambda run: run.steps[0].state == pb.STEP_STATE_RUNNING)
    async for message in platform.watch(customer, run.id):
        if message.delta:
            break

    await platform.cancel_run(customer, run.id)

    stored = await platform.settled(run.id)
    assert 0 < stored.spent <= 2
    assert await platform.balance(customer.operator_id) == (10_000 - stored.spent, 0)


async def test_run_needs_credits(platform: RunsPlatform) -> None:
    poor = await platform.customer(credits=500)

    with refused("INSUFFICIENT_CREDITS", WrongState):
        await platform.start_run(poor, budget_credits=501)
    assert await platform.balance(poor.operator_id) == (500, 0)


async def _limited(platform: RunsPlatform, runs: int) -> Caller:
    customer = await platform.customer()
    month = plans_pb2.QuotaLimit(window=plans_pb2.QUOTA_WINDOW_MONTH, runs=runs)
    week = plans_pb2.QuotaLimit(window=plans_pb2.QUOTA_WINDOW_WEEK, runs=1000)
    await platform.set_plan(customer.operator_id, "free", [month, week])
    return customer


async def test_plan_allows_so_many_runs_and_no_more(platform: RunsPlatform) -> None:
    customer = await _limited(platform, 7)

    outcomes = await asyncio.gather(
        *(platform.start_run(customer, quick=True, mock=True) for _ in range(50)), return_exceptions=True
    )

    begun = [each for each in outcomes if isinstance(each, pb.Run)]
    others = [each for each in outcomes if not isinstance(each, pb.Run)]
    assert len(begun) == 7
    assert all(isinstance(each, Exhausted) and each.reason == "QUOTA_EXCEEDED" for each in others)


async def test_run_that_could_not_begin_is_not_counted(platform: RunsPlatform) -> None:
    customer = await _limited(platform, 1)
    for fields in ({"budget_credits": 1_000_000}, {"thread_id": 987654}, {"file_ids": ["file-none"]}):
        with pytest.raises(DomainError):
            await platform.start_run(customer, quick=True, **fields)

    assert (await platform.run(customer, quick=True)).status == pb.RUN_STATUS_COMPLETED
    usage = await platform.call(
        platform.plans.ReadUsage, plans_pb2.ReadUsageRequest(operator_id=customer.operator_id), TESTS
    )
    assert {each.used for each in usage.counted} == {1}


async def test_agents_are_as_many_as_the_plan_allows(platform: RunsPlatform) -> None:
    for plan, agents in (("free", 2), ("pro", 4), ("super", 16)):
        customer = await platform.customer(plan)
        run = await platform.start_run(customer, agent_count=16, mock=True)
        assert sum(step.kind == pb.STEP_KIND_AGENT for step in run.steps) == agents


async def test_unknown_model_is_refused(platform: RunsPlatform, customer: Caller) -> None:
    with refused("MODEL_UNKNOWN", InvalidInput):
        await platform.start_run(customer, model_id="nobody/nothing")


async def test_same_key_makes_one_run(platform: RunsPlatform, customer: Caller) -> None:
    runs = [await platform.start_run(customer, quick=True, key="once") for _ in range(3)]

    assert len({run.id for run in runs}) == 1


async def test_key_of_a_run_that_was_given_up_makes_another(platform: RunsPlatform, customer: Caller) -> None:
    """Its process died when it had begun, and a loop was about to undo it when the client asked again."""
    runs = platform.runs_app.runs
    new = NewRun(prompt="Why?", quick=True, budget=100)
    draft = await runs.starting._draft(customer.operator_id, new, "again")
    await runs.store.insert(draft)
    await runs.ledger.count(draft)
    await runs.ledger.hold(draft, draft.limit)
    await runs.access.change(draft.id, lambda run: (replace(run, status=ABANDONED), None))

    run = await runs.starting.start(customer, new, "again")

    assert run.id != draft.id
    assert (await platform.ended(customer, run.id)).status == pb.RUN_STATUS_COMPLETED
    stored = await platform.settled(run.id)
    assert await platform.balance(customer.operator_id) == (10_000 - stored.spent, 0)
    assert (await runs.starting.start(customer, new, "again")).id == run.id


async def test_many_agents_at_once_keep_to_one_budget(platform: RunsPlatform, customer: Caller) -> None:
    prompt = "Much. [[mock tokens=900]]"
    begun = [await platform.start_run(customer, prompt, agent_count=16, budget_credits=12) for _ in range(6)]
    runs = await asyncio.gather(*(platform.patiently(customer, run.id) for run in begun))

    for run in runs:
        stored = await platform.settled(run.id)
        assert stored.spent <= 12
        assert run.status in (pb.RUN_STATUS_COMPLETED, pb.RUN_STATUS_FAILED)
    spent = sum(run.budget.spent_credits for run in runs)
    assert await platform.balance(customer.operator_id) == (10_000 - spent, 0)
    await platform.verify()
