"""Lists of tasks in every order, with every filter, page by page."""

from __future__ import annotations

import asyncio
import base64
import itertools
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import redis.asyncio
from piecework.tasks.v1 import market_pb2 as pb

from kit import mongo
from kit.caller import MARKET, Caller
from kit.clock import ManualClock
from kit.errors import InvalidInput, PermissionDenied, Unauthenticated
from services.tasks.market.model import MarketTask
from services.tasks.market.search_index import Filter
from tests.service.explaining import explainable, stages
from tests.service.hosting import refused
from tests.service.tasks.commands import CommandRecorder
from tests.service.tasks.market.catalogue import Catalogue, browse, browse_all, filter_message
from tests.service.tasks.market.platform import TESTS, MarketPlatform
from tests.service.tasks.platform import OWNER

SORTS: dict[Any, tuple[Callable[[MarketTask], Any], bool]] = {
    pb.TASK_SORT_UNSPECIFIED: (lambda task: task.id, True),
    pb.TASK_SORT_NEWEST: (lambda task: task.id, True),
    pb.TASK_SORT_OLDEST: (lambda task: task.id, False),
    pb.TASK_SORT_BUDGET_HIGH: (lambda task: (task.budget, task.id), True),
    pb.TASK_SORT_BUDGET_LOW: (lambda task: (task.budget, task.id), False),
}
BOUNDS = ((None, None), (50, None), (None, 100), (11, 999), (100, 100), (2000, 3000), (999, 50), (-5, 0))
FILTERS = [
    Filter(status, category, lowest, highest)
    for status, category, (lowest, highest) in itertools.product(("open", "completed"), (0, 2), BOUNDS)
]


@pytest.fixture(scope="module")
def told() -> CommandRecorder:
    return CommandRecorder("market_tasks", "market_search")


@pytest.fixture(scope="module")
async def full(
    mongodb_uri: str, quiet_redis: redis.asyncio.Redis, installation: str, clock: ManualClock, told: CommandRecorder
) -> AsyncIterator[Catalogue]:
    """A market with tasks, half of them in the search index, whose commands are recorded."""
    client = mongo.connect(mongodb_uri, app_name="tests-browse", listeners=[told])
    platform = MarketPlatform(client, quiet_redis, f"{installation}-full", clock)
    await platform.start()
    catalogue = Catalogue(platform)
    await catalogue.add(200)
    await platform.app.market.indexer.tick()
    await catalogue.add(120, first=8_150)  # they lie in two blocks
    yield catalogue
    await platform.stop()
    await client.close()


@pytest.fixture(scope="module")
def reader() -> Caller:
    return Caller(kind="agent", operator_id=7, scopes=(MARKET,), agent_id=70, name="reader")


@pytest.mark.parametrize("sort", SORTS)
async def test_pages_hold_every_task_once_and_in_order(full: Catalogue, reader: Caller, sort: Any) -> None:
    key, descending = SORTS[sort]
    for which in FILTERS:
        expected = full.expected(which, key, descending=descending)
        shown = await browse_all(full.market, reader, 7, sort=sort, filter=filter_message(which))
        assert shown == expected, which


async def test_a_page_has_twenty_tasks_and_open_ones_unless_told(full: Catalogue, reader: Caller) -> None:
    page = await browse(full.market, reader)
    assert len(page.tasks) == 20
    assert {task.status for task in page.tasks} == {pb.MARKET_STATUS_OPEN}
    last = page.tasks[-1].id
    assert base64.b64decode(page.cursor) == b'{"id":%d}' % last
    dear = await browse(full.market, reader, sort=pb.TASK_SORT_BUDGET_HIGH, limit=1)
    assert base64.b64decode(dear.cursor) == b'{"id":%d,"v":%d}' % (dear.tasks[0].id, dear.tasks[0].budget_credits)


async def test_a_full_last_page_has_no_cursor(full: Catalogue, reader: Caller) -> None:
    which = Filter("completed", 2)
    count = len(full.expected(which, lambda task: task.id, descending=True))
    for sort in SORTS:
        page = await browse(full.market, reader, sort=sort, limit=count, filter=filter_message(which))
        assert (len(page.tasks), page.cursor) == (count, "")


@pytest.mark.parametrize("sort", SORTS)
async def test_a_made_up_cursor_is_refused(full: Catalogue, reader: Caller, sort: Any) -> None:
    by_budget = sort in (pb.TASK_SORT_BUDGET_HIGH, pb.TASK_SORT_BUDGET_LOW)
    other = b'{"id":5}' if by_budget else b'{"id":5,"v":5}'
    for cursor in ("x", "e30=", base64.b64encode(other).decode()):
        with refused("CURSOR_INVALID", InvalidInput):
            await browse(full.market, reader, sort=sort, cursor=cursor)


@pytest.mark.parametrize("sort", SORTS)
async def test_a_cursor_may_be_of_a_row_that_never_was(full: Catalogue, reader: Caller, sort: Any) -> None:
    for place in (1, 2**62, 2**63 - 2):
        value = f',"v":{place}' if "BUDGET" in pb.TaskSort.Name(sort) else ""
        cursor = base64.b64encode(f'{{"id":{place}{value}}}'.encode()).decode()
        for which in (Filter("open"), Filter("open", 0, 10, 100)):
            page = await browse(full.market, reader, sort=sort, cursor=cursor, filter=filter_message(which))
            ahead = (place == 1) != SORTS[sort][1]
            assert bool(page.tasks) == ahead


async def test_only_agents_and_services_look(full: Catalogue) -> None:
    assert (await browse(full.market, TESTS)).tasks
    with refused("AGENT_REQUIRED", PermissionDenied):
        await browse(full.market, OWNER)
    with refused("AUTHENTICATION_REQUIRED", Unauthenticated):
        await browse(full.market, Caller(kind="anonymous"))


async def test_tasks_appear_and_leave_at_once(market: MarketPlatform, poster: Caller, worker: Caller) -> None:
    tasks = [await market.post(poster, budget_credits=700 + number, category_id=5) for number in range(3)]
    mine = pb.TaskFilter(category_id=5, min_budget_credits=700, max_budget_credits=702)
    for sort in SORTS:
        assert sorted(await browse_all(market, worker, 2, sort=sort, filter=mine)) == [task.id for task in tasks]
    await market.cancel(poster, tasks[1].id)
    left = [tasks[0].id, tasks[2].id]
    await market.app.market.indexer.tick()
    await market.accept_claim(poster, await market.claim(worker, tasks[2].id))
    for sort in SORTS:
        assert await browse_all(market, worker, 2, sort=sort, filter=mine) == left[:1]
    claimed = pb.TaskFilter(category_id=5, min_budget_credits=1, status=pb.MARKET_STATUS_CLAIMED)
    assert await browse_all(market, worker, 2, filter=claimed) == left[1:]


async def test_no_list_is_sorted_in_memory(full: Catalogue, reader: Caller, told: CommandRecorder) -> None:
    told.commands.clear()
    for sort, which in itertools.product(SORTS, FILTERS):
        page = await browse(full.market, reader, sort=sort, filter=filter_message(which), limit=2)
        if page.cursor:
            await browse(full.market, reader, sort=sort, filter=filter_message(which), limit=2, cursor=page.cursor)
    seen = set()
    for command in list(told.commands):
        for bare in explainable(command):
            plan = await full.market.database.command("explain", bare, verbosity="executionStats")
            kinds = {stage["stage"] for stage in stages(plan)}
            assert not kinds & {"COLLSCAN", "SORT"}, bare
            seen.add((next(iter(bare)), bare[next(iter(bare))]))
            if next(iter(bare)) == "find" and "hint" not in bare and "$in" not in str(bare):
                assert plan["executionStats"]["totalKeysExamined"] <= 3 + 1, bare
    assert seen >= {("find", "market_tasks"), ("aggregate", "market_tasks"), ("aggregate", "market_search")}


async def test_a_crowd_that_asks_for_few_pages_shares_their_reads(
    full: Catalogue, reader: Caller, told: CommandRecorder
) -> None:
    alone = {sort: await browse(full.market, reader, sort=sort) for sort in SORTS}
    told.commands.clear()
    crowd = await asyncio.gather(*(browse(full.market, reader, sort=sort) for sort in [*SORTS] * 10))
    assert len(told.commands) <= 4 * len(SORTS)
    assert [page.tasks for page in crowd] == [alone[sort].tasks for sort in SORTS] * 10
    # Each page has its own cursor, and what goes wrong with one is not another's.
    bad = {"sort": pb.TASK_SORT_NEWEST, "cursor": "x"}
    answers = await asyncio.gather(
        browse(full.market, reader), browse(full.market, reader, **bad), return_exceptions=True
    )
    assert [isinstance(answer, Exception) for answer in answers] == [False, True]
