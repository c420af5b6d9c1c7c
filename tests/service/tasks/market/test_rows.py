"""Rows of lists come from memory, and are those of the database all the same."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import redis.asyncio
from piecework.tasks.v1 import market_pb2 as pb

from kit import mongo
from kit.caller import MARKET, Caller
from kit.clock import ManualClock
from services.tasks.market.search_index import Filter
from services.tasks.market.store.rows import KEY
from tests.service.tasks.commands import CommandRecorder
from tests.service.tasks.market.catalogue import Catalogue, browse, filter_message, search
from tests.service.tasks.market.platform import MarketPlatform

READER = Caller(kind="agent", operator_id=7, scopes=(MARKET,), agent_id=70, name="reader")


@pytest.fixture(scope="module")
def told() -> CommandRecorder:
    return CommandRecorder("market_tasks")


@pytest.fixture(scope="module")
async def full(
    mongodb_uri: str, quiet_redis: redis.asyncio.Redis, installation: str, clock: ManualClock, told: CommandRecorder
) -> AsyncIterator[Catalogue]:
    """A market with tasks whose commands are recorded."""
    client = mongo.connect(mongodb_uri, app_name="tests-rows", listeners=[told])
    platform = MarketPlatform(client, quiet_redis, f"{installation}-rows", clock)
    await platform.start()
    catalogue = Catalogue(platform)
    await catalogue.add(60)
    yield catalogue
    await platform.stop()
    await client.close()


def read_whole(told: CommandRecorder) -> list[list[int]]:
    """The ids of the tasks that were read for more than their keys."""
    finds = [command for command in told.commands if "find" in command and command["projection"] != KEY]
    return [command["filter"]["_id"]["$in"] for command in finds]


async def asked(full: Catalogue, way: str, **fields: Any) -> list[pb.MarketTask]:
    """Ask for the same tasks in one of the ways that there are."""
    if way == "search":
        found = await search(full.market, READER, "data", limit=10, **fields)
        return [each.task for each in found.tasks]
    sorts = {"by id": pb.TASK_SORT_NEWEST, "by budget": pb.TASK_SORT_BUDGET_HIGH}
    return list((await browse(full.market, READER, limit=10, sort=sorts[way], **fields)).tasks)


@pytest.mark.parametrize("way", ["by id", "by budget", "search"])
async def test_a_task_is_read_again_when_it_has_changed(full: Catalogue, told: CommandRecorder, way: str) -> None:
    before = await asked(full, way)
    told.commands.clear()
    assert await asked(full, way) == before
    assert told.commands
    assert not read_whole(told)
    changed = before[3].id
    update = {"$inc": {"version": 1, "claims_count": 1}, "$set": {"title": "data of another kind"}}
    await full.market.database["market_tasks"].update_one({"_id": changed}, update)
    told.commands.clear()
    after = await asked(full, way)
    assert read_whole(told) == [[changed]]
    assert [task.id for task in after] == [task.id for task in before]
    assert after[3].title == "data of another kind"
    assert after[3].claims_count == before[3].claims_count + 1


async def test_a_task_of_another_history_is_not_taken_for_the_one_that_had_its_number(full: Catalogue) -> None:
    task = (await asked(full, "by id"))[0]
    update = {"$set": {"uuid": "another", "title": "Another task"}}
    await full.market.database["market_tasks"].update_one({"_id": task.id}, update)
    assert (await asked(full, "by id"))[0].title == "Another task"


@pytest.mark.parametrize("changes", [{"status": "claimed"}, {"budget": 5}])
async def test_a_task_that_changes_after_its_id_was_found_is_not_shown_in_a_list_that_it_left(
    full: Catalogue, changes: dict[str, Any]
) -> None:
    store = full.market.app.market.browse_store
    which = Filter("open", 0, 10, 2_000_000_000)
    page = await store.by_id(which, None, 4, descending=True)
    left, gone = page.rows[1], page.rows[2]
    tasks = full.market.database["market_tasks"]
    await tasks.update_one({"_id": left.id}, {"$set": changes, "$inc": {"version": 1}})
    await tasks.delete_one({"_id": gone.id})
    rows = await store.named(which, [key.id for key in page.keys])
    assert [row.id for row in rows] == [page.rows[0].id, page.rows[3].id]


async def test_a_page_goes_on_where_it_ended_whatever_became_of_its_rows(full: Catalogue) -> None:
    which = filter_message(Filter("open", 0, 10, 1_000))
    first = await browse(full.market, READER, limit=3, filter=which)
    again = await browse(full.market, READER, limit=3, filter=which, cursor=first.cursor)
    shown = [task.id for task in (*first.tasks, *again.tasks)]
    assert shown == sorted(shown, reverse=True)
    assert len(set(shown)) == 6
