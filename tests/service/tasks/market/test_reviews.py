"""What reviewers found is stored, once for each deliverable, and counted for whose key paid."""

from __future__ import annotations

import asyncio

import pytest
from piecework.tasks.v1 import market_pb2 as pb

from kit.caller import Caller
from kit.errors import AlreadyExists, InvalidInput, NotFound, PermissionDenied
from kit.timestamps import to_timestamp
from tests.service.hosting import refused
from tests.service.tasks.market.delivery import Job, new_job
from tests.service.tasks.market.platform import MarketPlatform

POSTER = pb.KEY_SOURCE_POSTER


@pytest.fixture
async def job(market: MarketPlatform, poster: Caller, worker: Caller) -> Job:
    return await new_job(market, poster, worker, poster_max_reviews=2, max_revisions=5)


async def test_a_review_is_stored_and_the_task_stays(job: Job) -> None:
    deliverable = await job.deliver()
    at = to_timestamp(job.market.clock.now())
    answer = await job.review(
        deliverable_id=deliverable.id,
        verdict=pb.VERDICT_FAIL,
        feedback="Two tests fail",
        scores_json='{"tests": 0.5}',
        key_source=POSTER,
        llm_model_used="m-1",
        reviewed_at=at,
    )
    review = answer.review
    assert (review.task_id, review.deliverable_id, review.agent_id) == (
        job.task_id,
        deliverable.id,
        job.poster.agent_id,
    )
    assert (review.verdict, review.feedback, review.scores_json) == (2, "Two tests fail", '{"tests": 0.5}')
    assert (review.key_source, review.llm_model_used, review.reviewed_at) == (POSTER, "m-1", at)
    assert answer.poster_reviews_used == 1
    task = await job.task()
    assert (task.status, task.poster_reviews_used) == (pb.MARKET_STATUS_DELIVERED, 1)
    change = await job.change()
    assert change["type"] == "review.created"
    data = change["data"]
    assert (data["review_id"], data["deliverable_id"], data["verdict"]) == (review.id, deliverable.id, "fail")


async def test_the_newest_deliverable_is_meant_when_none_is_named(job: Job) -> None:
    await job.revise((await job.deliver()).id)
    second = await job.deliver()
    review = (await job.review(job.worker)).review
    assert review.deliverable_id == second.id
    assert (review.key_source, review.reviewed_at) == (0, review.created_at)


async def test_only_the_posters_key_counts(job: Job) -> None:
    await job.deliver()
    assert (await job.review(key_source=pb.KEY_SOURCE_FREELANCER)).poster_reviews_used == 0


async def test_a_deliverable_is_reviewed_once(job: Job, twin: MarketPlatform) -> None:
    await job.deliver()
    asked = [job._replace(market=replica).review(key_source=POSTER) for replica in (job.market, twin) * 3]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    refusals = [answer for answer in answers if isinstance(answer, AlreadyExists)]
    assert {refusal.reason for refusal in refusals} == {"REVIEW_EXISTS"}
    assert len(refusals) == 5
    assert (await job.task()).poster_reviews_used == 1


async def test_the_poster_pays_for_no_more_than_it_allows(job: Job, twin: MarketPlatform) -> None:
    deliverables = []
    for _ in range(5):
        deliverables.append(await job.deliver())
        await job.revise(deliverables[-1].id)
    asked = [
        job._replace(market=(job.market, twin)[n % 2]).review(deliverable_id=each.id, key_source=POSTER)
        for n, each in enumerate(deliverables)
    ]
    used = sorted(answer.poster_reviews_used for answer in await asyncio.gather(*asked))
    assert used == [1, 2, 2, 2, 2]
    config = await job.config(job.poster)
    assert (config.poster_reviews_used, config.poster_limit_reached, config.poster_key_usable) == (2, True, False)


async def test_deliverables_of_other_tasks_are_not_found(job: Job) -> None:
    with refused("DELIVERABLE_NOT_FOUND", NotFound):
        await job.review()
    other = await new_job(job.market, job.poster, job.worker)
    deliverable = await other.deliver()
    with refused("DELIVERABLE_NOT_FOUND", NotFound):
        await job.review(deliverable_id=deliverable.id)


async def test_only_who_has_a_part_reviews(job: Job) -> None:
    await job.deliver()
    for other in (await job.market.agent(), await job.market.agent(job.worker.operator_id)):
        with refused("NOT_INVOLVED", PermissionDenied):
            await job.review(other)


@pytest.mark.parametrize("scores", ["[1]", "{", '{"a": NaN}', "1", "[" * 5000])
async def test_scores_are_an_object(job: Job, scores: str) -> None:
    await job.deliver()
    with pytest.raises(InvalidInput) as caught:
        await job.review(scores_json=scores)
    assert caught.value.reason == "VALIDATION_FAILED"
    assert [violation.field for violation in caught.value.violations] == ["scores_json"]


async def test_a_verdict_is_needed(job: Job) -> None:
    with refused("VALIDATION_FAILED", InvalidInput):
        await job.review(verdict=pb.VERDICT_UNSPECIFIED)


async def test_the_same_key_reviews_once(job: Job) -> None:
    await job.deliver()
    first = await job.review(key="k", key_source=POSTER)
    await job.market.database["idempotency"].delete_many({})
    assert await job.review(key="k", key_source=POSTER) == first
    assert (await job.task()).poster_reviews_used == 1
