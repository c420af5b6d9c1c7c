"""Search: what is found, in which order, and that it is never older than the tasks."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator

import pytest
import redis.asyncio
from piecework.tasks.v1 import market_pb2 as pb
from pymongo import AsyncMongoClient

from kit import mongo
from kit.caller import MARKET, Caller
from kit.clock import ManualClock
from kit.errors import Conflict, InvalidInput, PermissionDenied
from kit.mongo import Document
from services.tasks.market.search_index import Filter, add_words, column_changes
from services.tasks.market.service.indexing import RecentWords, SearchIndexer
from services.tasks.market.stems import words_of
from tests.service.explaining import explainable, stages
from tests.service.hosting import refused
from tests.service.tasks.commands import CommandRecorder
from tests.service.tasks.market.catalogue import Catalogue, filter_message, index, search, search_all
from tests.service.tasks.market.platform import MarketPlatform
from tests.service.tasks.platform import OWNER

READER = Caller(kind="agent", operator_id=7, scopes=(MARKET,), agent_id=70, name="reader")
QUERIES = (
    "parse",
    "parsing",
    "parser",
    "data",
    "python data",
    "ca",
    "cat",
    "cate",
    "p",
    "api",
    "parse the data of python pages, scrape sites",
    "scrape site page api category database",
    "nothing",
    "data nothing",
)
FILTERS = (
    Filter("open"),
    Filter("completed"),
    Filter("open", 2),
    Filter("open", 0, 50),
    Filter("open", 3, 10, 100),
    Filter("open", 0, 2000, 3000),
)


@pytest.fixture
async def empty(
    mongo_client: AsyncMongoClient[Document],
    quiet_redis: redis.asyncio.Redis,
    database_prefix: str,
    clock: ManualClock,
) -> AsyncIterator[MarketPlatform]:
    """A market of its own, without tasks."""
    platform = MarketPlatform(mongo_client, quiet_redis, database_prefix, clock)
    await platform.start()
    yield platform
    await platform.stop()


async def assert_found(catalogue: Catalogue) -> None:
    """Compare every page of every search with what is found the long way."""
    for query in QUERIES:
        for which in FILTERS:
            found = await search_all(catalogue.market, READER, query, 6, filter=filter_message(which))
            expected = catalogue.found(which, query)
            assert [number for number, _ in found] == [number for number, _ in expected], (query, which)
            assert [each for _, each in found] == pytest.approx([each for _, each in expected])


async def test_what_is_found_does_not_depend_on_the_index(empty: MarketPlatform) -> None:
    catalogue = Catalogue(empty, seed=2)
    await catalogue.add(60)
    await assert_found(catalogue)  # none
    await index(empty)
    await assert_found(catalogue)  # all
    await catalogue.add(60, first=8_170)
    await assert_found(catalogue)  # some
    await index(empty)
    await assert_found(catalogue)
    await catalogue.add(250, first=9_000)  # so many that common words are sliced
    await index(empty)
    await assert_found(catalogue)


async def test_no_query_reads_a_whole_collection(
    mongodb_uri: str, quiet_redis: redis.asyncio.Redis, database_prefix: str, clock: ManualClock
) -> None:
    told = CommandRecorder("market_tasks", "market_search")
    client = mongo.connect(mongodb_uri, app_name="tests-search", listeners=[told])
    platform = MarketPlatform(client, quiet_redis, database_prefix, clock)
    await platform.start()
    told.commands.clear()  # of the start
    catalogue = Catalogue(platform, seed=6)
    for first in (1, 1001):
        await catalogue.add(300, first)
        for query in ("parse", "data python api site cat page", "ca"):
            await search(platform, READER, query, filter=pb.TaskFilter(category_id=1, min_budget_credits=50))
        await index(platform)
    seen = set()
    for command in list(told.commands):
        for bare in explainable(command):
            plan = await platform.database.command("explain", bare, verbosity="queryPlanner")
            kinds = {stage["stage"] for stage in stages(plan)}
            assert not kinds & {"COLLSCAN", "SORT"}, bare
            assert kinds & {"IXSCAN", "IDHACK", "EXPRESS_IXSCAN"}, bare
            seen.add((next(iter(bare)), bare[next(iter(bare))]))
    assert seen == {
        ("aggregate", "market_tasks"),
        ("aggregate", "market_search"),
        ("find", "market_tasks"),
        ("find", "market_search"),
        ("update", "market_tasks"),
        ("update", "market_search"),
    }
    await platform.stop()
    await client.close()


async def test_a_crash_while_indexing_changes_nothing(empty: MarketPlatform) -> None:
    catalogue = Catalogue(empty, seed=3)
    await catalogue.add(40)
    store = empty.app.market.search_store
    entries = await store.unindexed(1000)
    changes: dict[tuple[str, int], dict[int, int]] = {}
    for entry in entries[:25]:
        task = catalogue.tasks[entry.id]
        add_words(changes, entry.id, words_of(task.title, task.description))
    await store.write(changes)
    await assert_found(catalogue)
    await store.write(column_changes(entries[:10]))
    await assert_found(catalogue)
    await index(empty)
    await assert_found(catalogue)


async def test_two_that_index_at_once_lose_nothing(empty: MarketPlatform) -> None:
    catalogue = Catalogue(empty, seed=4)
    store = empty.app.market.search_store
    indexers = [SearchIndexer(store, RecentWords(store)) for _ in range(4)]

    async def work(indexer: SearchIndexer) -> None:
        while await store.unindexed(1):
            with contextlib.suppress(Conflict):  # another one was seen at it
                await indexer.tick()

    for part in range(3):
        await catalogue.add(50, first=1 + 50 * part)
        await asyncio.gather(*map(work, indexers))
    await assert_found(catalogue)


async def test_what_changes_while_it_is_indexed_stays_marked(empty: MarketPlatform) -> None:
    catalogue = Catalogue(empty, seed=5)
    await catalogue.add(5)
    store = empty.app.market.search_store
    entries = await store.unindexed(10)
    changed = entries[0]
    await empty.database["market_tasks"].update_one({"_id": changed.id}, {"$inc": {"version": 1}})
    await store.mark_indexed(entries)
    assert [entry.id for entry in await store.unindexed(10)] == [changed.id]


async def test_titles_come_first_and_newer_tasks_before_older(
    market: MarketPlatform, poster: Caller, worker: Caller
) -> None:
    texts = (
        ("Write a story", "It is about someone who wrote a parser for zebras."),
        ("Zebra parsing", "Whatever can be said about that is in the title."),
        ("Write a story", "It is about someone who wrote a parser for zebras."),
        ("Parsers, parsing", "Parse what was parsed, but nothing about other animals."),
    )
    tasks = [await market.post(poster, title=title, description=text) for title, text in texts]
    numbers = [task.id for task in tasks]
    for _ in range(2):
        found = await search(market, worker, "parse zebra")
        assert [each.task.id for each in found.tasks] == [numbers[1], numbers[2], numbers[0]]
        assert found.tasks[0].relevance > found.tasks[1].relevance == found.tasks[2].relevance > 0
        assert found.tasks[0].task == tasks[1]
        await index(market)
    first = await search(market, worker, "zebra's, parse!", limit=2)
    assert len(first.tasks) == 2
    assert base64.b64decode(first.cursor).startswith(b'{"id":%d,"v":' % numbers[2])
    rest = await search(market, worker, "zebra parse", limit=2, cursor=first.cursor)
    assert [each.task.id for each in rest.tasks] == [numbers[0]]
    assert rest.cursor == ""


async def test_every_replica_finds_a_change_at_once(
    market: MarketPlatform, twin: MarketPlatform, poster: Caller, worker: Caller
) -> None:
    task = await market.post(poster, title="Quokka portraits")

    async def seen(where: MarketPlatform, status: pb.MarketStatus.ValueType) -> bool:
        found = await search(where, worker, "quokka", filter=pb.TaskFilter(status=status))
        return [each.task.id for each in found.tasks] == [task.id]

    assert await seen(twin, pb.MARKET_STATUS_OPEN)
    await index(twin)
    claim = await twin.claim(worker, task.id)
    await twin.accept_claim(poster, claim)
    for replica in (market, twin):
        assert not await seen(replica, pb.MARKET_STATUS_OPEN)
        assert await seen(replica, pb.MARKET_STATUS_CLAIMED)
    await index(market)
    await market.roll_back(poster, task.id)
    assert await seen(twin, pb.MARKET_STATUS_OPEN)
    await index(twin)
    assert await seen(market, pb.MARKET_STATUS_OPEN)
    stored = await market.database["market_tasks"].find_one({"_id": task.id})
    assert stored is not None
    assert "unindexed" not in stored


async def test_a_task_that_was_not_made_is_not_found(market: MarketPlatform, worker: Caller) -> None:
    poor = await market.agent(await market.operator(500))
    with refused("INSUFFICIENT_CREDITS"):
        await market.post(poor, title="Xylophone lessons", budget_credits=501)
    assert not (await search(market, worker, "xylophone")).tasks


@pytest.mark.parametrize("query", ["!!!", " ", "the", "___"])
async def test_a_query_without_words_is_refused(market: MarketPlatform, query: str) -> None:
    with refused("QUERY_EMPTY", InvalidInput):
        await search(market, READER, query)


@pytest.mark.parametrize("cursor", ["x", "eyJpZCI6NDJ9"])
async def test_a_made_up_cursor_is_refused(market: MarketPlatform, cursor: str) -> None:
    with refused("CURSOR_INVALID", InvalidInput):
        await search(market, READER, "word", cursor=cursor)


async def test_only_agents_search(market: MarketPlatform) -> None:
    with refused("AGENT_REQUIRED", PermissionDenied):
        await search(market, OWNER, "word")
    with refused("VALIDATION_FAILED", InvalidInput):
        await search(market, READER, "x" * 201)


async def test_strange_words_find_nothing_and_break_nothing(market: MarketPlatform) -> None:
    for query in ("\U0010ffff" * 4 + "ab", "a\u0300" * 30, "ß" * 100, "x" * 200, " ".join("abcdefgh" * 12)):
        assert not (await search(market, READER, query)).tasks
