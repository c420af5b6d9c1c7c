"""Work is paid once, however many accept it at once and whatever breaks in between."""

from __future__ import annotations

import asyncio

import pytest
from piecework.billing.v1 import ledger_pb2
from piecework.tasks.v1 import market_pb2 as pb

from kit.caller import Caller
from kit.errors import DomainError
from tests.service.tasks.market.delivery import disputed, new_job
from tests.service.tasks.market.faults import Fault
from tests.service.tasks.market.platform import TESTS, MarketPlatform


async def test_many_who_accept_at_once_pay_once(
    market: MarketPlatform, twin: MarketPlatform, poster: Caller, worker: Caller
) -> None:
    job = await new_job(market, poster, worker)
    deliverable = await job.deliver()
    asked = [job._replace(market=replica).accept(deliverable.id) for replica in (market, twin) * 5]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert sorted(_reason(answer) for answer in answers) == [*["INVALID_STATUS"] * 9, "paid 140"]
    assert await market.balance(worker.operator_id) == (10_140, 0)
    await market.verify()


async def test_accepting_and_sending_back_at_once_do_not_mix(
    market: MarketPlatform, twin: MarketPlatform, poster: Caller, worker: Caller
) -> None:
    for _ in range(5):
        job = await new_job(market, poster, worker, budget=20, price=20)
        deliverable = await job.deliver()
        accepted, sent_back = await asyncio.gather(
            job.accept(deliverable.id), job._replace(market=twin).revise(deliverable.id), return_exceptions=True
        )
        assert isinstance(accepted, DomainError) != isinstance(sent_back, DomainError)
        status = (await job.task()).status
        assert status == (pb.MARKET_STATUS_IN_PROGRESS if isinstance(accepted, DomainError) else 5)
    await market.verify()


async def test_two_deliveries_at_once_are_one(
    market: MarketPlatform, twin: MarketPlatform, poster: Caller, worker: Caller
) -> None:
    job = await new_job(market, poster, worker)
    asked = [job._replace(market=replica).deliver() for replica in (market, twin) * 3]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    refusals = [answer.reason for answer in answers if isinstance(answer, DomainError)]
    assert refusals == ["DELIVERY_PENDING"] * 5
    assert [each.revision_number for each in await job.delivered()] == [1]


@pytest.mark.parametrize("fault", Fault)
async def test_an_accept_that_broke_is_paid_by_the_reconciler(
    market: MarketPlatform, poster: Caller, worker: Caller, fault: Fault
) -> None:
    job = await new_job(market, poster, worker)
    deliverable = await job.deliver()
    market.billing.faults["SettleHold"] = [fault]
    answer = _reason(*await asyncio.gather(job.accept(deliverable.id), return_exceptions=True))
    # Whoever asked learns that the work is accepted, unless the process died: payment follows.
    assert answer == ("INTERNAL" if fault.crashes else "paid 140")
    assert (await job.task()).status == pb.MARKET_STATUS_COMPLETED
    assert (await market.stored(job.task_id)).money is not None
    assert await market.balance(worker.operator_id) == (10_140 if fault.arrives else 10_000, 0)
    await market.reconcile()
    assert (await market.stored(job.task_id)).money is None
    assert await market.balance(worker.operator_id) == (10_140, 0)
    assert await market.balance(poster.operator_id) == (9_845, 0)
    await market.verify()


@pytest.mark.parametrize("fault", Fault)
@pytest.mark.parametrize("percent", [0, 50])
async def test_a_decision_that_broke_is_carried_out_by_the_reconciler(
    market: MarketPlatform, poster: Caller, worker: Caller, fault: Fault, percent: int
) -> None:
    job = await disputed(market, poster, worker, budget=100, price=100)
    market.billing.faults["SettleHold" if percent else "ReleaseHold"] = [fault]
    await asyncio.gather(job.resolve(percent), return_exceptions=True)
    await market.reconcile()
    assert (await market.stored(job.task_id)).money is None
    assert await market.balance(worker.operator_id) == (10_000 + percent * 9 // 10, 0)
    assert await market.balance(poster.operator_id) == (10_000 - percent, 0)
    await market.verify()


async def test_who_accepts_work_learns_so_even_when_the_ledger_is_in_disorder(
    market: MarketPlatform, poster: Caller, worker: Caller
) -> None:
    job = await new_job(market, poster, worker)
    deliverable = await job.deliver()
    hold_id = (await market.stored(job.task_id)).hold_id
    await market.call(market.ledger.ReleaseHold, ledger_pb2.ReleaseHoldRequest(hold_id=hold_id), TESTS)
    assert _reason(await job.accept(deliverable.id)) == "paid 140"
    task = await market.stored(job.task_id)
    assert (task.status, task.money is not None) == ("completed", True)
    await market.verify()
    await market.database["market_tasks"].delete_one({"_id": job.task_id})


async def test_who_comes_next_finishes_what_broke(market: MarketPlatform, poster: Caller, worker: Caller) -> None:
    job = await new_job(market, poster, worker)
    market.billing.faults["SettleHold"] = [Fault.CRASH_BEFORE]
    await asyncio.gather(job.accept((await job.deliver()).id), return_exceptions=True)
    assert await market.balance(worker.operator_id) == (10_000, 0)
    await job.rate()
    assert await market.balance(worker.operator_id) == (10_140, 0)


def _reason(answer: object) -> str:
    if isinstance(answer, pb.AcceptDeliverableResponse):
        return f"paid {answer.credits_paid}"
    return answer.reason if isinstance(answer, DomainError) else repr(answer)
