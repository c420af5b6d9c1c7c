"""A hold that is placed when its task has been given up: the credits come back."""

from __future__ import annotations

import pytest

from kit.caller import Caller
from kit.errors import Unavailable
from tests.service.tasks.market.faults import Fault
from tests.service.tasks.market.platform import MarketPlatform

BUDGET = 200


async def test_a_hold_that_came_too_late_is_given_back(market: MarketPlatform, poster: Caller) -> None:
    """Of two calls for one hold the first is refused and its task removed; then credits come, and the second call."""
    parts = market.app.market
    market.billing.faults["PlaceHold"] = [Fault.LOST_REQUEST]
    with pytest.raises(Unavailable):
        await market.post(poster, budget_credits=BUDGET)
    document = await market.database["market_tasks"].find_one({"poster_id": poster.operator_id})
    assert document is not None
    late = await market.stored(document["_id"])
    assert await parts.task_store.remove(late)
    finish = await parts.money.finish(late)
    assert finish == (None, None)
    assert await market.balance(poster.operator_id) == (10_000, 0)
    await market.verify()


@pytest.mark.parametrize("dies", [False, True])
async def test_a_hold_that_came_too_late_is_given_back_also_when_nobody_waits_for_it(
    market: MarketPlatform, dies: bool
) -> None:
    """Of two calls for one hold the first is refused; then credits come, and the second call, whose caller may die."""
    operator_id = await market.operator(500)
    poster = await market.agent(operator_id)
    market.billing.faults["PlaceHold"] = [Fault.LOST_REQUEST]
    with pytest.raises(Unavailable):
        await market.post(poster, "k", budget_credits=600)
    document = await market.database["market_tasks"].find_one({"poster_id": operator_id})
    assert document is not None
    late = await market.stored(document["_id"])
    assert late.money is not None
    assert await market.reconcile() == 1
    await market.deposit(operator_id, 500)
    if dies:
        await market.app.market.money._ledger.carry_out(late, late.money)
        assert await market.balance(operator_id) == (400, 600)
    else:
        assert await market.app.market.money.finish(late) == (None, None)
    # The key is free again, whatever becomes of what it named.
    task = await market.post(poster, "k", budget_credits=300)
    assert await market.reconcile() == 1
    assert await market.balance(operator_id) == (700, 300)
    assert await market.database["market_tasks"].count_documents({"poster_id": operator_id}) == 1
    assert task.id != late.id
    await market.verify()
