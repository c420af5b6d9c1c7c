"""Every query of tasks and claims uses an index: the commands that are really sent are explained by the server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import redis.asyncio

from kit import mongo
from kit.clock import ManualClock
from kit.timestamps import to_timestamp
from tests.service.explaining import all_by_index
from tests.service.hosting import refused
from tests.service.tasks.commands import CommandRecorder
from tests.service.tasks.market.faults import Fault
from tests.service.tasks.market.platform import MarketPlatform
from tests.service.tasks.market.test_events import round_of_everything

COLLECTIONS = {"market_tasks", "market_claims", "counters"}


@pytest.fixture
def told() -> CommandRecorder:
    """What the market asks of the database."""
    return CommandRecorder(*COLLECTIONS)


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
    poster, worker = await market.agent(await market.operator(500)), await market.agent()
    await round_of_everything(market, poster, worker)
    market.billing.faults["PlaceHold"] = [Fault.LOST_REQUEST]
    for reason in ("UNAVAILABLE", "INSUFFICIENT_CREDITS"):
        with refused(reason):
            await market.post(poster, "k", budget_credits=1_000)
    await market.claim(worker, (await market.post(poster)).id, key="c")
    await market.post(poster, deadline=to_timestamp(market.clock.now() + timedelta(hours=1)))
    await market.reconcile()
    market.pass_time(days=8)
    assert await market.app.market.expiry.tick() == 1
    await market.app.market.metrics.sample()


async def fill(market: MarketPlatform) -> None:
    """Store so much that a plan without an index would not be chosen because it is as good."""
    poster, worker = await market.agent(), await market.agent()
    claim = await market.claimed(poster, worker)
    task = await market.database["market_tasks"].find_one({"_id": claim.task_id})
    offer = await market.database["market_claims"].find_one({"_id": claim.id})
    assert task is not None
    assert offer is not None
    await market.database["market_tasks"].insert_many([task | {"_id": 10_000 + n} for n in range(500)])
    await market.database["market_claims"].insert_many(
        [offer | {"_id": 10_000 + n, "task_id": n // 5} for n in range(500)]
    )


async def test_no_query_reads_a_whole_collection(observed: MarketPlatform, told: CommandRecorder) -> None:
    await fill(observed)
    told.commands.clear()
    await use_everything(observed)
    seen = await all_by_index(observed.database, told)
    assert seen >= {
        ("find", "market_tasks"),
        ("update", "market_tasks"),
        ("delete", "market_tasks"),
        ("find", "market_claims"),
        ("update", "market_claims"),
        ("findAndModify", "counters"),
    }
