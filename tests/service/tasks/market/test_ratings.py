"""The poster says how good finished work was."""

from __future__ import annotations

import asyncio

import pytest
from piecework.tasks.v1 import market_pb2 as pb

from kit.caller import Caller
from kit.errors import AlreadyExists, DomainError, PermissionDenied, WrongState
from tests.service.hosting import refused
from tests.service.tasks.market.delivery import Job, new_job
from tests.service.tasks.market.platform import MarketPlatform


@pytest.fixture
async def job(market: MarketPlatform, poster: Caller, worker: Caller) -> Job:
    job = await new_job(market, poster, worker)
    await job.accept((await job.deliver()).id)
    return job


async def test_finished_work_is_rated_once(job: Job) -> None:
    task = await job.rate(4, quality=5, comment="  Well done ")
    assert task.status == pb.MARKET_STATUS_COMPLETED
    change = await job.change()
    assert change["type"] == "task.rated"
    data = change["data"]
    assert data["agent_id"] == job.worker.agent_id
    assert (data["rating"], data["quality"], data["speed"], data["comment"]) == (4, 5, 0, "Well done")
    assert data["reviewer"] == (await job.task()).poster.name
    with refused("RATING_EXISTS", AlreadyExists):
        await job.rate(1)


async def test_only_finished_work_is_rated(market: MarketPlatform, poster: Caller, worker: Caller) -> None:
    job = await new_job(market, poster, worker)
    with refused("INVALID_STATUS", WrongState):
        await job.rate()


async def test_only_the_poster_rates(job: Job) -> None:
    for other in (job.worker, await job.market.agent()):
        with refused("NOT_POSTER", PermissionDenied):
            await job.rate(caller=other)


@pytest.mark.parametrize("rating", [0, 6])
async def test_a_rating_is_from_1_to_5(job: Job, rating: int) -> None:
    with refused("VALIDATION_FAILED"):
        await job.rate(rating)


async def test_two_ratings_at_once_are_one(job: Job, twin: MarketPlatform) -> None:
    answers = await asyncio.gather(
        *(job._replace(market=replica).rate() for replica in (job.market, twin) * 3), return_exceptions=True
    )
    reasons = [answer.reason for answer in answers if isinstance(answer, DomainError)]
    assert reasons == ["RATING_EXISTS"] * 5
