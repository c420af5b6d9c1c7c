"""Random histories on the database end as they do in memory, where the rules are known to be right."""

from __future__ import annotations

import asyncio
import random
from datetime import timedelta

import pytest
import redis.asyncio
from pymongo import AsyncMongoClient

from kit.clock import ManualClock
from kit.errors import DomainError
from kit.mongo import Document
from services.billing.ledger.commands import (
    AdjustHold,
    Command,
    Deposit,
    Leg,
    OpenAccount,
    PlaceHold,
    ReleaseHold,
    SettleHold,
)
from services.billing.ledger.model import account_of
from tests.service.billing.platform import BillingPlatform
from tests.unit.billing.bank import START, Bank

BATCHES = 60


class Dice:
    """Makes up commands that often, but not always, make sense."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._made = 0

    def batch(self) -> list[Command]:
        return [self._command() for _ in range(self._random.randint(1, 8))]

    def _command(self) -> Command:
        dice = self._random
        self._made += 1
        # Few ids: most of them are used again, with the same amount or another one.
        hold = f"h{dice.randint(max(1, self._made // 4 - 6), self._made // 4 + 1)}"
        operator, amount = dice.randint(1, 4), dice.choice((5, 10, 50))
        expires_at = dice.choice((None, START + timedelta(seconds=dice.randint(0, BATCHES))))
        legs = tuple(Leg(dice.randint(0, 4), dice.choice((1, 5, 9))) for _ in range(dice.randint(1, 3)))
        return dice.choice(
            (
                OpenAccount(operator),
                Deposit(f"d{self._made // 3}", operator, amount, "deposit", "A gift"),
                PlaceHold(hold, operator, amount, self._made, "Budget", expires_at),
                PlaceHold(hold, operator, amount, 0, "Budget", expires_at),
                AdjustHold(hold, f"c{self._made // 2}", amount),
                SettleHold(hold, legs, "Work"),
                SettleHold(hold, (Leg(operator, 4, "Work"), Leg(0, 1, "Fee"))),
                ReleaseHold(hold),
                ReleaseHold(hold, due_at=START + timedelta(seconds=self._made // 5)),
            )
        )


@pytest.mark.parametrize("seed", range(3))
async def test_the_database_agrees_with_the_books(
    seed: int, mongo_client: AsyncMongoClient[Document], quiet_redis: redis.asyncio.Redis, database_prefix: str
) -> None:
    clock, bank, dice = ManualClock(START), Bank(), Dice(seed)
    platform = BillingPlatform(mongo_client, quiet_redis, database_prefix, clock)
    await platform.start()
    for _ in range(BATCHES):
        batch = dice.batch()
        clock.set(bank.now)
        found = await asyncio.gather(*(platform.app.journal.apply(each) for each in batch), return_exceptions=True)
        assert [each.reason if isinstance(each, DomainError) else each for each in found] == bank.do(*batch)
    bank.check()
    for operator in range(1, 5):
        if operator in bank.accounts:
            assert await platform.app.store.account(operator) == bank.accounts[operator]
        history = await platform.app.store.entries(operator, None, 10_000)
        assert history[::-1] == bank.entries[account_of(operator)]
    report = await platform.verify()
    assert list(report.problems) == []
    assert report.transfers == len(bank.transfers) > BATCHES
    await platform.stop()
