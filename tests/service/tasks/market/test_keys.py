"""LLM keys are kept sealed, and shown to nobody but whose they are and the reviewer agent."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import redis.asyncio
from piecework.tasks.v1 import market_pb2 as pb
from pymongo import AsyncMongoClient

from kit.caller import Caller
from kit.clock import ManualClock
from kit.errors import InvalidInput, PermissionDenied, Unavailable
from kit.mongo import Document
from kit.settings import Settings
from tests.service.hosting import refused
from tests.service.tasks.market.delivery import Job, new_job
from tests.service.tasks.market.platform import MarketPlatform

POSTERS, WORKERS = "sk-poster-0123456789", "sk-worker-0123456789"
REVIEWED: dict[str, Any] = {
    "auto_review_enabled": True,
    "poster_llm_provider": "anthropic",
    "poster_llm_key": POSTERS,
    "poster_max_reviews": 2,
}


class Rotated(MarketPlatform):
    """A replica with a new key in front of the old one, and a reviewer agent."""

    def settings(self, database_prefix: str) -> Settings:
        keys = (("k2", "cd" * 32), ("k1", "ab" * 32))
        return Settings(database_prefix=database_prefix, encryption_keys=keys, reviewer_agent_id=1)


class Keyless(MarketPlatform):
    """A replica that nobody gave a key."""

    def settings(self, database_prefix: str) -> Settings:
        return Settings(database_prefix=database_prefix)


Started = tuple[AsyncMongoClient[Document], redis.asyncio.Redis, str, ManualClock]


@pytest.fixture(scope="module")
def started(
    market: MarketPlatform,  # noqa: ARG001 - the first replica
    mongo_client: AsyncMongoClient[Document],
    quiet_redis: redis.asyncio.Redis,
    installation: str,
    clock: ManualClock,
) -> Started:
    return mongo_client, quiet_redis, installation, clock


@pytest.fixture(scope="module")
async def rotated(started: Started) -> AsyncIterator[MarketPlatform]:
    platform = Rotated(*started)
    await platform.start()
    yield platform
    await platform.stop()


@pytest.fixture(scope="module")
async def keyless(started: Started) -> AsyncIterator[MarketPlatform]:
    platform = Keyless(*started)
    await platform.start()
    yield platform
    await platform.stop()


@pytest.fixture
async def job(market: MarketPlatform, poster: Caller, worker: Caller) -> Job:
    return await new_job(market, poster, worker, **REVIEWED)


REVIEWER = Caller(kind="agent", operator_id=10**9, scopes=("market",), agent_id=1, name="reviewer")


async def set_key(market: MarketPlatform, caller: Caller, key: str = WORKERS, provider: str = "openai") -> None:
    await market.call(market.market.SetLlmKey, pb.SetLlmKeyRequest(provider=provider, key=key), caller)


async def stored(market: MarketPlatform, collection: str, number: int) -> Any:
    return await market.database[collection].find_one({"_id": number})


async def test_each_side_sees_its_own_key(job: Job) -> None:
    await set_key(job.market, job.worker)
    posters = await job.config(job.poster)
    assert (posters.auto_review_enabled, posters.poster_llm_key) == (True, POSTERS)
    assert (posters.poster_llm_provider, posters.poster_max_reviews) == ("anthropic", 2)
    assert (posters.poster_reviews_used, posters.poster_key_usable, posters.poster_limit_reached) == (0, True, False)
    assert (posters.freelancer_llm_key, posters.freelancer_llm_provider) == ("", "openai")
    assert posters.freelancer_key_available
    workers = await job.config(job.worker)
    assert (workers.poster_llm_key, workers.freelancer_llm_key) == ("", WORKERS)
    assert workers.poster_key_usable


async def test_the_reviewer_sees_both(job: Job, rotated: MarketPlatform) -> None:
    await set_key(job.market, job.worker)
    config = await job._replace(market=rotated).config(REVIEWER)
    assert (config.poster_llm_key, config.freelancer_llm_key) == (POSTERS, WORKERS)


async def test_others_see_nothing(job: Job) -> None:
    for other in (REVIEWER, await job.market.agent(job.worker.operator_id), await job.market.agent()):
        with refused("NOT_INVOLVED", PermissionDenied):
            await job.config(other)


async def test_without_keys_there_are_none(market: MarketPlatform, poster: Caller, worker: Caller) -> None:
    config = await (await new_job(market, poster, worker)).config(worker)
    assert config == pb.GetReviewConfigResponse()


async def test_a_key_can_be_replaced_and_forgotten(job: Job) -> None:
    await set_key(job.market, job.worker, "first")
    await set_key(job.market, job.worker, "  second ", "openrouter")
    config = await job.config(job.worker)
    assert (config.freelancer_llm_key, config.freelancer_llm_provider) == ("second", "openrouter")
    for _ in range(2):
        await job.market.call(job.market.market.DeleteLlmKey, pb.DeleteLlmKeyRequest(), job.worker)
    assert not (await job.config(job.worker)).freelancer_key_available
    assert await stored(job.market, "market_llm_keys", job.worker.agent_id) is None


@pytest.mark.parametrize(("key", "provider"), [(" ", "openai"), ("", "openai"), ("k", "acme")])
async def test_a_key_is_no_blank_and_its_provider_known(
    market: MarketPlatform, worker: Caller, key: str, provider: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        await set_key(market, worker, key, provider)
    assert caught.value.reason == "VALIDATION_FAILED"


async def test_keys_are_stored_sealed_and_told_nobody(job: Job) -> None:
    await set_key(job.market, job.worker)
    task = await stored(job.market, "market_tasks", job.task_id)
    assert task["poster_llm_key"].startswith("k1:")
    assert (await stored(job.market, "market_llm_keys", job.worker.agent_id))["key"].startswith("k1:")
    for name in await job.market.database.list_collection_names():
        text = str(await job.market.database[name].find({}).to_list())
        assert POSTERS not in text
        assert WORKERS not in text
    assert POSTERS not in str(await job.task())


async def test_a_new_key_reads_the_old_and_seals_what_is_written(job: Job, rotated: MarketPlatform) -> None:
    await set_key(job.market, job.worker)
    after = job._replace(market=rotated)
    assert (await after.config(job.worker)).freelancer_llm_key == WORKERS
    await set_key(rotated, job.worker)
    assert (await stored(rotated, "market_llm_keys", job.worker.agent_id))["key"].startswith("k2:")
    await job.deliver()
    await after.review(key_source=pb.KEY_SOURCE_POSTER)
    assert (await stored(rotated, "market_tasks", job.task_id))["poster_llm_key"].startswith("k2:")
    assert (await after.config(job.poster)).poster_llm_key == POSTERS


async def test_a_key_moved_to_another_record_does_not_open(job: Job) -> None:
    other = await new_job(job.market, job.poster, job.worker, **REVIEWED)
    sealed = (await stored(job.market, "market_tasks", job.task_id))["poster_llm_key"]
    await job.market.database["market_tasks"].update_one({"_id": other.task_id}, {"$set": {"poster_llm_key": sealed}})
    config = await other.config(job.poster)
    assert (config.poster_llm_key, config.poster_key_usable) == ("", False)


async def test_without_encryption_keys_only_storing_is_refused(job: Job, keyless: MarketPlatform) -> None:
    with refused("ENCRYPTION_NOT_CONFIGURED", Unavailable):
        await set_key(keyless, job.worker)
    with refused("ENCRYPTION_NOT_CONFIGURED", Unavailable):
        await keyless.post(job.poster, **REVIEWED)
    assert (await keyless.post(job.poster)).status == pb.MARKET_STATUS_OPEN
    await set_key(job.market, job.worker)
    config = await job._replace(market=keyless).config(job.poster)
    assert (config.poster_llm_key, config.poster_key_usable, config.freelancer_key_available) == ("", False, False)


async def test_the_reviewer_judges_in_the_place_of_the_poster(job: Job, rotated: MarketPlatform) -> None:
    reviewed = job._replace(market=rotated)
    await reviewed.revise((await job.deliver()).id, caller=REVIEWER)
    second = await job.deliver()
    with refused("NOT_POSTER_OR_REVIEWER"):
        await job.accept(second.id, REVIEWER)
    assert (await reviewed.accept(second.id, REVIEWER)).credits_paid == 140
    with refused("NOT_POSTER"):
        await reviewed.rate(caller=REVIEWER)
