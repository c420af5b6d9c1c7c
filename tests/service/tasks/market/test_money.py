"""Money of tasks when billing or the caller breaks at any place: the ledger and the task agree in the end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import NamedTuple

import msgspec
import pytest
from piecework.billing.v1 import ledger_pb2
from piecework.tasks.v1 import market_pb2 as pb

from kit.caller import Caller
from kit.errors import DomainError, Unavailable, WrongState
from services.tasks.market.convert import STATUSES
from services.tasks.market.model import CANCELLED, CLAIMED, CREATE, CREATING, OPEN, MarketTask
from tests.service.hosting import refused
from tests.service.tasks.market.faults import Fault
from tests.service.tasks.market.platform import MarketPlatform, post_request

BUDGET, PRICE = 200, 150


class Saga(NamedTuple):
    """A change with money.

    Attributes:
        method: what billing is asked.
        act: makes the change of a task that was claimed, or is open.
        claimed: whether the task was claimed before.
        status: of the task in the end.
        held: what is set aside for it in the end.
        waits: whether the task changes only when billing has answered.
        event: what is told in the end, once.
    """

    method: str
    act: Callable[[MarketPlatform, Caller, Caller, pb.Claim], Awaitable[object]]
    claimed: bool
    status: str
    held: int
    waits: bool
    event: str


SAGAS = {
    "accept": Saga(
        "AdjustHold", lambda m, p, _, c: m.accept_claim(p, c), False, CLAIMED, PRICE, False, "claim.accepted"
    ),
    "cancel": Saga(
        "ReleaseHold", lambda m, p, _, c: m.cancel(p, c.task_id), False, CANCELLED, 0, False, "task.cancelled"
    ),
    "cancel claimed": Saga(
        "ReleaseHold", lambda m, p, _, c: m.cancel(p, c.task_id), True, CANCELLED, 0, False, "task.cancelled"
    ),
    "roll back": Saga(
        "AdjustHold", lambda m, p, _, c: m.roll_back(p, c.task_id), True, OPEN, BUDGET, True, "task.rolled_back"
    ),
    "withdraw": Saga("AdjustHold", lambda m, _, w, c: m.withdraw(w, c), True, OPEN, BUDGET, True, "claim.withdrawn"),
}


async def scene(market: MarketPlatform, saga: Saga, poster: Caller, worker: Caller) -> pb.Claim:
    task = await market.post(poster, budget_credits=BUDGET)
    claim = await market.claim(worker, task.id, PRICE)
    if saga.claimed:
        await market.accept_claim(poster, claim)
    return claim


async def assert_agreement(market: MarketPlatform, poster: Caller, task: MarketTask, status: str, held: int) -> None:
    assert (task.status, task.money) == (status, None)
    assert await market.balance(poster.operator_id) == (10_000 - held, held)
    hold = await market.hold(task.id)
    assert hold.state == (ledger_pb2.HOLD_STATE_PENDING if held else ledger_pb2.HOLD_STATE_RELEASED)
    await market.verify()


@pytest.mark.parametrize("fault", Fault)
@pytest.mark.parametrize("name", SAGAS)
async def test_what_broke_is_finished(
    market: MarketPlatform, poster: Caller, worker: Caller, name: str, fault: Fault
) -> None:
    saga = SAGAS[name]
    claim = await scene(market, saga, poster, worker)
    market.billing.faults[saga.method] = [fault]
    if saga.waits or fault.crashes:
        with pytest.raises(DomainError) as caught:
            await saga.act(market, poster, worker, claim)
        assert isinstance(caught.value, Unavailable) is not fault.crashes
    else:
        # The task has changed, and the ledger will follow: whoever asked for it need not ask again.
        await saga.act(market, poster, worker, claim)
    waiting = await market.stored(claim.task_id)
    assert waiting.money is not None
    if saga.waits:
        assert waiting.status == CLAIMED
    assert await market.app.market.reconciler.tick() == 0  # too young: its call may still be under way
    assert await market.reconcile() == 1
    await assert_agreement(market, poster, await market.stored(claim.task_id), saga.status, saga.held)
    assert (await market.stored(claim.task_id)).budget == BUDGET


@pytest.mark.parametrize("fault", [Fault.CRASH_BEFORE, Fault.CRASH_AFTER])
@pytest.mark.parametrize("name", SAGAS)
async def test_whoever_comes_next_finishes_it_first(
    market: MarketPlatform, poster: Caller, worker: Caller, name: str, fault: Fault
) -> None:
    saga = SAGAS[name]
    claim = await scene(market, saga, poster, worker)
    market.billing.faults[saga.method] = [fault]
    with pytest.raises(DomainError):
        await saga.act(market, poster, worker, claim)
    with pytest.raises(WrongState):  # nobody may claim it, or claim it twice, or claim the poster's own
        await market.claim(poster, claim.task_id)
    await assert_agreement(market, poster, await market.stored(claim.task_id), saga.status, saga.held)


@pytest.mark.parametrize("fault", Fault)
async def test_a_task_opens_once_its_budget_is_held(market: MarketPlatform, poster: Caller, fault: Fault) -> None:
    market.billing.faults["PlaceHold"] = [fault]
    with pytest.raises(DomainError):
        await market.post(poster, budget_credits=BUDGET)
    hidden = await market.database["market_tasks"].find_one({"poster_id": poster.operator_id})
    assert hidden is not None
    assert hidden["status"] == CREATING
    assert "change" not in hidden
    with refused("TASK_NOT_FOUND"):
        await market.task(hidden["_id"])
    with refused("TASK_NOT_FOUND"):
        await market.cancel(poster, hidden["_id"])
    assert await market.reconcile() == 1
    await assert_agreement(market, poster, await market.stored(hidden["_id"]), OPEN, BUDGET)


@pytest.mark.parametrize("fault", Fault)
async def test_posting_again_with_the_key_makes_no_second_task(
    market: MarketPlatform, poster: Caller, fault: Fault
) -> None:
    market.billing.faults["PlaceHold"] = [fault]
    with pytest.raises(DomainError):
        await market.post(poster, "k", budget_credits=BUDGET)
    task = await market.post(poster, "k", budget_credits=BUDGET)
    assert await market.reconcile() == 0
    assert await market.database["market_tasks"].count_documents({"poster_id": poster.operator_id}) == 1
    await assert_agreement(market, poster, await market.stored(task.id), OPEN, BUDGET)


@pytest.mark.parametrize("fault", [Fault.LOST_REQUEST, Fault.CRASH_BEFORE])
async def test_a_task_that_cannot_be_paid_is_gone_after_a_crash_too(market: MarketPlatform, fault: Fault) -> None:
    poster = await market.agent(await market.operator(500))
    market.billing.faults["PlaceHold"] = [fault]
    with pytest.raises(DomainError):
        await market.post(poster, budget_credits=600)
    assert await market.reconcile() == 1
    assert await market.reconcile() == 1
    assert await market.database["market_tasks"].count_documents({"poster_id": poster.operator_id}) == 0
    assert await market.balance(poster.operator_id) == (500, 0)


@pytest.mark.parametrize("fault", [Fault.LOST_REQUEST, Fault.CRASH_BEFORE])
async def test_a_roll_back_that_cannot_be_paid_did_not_happen(
    market: MarketPlatform, worker: Caller, fault: Fault
) -> None:
    poster = await market.agent(await market.operator(500))
    claim = await market.claimed(poster, worker, 400, 100)
    await market.post(poster, budget_credits=300)
    market.billing.faults["AdjustHold"] = [fault]
    with pytest.raises(DomainError):
        await market.roll_back(poster, claim.task_id)
    assert await market.reconcile() == 1
    task = await market.stored(claim.task_id)
    assert (task.status, task.claimed_by, task.money) == (CLAIMED, worker.agent_id, None)
    assert await market.balance(poster.operator_id) == (100, 400)


async def test_two_who_finish_the_same_intent_do_it_once(market: MarketPlatform, twin: MarketPlatform) -> None:
    poster = await market.agent()
    market.billing.faults["PlaceHold"] = [Fault.LOST_ANSWER]
    with pytest.raises(Unavailable):
        await market.post(poster, budget_credits=BUDGET)
    document = await market.database["market_tasks"].find_one({"poster_id": poster.operator_id})
    assert document is not None
    task = await market.stored(document["_id"])
    assert task.money is not None
    assert task.money.action == CREATE
    first = await market.app.market.money.finish(task)
    second = await twin.app.market.money.finish(task)
    assert first.task is not None
    assert first.task.status == OPEN
    assert second == (None, None)
    await assert_agreement(market, poster, await market.stored(task.id), OPEN, BUDGET)


async def test_what_the_ledger_does_not_understand_stays_for_people_to_look_at(
    market: MarketPlatform, poster: Caller
) -> None:
    parts = market.app.market
    task = await market.stored((await market.post(poster)).id)
    broken = msgspec.structs.replace(task, uuid="of nobody")
    intent = parts.money.release(broken, "a hold that never was")
    started = await parts.task_store.transition(task, {"money": intent, "uuid": "of nobody"}, None)
    assert started is not None
    well = await market.post(poster)
    market.billing.faults["ReleaseHold"] = [Fault.LOST_ANSWER]
    await market.cancel(poster, well.id)
    assert await market.reconcile() == 1  # one bad task does not keep the others waiting
    assert (await market.stored(task.id)).money is not None
    assert (await market.task(well.id)).status == STATUSES[CANCELLED]
    await market.database["market_tasks"].delete_one({"_id": task.id})


async def test_while_billing_is_away_the_reconciler_waits(market: MarketPlatform, poster: Caller) -> None:
    task = await market.post(poster)
    market.billing.faults["ReleaseHold"] = [Fault.LOST_REQUEST, Fault.LOST_REQUEST]
    await market.cancel(poster, task.id)
    with pytest.raises(Unavailable):
        await market.reconcile()
    assert await unsettled(market) == 0
    market.pass_time(seconds=10)
    assert await unsettled(market) == 1
    oldest = (await market.stored(task.id)).money
    assert oldest is not None
    assert market.clock.now() - oldest.at > timedelta(seconds=10)
    assert await market.app.market.reconciler.tick() == 1
    assert await unsettled(market) == 0
    assert await market.balance(poster.operator_id) == (10_000, 0)


async def test_who_stops_waiting_for_the_ledger_leaves_nothing_half_done(
    market: MarketPlatform, poster: Caller, worker: Caller
) -> None:
    claim = await market.claim(worker, (await market.post(poster, budget_credits=BUDGET)).id, PRICE)
    market.billing.open.clear()
    try:
        accepting = pb.AcceptClaimRequest(task_id=claim.task_id, claim_id=claim.id)
        for method, request in (
            (market.market.PostTask, post_request(budget_credits=BUDGET)),
            (market.market.AcceptClaim, accepting),
            (market.market.CancelTask, pb.CancelTaskRequest(task_id=claim.task_id)),
        ):
            with refused("DEADLINE_EXCEEDED", Unavailable):
                await market.call(method, request, poster, timeout=0.4)
    finally:
        market.billing.open.set()
    assert await market.reconcile() == 2
    assert (await market.stored(claim.task_id)).status == CLAIMED
    assert await market.balance(poster.operator_id) == (10_000 - BUDGET - PRICE, BUDGET + PRICE)
    assert not market.app.market.turns.waited_for


async def unsettled(market: MarketPlatform) -> float | None:
    """Return what operators are shown."""
    await market.app.market.metrics.sample()
    return market.resources.registry.get_sample_value("piecework_market_unsettled_tasks")
