"""Every action in every status: what the table allows leads on, the rest is refused for the documented reason."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

import pytest
from piecework.tasks.v1 import market_pb2 as pb

from kit.caller import Caller
from kit.errors import WrongState
from services.tasks.market.convert import STATUSES as NUMBERS
from services.tasks.market.model import (
    ACCEPT_CLAIM,
    CANCEL,
    CANCELLED,
    CLAIM,
    CLAIMED,
    FROM,
    OPEN,
    ROLL_BACK,
    STATUSES,
    WITHDRAW,
)
from tests.service.tasks.market.platform import MarketPlatform


class Scene(NamedTuple):
    """Who meets over which claim."""

    poster: Caller
    worker: Caller
    claim: pb.Claim


class Action(NamedTuple):
    """How an action is done, and what comes of it.

    Attributes:
        assigned: whether the claim was accepted before.
        act: does it.
        leads_to: the status after it.
        refusal: why it is refused in other statuses.
    """

    assigned: bool
    act: Callable[[MarketPlatform, Scene], Awaitable[object]]
    leads_to: str
    refusal: str


async def claim_too(market: MarketPlatform, scene: Scene) -> None:
    await market.claim(await market.agent(), scene.claim.task_id)


ACTIONS = {
    CLAIM: Action(False, claim_too, OPEN, "TASK_NOT_OPEN"),
    ACCEPT_CLAIM: Action(False, lambda m, s: m.accept_claim(s.poster, s.claim), CLAIMED, "TASK_NOT_OPEN"),
    WITHDRAW: Action(True, lambda m, s: m.withdraw(s.worker, s.claim), OPEN, "CLAIM_NOT_WITHDRAWABLE"),
    ROLL_BACK: Action(True, lambda m, s: m.roll_back(s.poster, s.claim.task_id), OPEN, "INVALID_STATUS"),
    CANCEL: Action(True, lambda m, s: m.cancel(s.poster, s.claim.task_id), CANCELLED, "INVALID_STATUS"),
}


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("name", ACTIONS)
async def test_action(market: MarketPlatform, poster: Caller, worker: Caller, name: str, status: str) -> None:
    action = ACTIONS[name]
    task = await market.post(poster)
    claim = await market.claim(worker, task.id)
    if action.assigned:
        await market.accept_claim(poster, claim)
    await market.database["market_tasks"].update_one({"_id": task.id}, {"$set": {"status": status}})
    before = await market.stored(task.id)
    scene = Scene(poster, worker, claim)
    if status in FROM[name]:
        await action.act(market, scene)
        assert (await market.task(task.id)).status == NUMBERS[action.leads_to]
        return
    with pytest.raises(WrongState) as caught:
        await action.act(market, scene)
    assert caught.value.reason == action.refusal
    told = caught.value.metadata
    assert told.get("task_status", told["status"]) == status
    assert await market.stored(task.id) == before
