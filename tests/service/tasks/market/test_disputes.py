"""Work that was refused for good, and what an arbiter makes of it."""

from __future__ import annotations

import asyncio

import pytest
from piecework.tasks.v1 import market_pb2 as pb

from kit.caller import Caller, service_caller
from kit.errors import DomainError, PermissionDenied, Unauthenticated, WrongState
from tests.service.hosting import refused
from tests.service.tasks.market.delivery import Job, disputed, new_job
from tests.service.tasks.market.platform import MarketPlatform


@pytest.fixture
async def job(market: MarketPlatform, poster: Caller, worker: Caller) -> Job:
    return await disputed(market, poster, worker)


async def test_work_is_refused_for_good_only_when_no_revision_is_left(
    market: MarketPlatform, poster: Caller, worker: Caller
) -> None:
    job = await new_job(market, poster, worker, max_revisions=1)
    first = await job.deliver()
    with pytest.raises(WrongState) as caught:
        await job.reject(first.id)
    assert caught.value.reason == "REVISIONS_LEFT"
    assert (caught.value.metadata["used"], caught.value.metadata["max"]) == ("1", "2")
    await job.revise(first.id)
    last = await job.deliver()
    task = await job.reject(last.id, "  Not at all ")
    assert task.status == pb.MARKET_STATUS_DISPUTED
    refused_work = (await job.delivered())[-1]
    assert (refused_work.status, refused_work.revision_notes) == (pb.DELIVERABLE_STATUS_REJECTED, "Not at all")
    change = await job.change()
    assert change["type"] == "deliverable.rejected"
    assert change["data"]["reason"] == "Not at all"
    assert change["data"]["deliverable_id"] == last.id
    assert await market.balance(poster.operator_id) == (9_845, 155)


@pytest.mark.parametrize(
    ("percent", "paid", "fee", "refund"),
    [(100, 140, 15, 0), (50, 70, 7, 78), (7, 9, 1, 145), (6, 9, 0, 146), (1, 1, 0, 154)],
)
async def test_the_price_is_split(job: Job, percent: int, paid: int, fee: int, refund: int) -> None:
    answer = await job.resolve(percent)
    assert (answer.credits_paid, answer.platform_fee_credits, answer.refunded_credits) == (paid, fee, refund)
    assert answer.task.status == pb.MARKET_STATUS_COMPLETED
    assert await job.market.balance(job.worker.operator_id) == (10_000 + paid, 0)
    assert await job.market.balance(job.poster.operator_id) == (9_845 + refund, 0)
    change = await job.change()
    assert change["type"] == "dispute.resolved"
    data = change["data"]
    assert (data["agent_id"], data["worker_operator_id"]) == (job.worker.agent_id, job.worker.operator_id)
    assert (data["worker_percent"], data["payment"], data["platform_fee"]) == (percent, paid, fee)
    assert (data["refund"], data["reason"], data["previous_status"]) == (refund, "Both are right", "disputed")
    await job.market.verify()


async def test_a_worker_that_gets_nothing_ends_the_task(job: Job) -> None:
    answer = await job.resolve(0, service_caller("admin"))
    assert (answer.credits_paid, answer.platform_fee_credits, answer.refunded_credits) == (0, 0, 155)
    assert answer.task.status == pb.MARKET_STATUS_CANCELLED
    assert await job.market.balance(job.worker.operator_id) == (10_000, 0)
    assert await job.market.balance(job.poster.operator_id) == (10_000, 0)
    with refused("INVALID_STATUS"):
        await job.rate()
    await job.market.verify()


async def test_a_share_too_small_to_pay_is_nothing(market: MarketPlatform, poster: Caller, worker: Caller) -> None:
    job = await disputed(market, poster, worker, budget=10, price=9)
    answer = await job.resolve(10)
    assert (answer.credits_paid, answer.refunded_credits) == (0, 9)
    assert answer.task.status == pb.MARKET_STATUS_CANCELLED


async def test_only_an_arbiter_decides(job: Job) -> None:
    for caller in (job.poster, job.worker):
        with refused("SCOPE_MISSING", PermissionDenied):
            await job.resolve(0, caller)
    with refused("AUTHENTICATION_REQUIRED", Unauthenticated):
        await job.resolve(0, Caller(kind="anonymous"))
    assert (await job.task()).status == pb.MARKET_STATUS_DISPUTED


async def test_only_disputes_are_decided(market: MarketPlatform, poster: Caller, worker: Caller) -> None:
    job = await new_job(market, poster, worker)
    with pytest.raises(WrongState) as caught:
        await job.resolve(50)
    assert (caught.value.reason, caught.value.metadata["status"]) == ("INVALID_STATUS", "claimed")


@pytest.mark.parametrize("percent", [-1, 101])
async def test_a_share_is_from_0_to_100(job: Job, percent: int) -> None:
    with refused("VALIDATION_FAILED"):
        await job.resolve(percent)


async def test_two_arbiters_decide_once(job: Job, twin: MarketPlatform) -> None:
    answers = await asyncio.gather(
        *(job._replace(market=replica).resolve(percent) for replica in (job.market, twin) for percent in (30, 60)),
        return_exceptions=True,
    )
    assert sum(isinstance(answer, DomainError) for answer in answers) == 3
    (paid,) = [answer.credits_paid for answer in answers if isinstance(answer, pb.ResolveDisputeResponse)]
    assert await job.market.balance(job.worker.operator_id) == (10_000 + paid, 0)
    await job.market.verify()


async def test_nothing_else_leads_out_of_a_dispute(job: Job) -> None:
    (deliverable,) = await job.delivered()
    with refused("INVALID_STATUS"):
        await job.accept(deliverable.id)
    with refused("INVALID_STATUS"):
        await job.market.cancel(job.poster, job.task_id)
    with refused("INVALID_STATUS"):
        await job.market.roll_back(job.poster, job.task_id)
    with refused("INVALID_STATUS"):
        await job.deliver()
