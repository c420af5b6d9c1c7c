"""Steps that find no room in the budget, because others have set aside more than they will spend."""

from __future__ import annotations

import pytest
from piecework.orchestrator.v1 import runs_pb2 as pb

from kit.caller import Caller
from tests.conditions import come_true
from tests.service.orchestrator.models.provider import HELLO, Provider, stream
from tests.service.orchestrator.runs.provided import MODEL, ProvidedPlatform

_AGENTS = 16
_BUDGET = 24


@pytest.fixture
async def customer(one: ProvidedPlatform) -> Caller:
    return await one.customer()


async def test_steps_wait_for_what_others_have_set_aside(
    one: ProvidedPlatform, customer: Caller, provider: Provider
) -> None:
    """There is room for all answers, but not for the most that all of them could cost at once."""
    provider.answers = [stream(*HELLO), stream(*HELLO, hold=provider.released)]
    begun = await one.start_run(customer, agent_count=_AGENTS, model_id=MODEL, budget_credits=_BUDGET)

    async def nobody_moves() -> bool:
        agents = (await one.stored_run(begun.id)).agents
        return all(step.reserved or (step.state == "queued" and step.retry_at) for step in agents)

    await come_true(nobody_moves)
    assert 0 < provider.under_way < _AGENTS
    provider.released.set()
    run = await one.patiently(customer, begun.id)

    agents = [step for step in run.steps if step.kind == pb.STEP_KIND_AGENT]
    assert [(step.state, step.attempts) for step in agents] == [(pb.STEP_STATE_COMPLETED, 1)] * _AGENTS
    assert run.budget.spent_credits <= _BUDGET
    stored = await one.settled(begun.id)
    assert await one.balance(customer.operator_id) == (10_000 - stored.spent, 0)
