"""A budget is a wall: a hundred steps at once, processes that die, answers that get lost, never a credit too much."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator, Sequence

import pytest
from msgspec.structs import replace
from piecework.billing.v1 import ledger_pb2
from piecework.orchestrator.v1 import runs_pb2 as pb

from kit.caller import Caller
from kit.errors import WrongState
from services.orchestrator.runs.blueprint import Blueprint, plan_steps
from services.orchestrator.runs.model import COMPLETED, FAILED, Run
from services.orchestrator.runs.service.starting import NewRun
from tests.service.orchestrator.models.provider import Provider
from tests.service.orchestrator.platform import SEED, RunsPlatform
from tests.service.orchestrator.runs import storms
from tests.service.orchestrator.runs.provided import MODEL, ProvidedPlatform, spec_of
from tests.service.orchestrator.runs.till import Till

_STEPS = 100
_CHANCE = 0.05
_CREDITS = 100_000
# What the cheapest call sets aside: that many calls a budget has room for.
_LEAST_RESERVED = 2


async def begin_wide(platform: RunsPlatform, customer: Caller, budget: int) -> Run:
    """Begin a run with more agents than any plan allows, all of which are paid from one budget."""
    starting, now = platform.runs_app.runs.starting, platform.clock.now()
    draft = await starting._draft(customer.operator_id, NewRun(prompt="Go.", model_id=MODEL, budget=budget), None)
    plan = Blueprint(agents=_STEPS, quick=False, check=True, model_id=MODEL)
    run = await starting._store.insert(replace(draft, steps=plan_steps(plan, draft.prompt, now)))
    return await platform.runs_app.runs.chores.carry_out(await starting._begin(run, "tests"))


@pytest.fixture
def wide(replicas: list[ProvidedPlatform]) -> Iterator[Sequence[ProvidedPlatform]]:
    """Two replicas, each of which could work on all steps at once."""
    for replica in replicas:
        replica.runs_app.runs.worker._slots = _STEPS
    yield replicas
    storms.end(replicas)


@pytest.mark.parametrize(("budget", "stormy"), [(40, True), (300, True), (3000, False)])
async def test_hundred_steps_at_once_spend_no_more_than_their_budget(
    wide: Sequence[ProvidedPlatform], provider: Provider, budget: int, stormy: bool
) -> None:
    customer = await wide[0].customer(credits=_CREDITS)
    crowd = min(_STEPS, budget // _LEAST_RESERVED) * 9 // 10
    till = Till(spec_of(provider), SEED, crowd)
    provider.answers = [till]
    run = await begin_wide(wide[0], customer, budget)
    if stormy:
        storms.begin(wide, _CHANCE)

    (ended,) = await storms.weather(wide, customer)

    assert storms.crashes(wide) > 20 or not stormy
    assert ended.status in (COMPLETED, FAILED)
    assert ended.exhausted or budget > 1000
    assert till.most_at_once >= crowd or stormy
    assert till.turned_away + till.broken_off > 0
    await _check_books(wide[0], customer, [ended], [budget])
    assert 0 < sum(till.charged) <= ended.spent
    assert ended.id == run.id
    sys.stdout.write(
        f"budget {budget}: {len(till.charged)} calls for {sum(till.charged)}, {ended.spent} spent, "
        f"{till.most_at_once} at once, {storms.crashes(wide)} breaks\n"
    )


async def test_many_runs_share_one_account(wide: Sequence[ProvidedPlatform], provider: Provider) -> None:
    customer = await wide[0].customer(credits=500)
    till = Till(spec_of(provider), SEED)
    provider.answers = [till]

    outcomes = await asyncio.gather(
        *(
            wide[number % 2].start_run(customer, agent_count=4, model_id=MODEL, budget_credits=30)
            for number in range(50)
        ),
        return_exceptions=True,
    )
    runs = await storms.weather(wide, customer)

    begun = [each for each in outcomes if isinstance(each, pb.Run)]
    refusals = [each for each in outcomes if isinstance(each, WrongState)]
    assert (len(begun), len(refusals)) == (500 // 30, 50 - 500 // 30)
    assert {each.reason for each in refusals} == {"INSUFFICIENT_CREDITS"}
    assert {run.id for run in runs} == {run.id for run in begun}
    await _check_books(wide[0], customer, runs, [30] * len(runs), credits=500)
    assert 0 < sum(till.charged) <= sum(run.spent for run in runs) <= 500


async def _check_books(
    platform: RunsPlatform,
    customer: Caller,
    runs: Sequence[Run],
    budgets: Sequence[int],
    credits: int = _CREDITS,  # noqa: A002 - what they are called
) -> None:
    """Every run kept to its budget, and the ledger says the same as the runs."""
    for run, budget in zip(runs, budgets, strict=True):
        assert 0 <= run.spent <= budget == run.limit
        assert run.reserved == 0
        hold = await platform.run_hold(run.id)
        assert hold.state in (ledger_pb2.HOLD_STATE_SETTLED, ledger_pb2.HOLD_STATE_RELEASED)
    spent = sum(run.spent for run in runs)
    assert await platform.balance(customer.operator_id) == (credits - spent, 0)
    await platform.verify()
