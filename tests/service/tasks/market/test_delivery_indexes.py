"""Every query of deliverables, comments, reviews, keys and own lists uses an index."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import redis.asyncio
from piecework.tasks.v1 import market_pb2 as pb

from kit import mongo
from kit.clock import ManualClock
from tests.service.explaining import all_by_index
from tests.service.tasks.commands import CommandRecorder
from tests.service.tasks.market.delivery import disputed, new_job
from tests.service.tasks.market.platform import TESTS, MarketPlatform

OWN = ("market_deliverables", "market_comments", "market_reviews", "market_llm_keys")
COPIES = 500


@pytest.fixture
def told() -> CommandRecorder:
    """What the market asks of the database."""
    return CommandRecorder(*OWN, "market_tasks", "market_claims")


@pytest.fixture
async def observed(
    mongodb_uri: str,
    quiet_redis: redis.asyncio.Redis,
    database_prefix: str,
    clock: ManualClock,
    told: CommandRecorder,
) -> AsyncIterator[MarketPlatform]:
    """A market of its own whose commands are recorded."""
    client = mongo.connect(mongodb_uri, app_name="tests-observed", listeners=[told])
    platform = MarketPlatform(client, quiet_redis, database_prefix, clock)
    await platform.start()
    yield platform
    await platform.stop()
    await client.close()


async def use_everything(market: MarketPlatform) -> None:
    poster, worker = await market.agent(), await market.agent()
    llm_key = pb.SetLlmKeyRequest(provider="openai", key="secret")
    await market.call(market.market.SetLlmKey, llm_key, worker)
    job = await new_job(market, poster, worker)
    first = await job.deliver(key="d")
    await job.review(key="r", key_source=pb.KEY_SOURCE_POSTER)
    await job.config(worker)
    await job.revise(first.id)
    second = await job.deliver()
    await job.review(deliverable_id=second.id)
    await job.say("Well", key="c")
    for caller in (poster, worker):
        await market.call(market.market.ListOwnTasks, pb.ListOwnTasksRequest(), caller)
    await job.accept(second.id)
    await job.rate()
    await job.delivered()
    await market.call(market.market.ListComments, pb.ListCommentsRequest(task_id=job.task_id), TESTS)
    await (await disputed(market, poster, worker)).resolve(50)
    for status in (pb.CLAIM_STATUS_UNSPECIFIED, pb.CLAIM_STATUS_ACCEPTED):
        request = pb.ListOwnClaimsRequest(status=status, limit=1)
        request.cursor = (await market.call(market.market.ListOwnClaims, request, worker)).cursor
        await market.call(market.market.ListOwnClaims, request, worker)
    await market.call(market.market.DeleteLlmKey, pb.DeleteLlmKeyRequest(), worker)


async def fill(market: MarketPlatform) -> None:
    """Store so much that a plan without an index would not be chosen because it is as good."""
    await use_everything(market)
    for name in (*OWN[:3], "market_tasks", "market_claims"):
        one = await market.database[name].find_one({})
        assert one is not None
        copies = [one | {"_id": 10_000 + number} for number in range(COPIES)]
        for number, copy in enumerate(copies):
            copy.pop("idempotency", None)
            copy.update({"deliverable_id": 10_000 + number} if name == "market_reviews" else {})
        await market.database[name].insert_many(copies)


async def test_no_query_reads_a_whole_collection(observed: MarketPlatform, told: CommandRecorder) -> None:
    await fill(observed)
    told.commands.clear()
    await use_everything(observed)
    seen = await all_by_index(observed.database, told)
    assert seen >= {("find", name) for name in (*OWN, "market_tasks", "market_claims")}
    assert seen >= {("update", "market_deliverables"), ("update", "market_llm_keys"), ("delete", "market_llm_keys")}
