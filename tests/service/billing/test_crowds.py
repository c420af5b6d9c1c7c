"""Many callers at once, in one replica and in two."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import Any

from piecework.billing.v1 import ledger_pb2 as pb

from kit.errors import DomainError
from tests.service.billing.platform import BillingPlatform

NewOperator = Callable[[], int]


async def outcomes(calls: Sequence[Any]) -> list[str]:
    """Return what became of each call: the reason of a refusal, or nothing."""
    done = await asyncio.gather(*calls, return_exceptions=True)
    unexpected = [each for each in done if isinstance(each, BaseException) and not isinstance(each, DomainError)]
    assert not unexpected
    return [each.reason if isinstance(each, DomainError) else "" for each in done]


async def test_a_hundred_holds_against_credit_for_37(
    platform: BillingPlatform, replica: BillingPlatform, new_operator: NewOperator
) -> None:
    poster = new_operator()
    await platform.deposit(poster, 37 * 10 + 9)
    found = await outcomes([(platform, replica)[number % 2].place(poster, 10) for number in range(100)])
    assert (found.count(""), found.count("INSUFFICIENT_CREDITS")) == (37, 63)
    assert await platform.balances(poster) == (9, 370)
    assert (await platform.verify()).problems == []


async def test_twenty_identical_holds_are_one(
    platform: BillingPlatform, replica: BillingPlatform, new_operator: NewOperator
) -> None:
    poster = new_operator()
    await platform.deposit(poster, 100)
    calls = [(platform, replica)[number % 2].place(poster, 60, f"task:twenty-{poster}") for number in range(20)]
    holds = await asyncio.gather(*calls)
    assert all(hold == holds[0] for hold in holds)
    assert await platform.balances(poster) == (40, 60)


async def test_one_end_wins(platform: BillingPlatform, replica: BillingPlatform, new_operator: NewOperator) -> None:
    poster, worker = new_operator(), new_operator()
    await platform.deposit(poster, 100)
    for _ in range(5):
        hold = await platform.place(poster, 20)
        found = await outcomes(
            [
                platform.settle(hold.id, (worker, 18, ""), (0, 2, "")),
                replica.release(hold.id),
                replica.settle(hold.id, (worker, 9, ""), (0, 1, "")),
                platform.release(hold.id),
                platform.adjust(hold.id, 20),
            ]
        )
        state = (await platform.hold(hold.id)).state
        assert state in (pb.HOLD_STATE_SETTLED, pb.HOLD_STATE_RELEASED)
        # Giving back twice is one end; paying has one.
        assert found[:4].count("") == (1 if state == pb.HOLD_STATE_SETTLED else 2)
    report = await platform.verify()
    assert report.problems == []


async def test_two_replicas_on_the_same_accounts(
    platform: BillingPlatform, replica: BillingPlatform, new_operator: NewOperator
) -> None:
    operators = [new_operator() for _ in range(4)]
    fees = (await platform.verify()).fees_credits
    await asyncio.gather(*(platform.deposit(operator, 1000) for operator in operators))
    dice = random.Random(7)

    async def work(side: BillingPlatform, number: int) -> None:
        poster, worker = operators[number % 4], operators[(number + 1) % 4]
        hold = await side.place(poster, 10)
        await side.adjust(hold.id, 8)
        if dice.random() < 0.3:
            await side.release(hold.id)
        else:
            await side.settle(hold.id, (worker, 5, ""), (0, 1, ""))

    await asyncio.gather(*(work((platform, replica)[number % 2], number) for number in range(120)))
    balances = [await platform.balances(operator) for operator in operators]
    report = await replica.verify()
    assert report.problems == []
    assert report.postings_sum == 0
    assert sum(available for available, _ in balances) == 4000 - (report.fees_credits - fees)
    assert all(held == 0 for _, held in balances)


async def test_a_refusal_is_its_callers_alone(platform: BillingPlatform, new_operator: NewOperator) -> None:
    rich, poor = new_operator(), new_operator()
    await platform.deposit(rich, 1000)
    calls = [platform.place(rich if number % 2 else poor, 1) for number in range(50)]
    assert await outcomes(calls) == ["INSUFFICIENT_CREDITS", ""] * 25
