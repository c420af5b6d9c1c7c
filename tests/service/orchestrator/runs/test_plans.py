"""What a plan allows: models that are paid for, and so many runs however many ask at once."""

from __future__ import annotations

import asyncio

import pytest
from piecework.orchestrator.v1 import runs_pb2 as pb

from kit.caller import Caller
from kit.errors import Exhausted, PermissionDenied
from tests.service.hosting import refused
from tests.service.orchestrator.models.provider import Provider
from tests.service.orchestrator.runs.provided import MODEL, PAID, ProvidedPlatform


@pytest.mark.parametrize("fields", [{"model_id": PAID}, {"model_id": MODEL, "role_models": {"Skeptic": PAID}}])
async def test_paid_model_needs_a_plan_that_is_paid_for(
    one: ProvidedPlatform, provider: Provider, fields: dict[str, object]
) -> None:
    poor = await one.customer("free")

    with refused("MODEL_NOT_IN_PLAN", PermissionDenied):
        await one.start_run(poor, **fields)  # type: ignore[arg-type]

    assert provider.requests == []
    assert await one.balance(poor.operator_id) == (10_000, 0)


async def test_paid_model_answers_who_pays(one: ProvidedPlatform, provider: Provider) -> None:
    payer = await one.customer("pro")

    run = await one.run(payer, quick=True, model_id=PAID, budget_credits=50)

    assert (run.status, run.result) == (pb.RUN_STATUS_COMPLETED, "Hello")
    assert len(provider.requests) == 1


async def test_played_run_needs_no_paid_plan(one: ProvidedPlatform, provider: Provider) -> None:
    run = await one.run(await one.customer("free"), model_id=PAID, mock=True)

    assert run.status == pb.RUN_STATUS_COMPLETED
    assert provider.requests == []


@pytest.mark.parametrize(("plan", "allowed"), [("free", 2), ("pro", 2), ("super", 20)])
async def test_fifty_submissions_at_once_pass_as_the_plan_says(
    replicas: list[ProvidedPlatform], plan: str, allowed: int
) -> None:
    customer = await _with_plan(replicas[0], plan)

    outcomes = await asyncio.gather(
        *(replicas[number % 2].start_run(customer, quick=True, mock=True) for number in range(50)),
        return_exceptions=True,
    )

    begun = [each for each in outcomes if isinstance(each, pb.Run)]
    others = [each for each in outcomes if not isinstance(each, pb.Run)]
    assert len(begun) == allowed
    assert all(isinstance(each, Exhausted) and each.reason == "QUOTA_EXCEEDED" for each in others)


async def _with_plan(platform: ProvidedPlatform, plan: str) -> Caller:
    """Return a new operator with a plan as it is."""
    customer = await platform.customer()
    await platform.set_plan(customer.operator_id, plan)
    return customer
