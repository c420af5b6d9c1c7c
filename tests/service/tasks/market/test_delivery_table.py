"""Every action after a claim in every status: what the table allows leads on, the rest is refused as documented."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import pytest

from kit.caller import Caller
from kit.errors import WrongState
from services.tasks.market.convert import STATUSES as NUMBERS
from services.tasks.market.model import (
    ACCEPT_DELIVERABLE,
    COMPLETED,
    DELIVER,
    DELIVERED,
    DISPUTED,
    FROM,
    IN_PROGRESS,
    RATE,
    REJECT_DELIVERABLE,
    REQUEST_REVISION,
    RESOLVE_DISPUTE,
    STATUSES,
)
from tests.service.tasks.market.delivery import Job, new_job
from tests.service.tasks.market.platform import MarketPlatform


class Action(NamedTuple):
    """How an action is done, what comes of it, and after how many revisions it is possible."""

    act: Callable[[Job, int], Awaitable[Any]]
    leads_to: str
    max_revisions: int = 1


ACTIONS = {
    DELIVER: Action(lambda job, _: job.deliver(), DELIVERED),
    REQUEST_REVISION: Action(lambda job, number: job.revise(number), IN_PROGRESS),
    ACCEPT_DELIVERABLE: Action(lambda job, number: job.accept(number), COMPLETED),
    REJECT_DELIVERABLE: Action(lambda job, number: job.reject(number), DISPUTED, 0),
    RESOLVE_DISPUTE: Action(lambda job, _: job.resolve(50), COMPLETED),
    RATE: Action(lambda job, _: job.rate(), COMPLETED),
}


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("name", ACTIONS)
async def test_action(market: MarketPlatform, poster: Caller, worker: Caller, name: str, status: str) -> None:
    action = ACTIONS[name]
    job = await new_job(market, poster, worker, max_revisions=action.max_revisions)
    number = (await job.deliver()).id
    await market.database["market_tasks"].update_one({"_id": job.task_id}, {"$set": {"status": status}})
    before = await market.stored(job.task_id)
    if status in FROM[name]:
        await action.act(job, number)
        assert (await job.task()).status == NUMBERS[action.leads_to]
        return
    with pytest.raises(WrongState) as caught:
        await action.act(job, number)
    assert caught.value.reason == ("DELIVERY_PENDING" if (name, status) == (DELIVER, DELIVERED) else "INVALID_STATUS")
    assert caught.value.metadata["status"] == status
    assert await market.stored(job.task_id) == before
