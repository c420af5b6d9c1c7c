"""What a search keeps in memory: blocks of the index are read again when they have changed, and only then."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import redis.asyncio

from kit import mongo
from kit.caller import MARKET, Caller
from kit.clock import ManualClock
from services.tasks.market.search_index import ALL, Filter
from tests.service.tasks.commands import CommandRecorder
from tests.service.tasks.market.catalogue import Catalogue, index, search_all
from tests.service.tasks.market.platform import MarketPlatform

READER = Caller(kind="agent", operator_id=7, scopes=(MARKET,), agent_id=70, name="reader")


@pytest.fixture
def told() -> CommandRecorder:
    """What is asked of the index."""
    return CommandRecorder("market_search")


@pytest.fixture
async def observed(
    mongodb_uri: str, quiet_redis: redis.asyncio.Redis, database_prefix: str, clock: ManualClock, told: CommandRecorder
) -> AsyncIterator[Catalogue]:
    """A market of its own whose commands are recorded, with tasks that the index shows."""
    client = mongo.connect(mongodb_uri, app_name="tests-blocks", listeners=[told])
    platform = MarketPlatform(client, quiet_redis, database_prefix, clock)
    await platform.start()
    catalogue = Catalogue(platform)
    await catalogue.add(40)
    await index(platform)
    yield catalogue
    await platform.stop()
    await client.close()


async def read_again(catalogue: Catalogue, told: CommandRecorder) -> set[str]:
    """Search, and return which blocks were read for it."""
    told.commands.clear()
    assert await search_all(catalogue.market, READER, "python", 100) == catalogue.found(Filter("open"), "python")
    return {each for command in told.commands for each in command["filter"]["_id"]["$in"]}


async def test_blocks_are_read_again_when_they_have_changed(observed: Catalogue, told: CommandRecorder) -> None:
    assert await read_again(observed, told) == {"c status 000000", "s python 000000"}
    assert not await read_again(observed, told)
    await observed.add(40, first=8_170)
    await index(observed.market)
    changed = {"c status 000000", "c status 000001", "s python 000000", "s python 000001"}
    assert await read_again(observed, told) == changed
    assert not await read_again(observed, told)


async def test_blocks_of_an_index_that_was_made_anew_do_not_pass_for_those_of_the_old_one(
    observed: Catalogue, told: CommandRecorder
) -> None:
    before = observed.found(Filter("open"), "python")
    assert await read_again(observed, told)
    tasks = observed.market.database["market_tasks"]
    await observed.market.database["market_search"].drop()
    gone = [task_id for task_id, _ in before[::2]]
    await tasks.delete_many({"_id": {"$in": gone}})
    await tasks.update_many({"status": {"$ne": "creating"}}, {"$set": {"unindexed": ALL}})
    for task_id in gone:
        del observed.tasks[task_id]
    await index(observed.market)
    assert await read_again(observed, told) == {"c status 000000", "s python 000000"}
