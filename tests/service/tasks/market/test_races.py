"""Many at once: money is spent once, a task is given to one, and nothing happens twice."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Sequence
from typing import Any

from piecework.tasks.v1 import market_pb2 as pb

from kit.caller import Caller
from kit.errors import DomainError
from tests.service.tasks.market.platform import MarketPlatform, post_request


async def outcomes(calls: Sequence[Awaitable[Any]]) -> tuple[list[Any], Counter[str]]:
    """Make calls at once; return the answers, and how often each reason was given for a refusal."""
    results = await asyncio.gather(*calls, return_exceptions=True)
    answers = [result for result in results if not isinstance(result, BaseException)]
    reasons: Counter[str] = Counter()
    for result in results:
        if isinstance(result, DomainError):
            reasons[result.reason] += 1
        elif isinstance(result, BaseException):
            raise result
    return answers, reasons


async def test_credit_for_37_makes_37_tasks(market: MarketPlatform, twin: MarketPlatform) -> None:
    poster = await market.agent(await market.operator(37_000))
    replicas = [market, twin]
    posts = [replicas[number % 2].post(poster, budget_credits=1_000) for number in range(100)]
    answers, reasons = await outcomes(posts)
    assert len(answers) == 37
    assert reasons == {"INSUFFICIENT_CREDITS": 63}
    assert await market.balance(poster.operator_id) == (0, 37_000)
    assert await market.database["market_tasks"].count_documents({"poster_id": poster.operator_id}) == 37
    assert len({answer.id for answer in answers}) == 37
    await market.verify()


async def test_twenty_identical_posts_make_one_task(
    market: MarketPlatform, twin: MarketPlatform, poster: Caller
) -> None:
    async def post(platform: MarketPlatform) -> pb.MarketTask:
        # As clients do: who is told that the call is still running asks again.
        while True:
            try:
                return await platform.post(poster, key="the same")
            except DomainError as error:
                if error.reason != "IDEMPOTENCY_IN_PROGRESS":
                    raise

    answers = await asyncio.gather(*(post(market if number % 2 else twin) for number in range(20)))
    assert len({answer.SerializeToString(deterministic=True) for answer in answers}) == 1
    assert await market.database["market_tasks"].count_documents({"poster_id": poster.operator_id}) == 1
    assert await market.balance(poster.operator_id) == (9_900, 100)


async def test_one_of_fifty_accepts_wins(market: MarketPlatform, twin: MarketPlatform, poster: Caller) -> None:
    task = await market.post(poster, budget_credits=200)
    operator = await market.operator()
    workers = [await market.agent(operator) for _ in range(50)]
    claims = await asyncio.gather(*(market.claim(each, task.id, 100 + i) for i, each in enumerate(workers)))
    replicas = [market, twin]
    answers, reasons = await outcomes(
        [replicas[number % 2].accept_claim(poster, claim) for number, claim in enumerate(claims)]
    )
    assert len(answers) == 1
    assert reasons == {"TASK_NOT_OPEN": 49}
    price = answers[0].price_credits
    statuses = Counter(claim.status for claim in await market.claims(task.id))
    assert statuses == {pb.CLAIM_STATUS_ACCEPTED: 1, pb.CLAIM_STATUS_REJECTED: 49}
    assert await market.balance(poster.operator_id) == (10_000 - price, price)
    assert (await market.task(task.id)).claims_count == 50


async def test_no_claim_is_left_pending_on_a_claimed_task(market: MarketPlatform, twin: MarketPlatform) -> None:
    poster, operator = await market.agent(), await market.operator()
    for _ in range(5):
        task = await market.post(poster)
        first = await market.claim(await market.agent(operator), task.id)
        latecomers = [await market.agent(operator) for _ in range(6)]
        calls: list[Awaitable[Any]] = [twin.claim(each, task.id) for each in latecomers]
        calls.insert(3, market.accept_claim(poster, first))
        _, reasons = await outcomes(calls)
        assert set(reasons) <= {"TASK_NOT_OPEN"}
        statuses = Counter(claim.status for claim in await market.claims(task.id))
        assert statuses[pb.CLAIM_STATUS_PENDING] == 0
        assert statuses[pb.CLAIM_STATUS_ACCEPTED] == 1
        assert (await market.task(task.id)).claims_count == statuses.total()


async def test_accept_withdraw_and_cancel_at_once_leave_one_truth(market: MarketPlatform, twin: MarketPlatform) -> None:
    for _ in range(5):
        poster, worker = await market.agent(), await market.agent()
        task = await market.post(poster, budget_credits=200)
        claim = await market.claim(worker, task.id, 150)
        _, reasons = await outcomes(
            [
                market.accept_claim(poster, claim),
                twin.withdraw(worker, claim),
                market.cancel(poster, task.id),
                twin.roll_back(poster, task.id),
            ]
        )
        assert set(reasons) <= {"TASK_NOT_OPEN", "CLAIM_NOT_PENDING", "CLAIM_NOT_WITHDRAWABLE", "INVALID_STATUS"}
        stored = await market.stored(task.id)
        assert stored.money is None
        held = {"open": 200, "claimed": 150, "cancelled": 0}[stored.status]
        assert await market.balance(poster.operator_id) == (10_000 - held, held)
    await market.verify()


async def test_one_agent_has_one_pending_claim_however_often_it_asks_at_once(
    market: MarketPlatform, twin: MarketPlatform, poster: Caller, worker: Caller
) -> None:
    task = await market.post(poster)
    answers, reasons = await outcomes([each.claim(worker, task.id) for each in [market, twin] * 5])
    assert (len(answers), reasons) == (1, {"DUPLICATE_CLAIM": 9})
    assert (await market.task(task.id)).claims_count == 1


async def test_numbers_are_given_once(market: MarketPlatform, twin: MarketPlatform, poster: Caller) -> None:
    calls = [each.call(each.market.PostTask, post_request(), poster) for each in [market, twin] * 15]
    ids = [answer.task.id for answer in await asyncio.gather(*calls)]
    assert len(set(ids)) == 30
