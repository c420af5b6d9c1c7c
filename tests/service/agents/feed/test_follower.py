"""Followers of the market: every event in order, from where they were, whatever breaks."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import redis.asyncio
from pymongo import AsyncMongoClient
from structlog.testing import capture_logs

from kit.caller import Caller
from kit.errors import Unavailable
from kit.metrics import Registry
from kit.mongo import Document
from services.agents.feed.follower import Follower
from services.agents.feed.metrics import FeedMetrics
from services.agents.feed.model import MarketEvent
from services.agents.feed.store import CursorStore
from tests.service.agents.webhooks.platform import WebhookPlatform
from tests.service.agents.webhooks.test_market import Market

Handle = Callable[[MarketEvent], Awaitable[None]]


class Diary:
    """Remembers what it was handed, after what a test wants to happen first."""

    def __init__(self, before: Handle | None = None) -> None:
        self.events: list[MarketEvent] = []
        self._before = before
        self._news = asyncio.Event()

    async def __call__(self, event: MarketEvent) -> None:
        if self._before is not None:
            await self._before(event)
        self.events.append(event)
        self._news.set()

    async def has(self, count: int) -> list[str]:
        """Wait until it holds so many, and return the titles."""
        async with asyncio.timeout(20):
            while len(self.events) < count:
                self._news.clear()
                await self._news.wait()
        return [event.data["title"] for event in self.events]


class Town:
    """A market that is followed.

    Args:
        platform: the services.
    """

    def __init__(self, platform: WebhookPlatform) -> None:
        self.platform = platform
        self.market = Market(platform)
        self.registry = Registry()
        self.metrics = FeedMetrics(self.registry)
        self.events = platform.resources.database("tasks")["events"]
        self.cursors = platform.database["feed_cursors"]
        self._poster: Caller | None = None

    async def post(self, *titles: str) -> None:
        if self._poster is None:
            self._poster = await self.market.newcomer("poster")
        for title in titles:
            await self.market("PostTask", self._poster, title=title, description="x" * 20, budget_credits=10)

    async def stored(self, count: int) -> None:
        """Wait until so many events are in the history."""
        followed = Diary()
        async with self.following(followed, name="witness"):
            await followed.has(count)

    @contextlib.asynccontextmanager
    async def following(self, handle: Handle, name: str = "diary") -> AsyncIterator[None]:
        platform = self.platform
        follower = Follower(
            name,
            platform.channels,
            platform.outgoing,
            platform.database,
            handle,
            metrics=self.metrics,
            clock=platform.clock,
            pause_seconds=0.01,
        )
        running = asyncio.create_task(follower.run())
        yield
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    def count(self, name: str, follower: str = "diary") -> float:
        return self.registry.get_sample_value(f"piecework_feed_{name}_total", {"follower": follower}) or 0


@pytest.fixture
async def town(
    mongo_client: AsyncMongoClient[Document], redis_client: redis.asyncio.Redis, database_prefix: str, clock: Any
) -> AsyncIterator[Town]:
    platform = WebhookPlatform(mongo_client, redis_client, database_prefix, clock, market=True)
    await platform.start()
    yield Town(platform)
    await platform.stop()


async def test_events_come_in_order_and_only_those_after_the_last_run(town: Town) -> None:
    await town.post("Task 1", "Task 2")
    first = Diary()
    async with town.following(first):
        assert await first.has(2) == ["Task 1", "Task 2"]
        await town.post("Task 3")
        assert await first.has(3) == ["Task 1", "Task 2", "Task 3"]
    (event, _, last) = first.events
    assert (event.type, event.subject) == ("task.created", f"market:{event.data['task_id']}")
    assert event.id == f"{event.subject}:{event.version}"
    assert (await town.cursors.find_one({"_id": "diary"}) or {})["seq"] == last.seq
    await town.post("Task 4")
    second = Diary()
    async with town.following(second):
        assert await second.has(1) == ["Task 4"]
    assert town.count("events") == 4
    assert town.count("gaps") == 0


async def test_the_place_is_written_also_when_the_end_comes_while_it_is_being_written(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    advance, began = CursorStore.advance, asyncio.Event()

    async def hang_once(store: CursorStore, follower: str, seq: int) -> None:
        if not began.is_set():
            began.set()
            await asyncio.Event().wait()
        await advance(store, follower, seq)

    monkeypatch.setattr(CursorStore, "advance", hang_once)
    await town.post("Task 1")
    diary = Diary()
    async with town.following(diary):
        await diary.has(1)
        await began.wait()
    assert (await town.cursors.find_one({"_id": "diary"}) or {}).get("seq") == diary.events[0].seq


async def test_the_place_is_written_while_events_come(town: Town) -> None:
    await town.post("Task 1")
    diary = Diary()
    async with town.following(diary):
        await diary.has(1)
        async with asyncio.timeout(10), await town.cursors.watch(full_document="updateLookup") as changes:
            await town.post("Task 2")
            async for change in changes:
                written = change["fullDocument"]
                if written["_id"] == "diary" and len(diary.events) == 2 and written["seq"] == diary.events[1].seq:
                    break


async def test_an_event_comes_again_until_its_handler_can_be_served(town: Town) -> None:
    failures = 7

    async def unavailable(_: MarketEvent) -> None:
        nonlocal failures
        failures -= 1
        if failures > 0:
            raise Unavailable("DATABASE_UNAVAILABLE", "not now")

    await town.post("Task 1", "Task 2")
    diary = Diary(unavailable)
    async with town.following(diary):
        assert await diary.has(2) == ["Task 1", "Task 2"]
    assert town.count("skipped") == 0


async def test_an_event_that_cannot_be_handled_is_set_aside(town: Town) -> None:
    tried = 0

    async def picky(event: MarketEvent) -> None:
        nonlocal tried
        if event.data["title"] == "Task 1":
            tried += 1
            raise KeyError("what is this")

    await town.post("Task 1", "Task 2")
    diary = Diary(picky)
    async with town.following(diary):
        assert await diary.has(1) == ["Task 2"]
    assert tried == 5
    aside = await town.platform.database["feed_skipped"].find_one({})
    assert aside is not None
    assert aside["data"]["title"] == "Task 1"
    assert "what is this" in aside["error"]
    assert town.count("skipped") == 1
    second = Diary()
    async with town.following(second):
        await town.post("Task 3")
        assert await second.has(1) == ["Task 3"]


async def test_a_hole_in_the_history_is_counted_but_not_for_a_newcomer(town: Town) -> None:
    await town.post("Task 1")
    first = Diary()
    async with town.following(first):
        await first.has(1)
    await town.post("Task 2", "Task 3", "Task 4")
    await town.stored(4)
    await town.events.delete_many({"_id": {"$lte": first.events[0].seq + 2}})
    second, newcomer = Diary(), Diary()
    async with town.following(second), town.following(newcomer, "newcomer"):
        assert await second.has(1) == ["Task 4"]
        assert await newcomer.has(1) == ["Task 4"]
    assert town.count("gaps") == 1
    assert town.count("gaps", "newcomer") == 0


async def test_a_place_in_a_history_that_is_no_more_is_given_up(town: Town) -> None:
    await town.post("Task 1")
    await town.stored(1)
    await town.cursors.insert_one({"_id": "diary", "seq": 1_000_000})
    diary = Diary()
    async with town.following(diary):
        async with asyncio.timeout(20):
            while not town.count("gaps"):
                await town.post("Another")
        newest = len(diary.events)
        await town.post("The last")
        assert (await diary.has(newest + 1))[-1] in ("Another", "The last")
    assert (await town.cursors.find_one({"_id": "diary"}) or {})["seq"] < 1_000


async def test_a_leader_that_was_replaced_does_not_take_the_place_back(town: Town) -> None:
    await town.post("Task 1")
    diary = Diary()
    async with town.following(diary):
        await diary.has(1)
        await town.cursors.update_one({"_id": "diary"}, {"$set": {"seq": 500}}, upsert=True)
    assert (await town.cursors.find_one({"_id": "diary"}) or {})["seq"] == 500


class Attempts:
    """Counts how often a follower asks for the way to the market.

    Args:
        platform: whose channels it takes.
    """

    def __init__(self, platform: WebhookPlatform, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        self._get, self._another = platform.channels.get, asyncio.Event()
        monkeypatch.setattr(platform.channels, "get", self)

    def __call__(self, name: str) -> Any:
        self.count += 1
        self._another.set()
        return self._get(name)

    async def more(self, count: int) -> None:
        """Wait until it has been asked so many times more."""
        wanted = self.count + count
        async with asyncio.timeout(20):
            while self.count < wanted:
                self._another.clear()
                await self._another.wait()


@contextlib.asynccontextmanager
async def _following_nobody(town: Town, handle: Handle, quiet_seconds: float = 60.0) -> AsyncIterator[WebhookPlatform]:
    """Follow a market that is not there; yields the platform whose channels lead nowhere."""
    near = town.platform
    resources = near.resources
    lonely = WebhookPlatform(resources.mongo, resources.redis, resources.settings.database_prefix, near.clock)
    follower = Follower(
        "diary",
        lonely.channels,
        lonely.outgoing,
        near.database,
        handle,
        pause_seconds=0.01,
        quiet_seconds=quiet_seconds,
    )
    running = asyncio.create_task(follower.run())
    yield lonely
    assert not running.done()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def _warnings(logs: list[Any]) -> list[tuple[str, str]]:
    return [(entry["event"], entry["code"]) for entry in logs if entry["log_level"] == "warning"]


async def test_the_service_of_the_market_may_come_later_and_the_log_is_quiet_about_it(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    await town.post("Task 1")
    diary = Diary()
    with capture_logs() as logs:
        async with _following_nobody(town, diary) as lonely:
            await Attempts(lonely, monkeypatch).more(3)
            lonely.channels.lead_away(town.platform)
            assert await diary.has(1) == ["Task 1"]
    assert _warnings(logs) == []


async def test_the_log_tells_that_the_market_went_away_or_never_came(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    diary = Diary()
    with capture_logs() as never:
        async with _following_nobody(town, diary, quiet_seconds=0) as lonely:
            await Attempts(lonely, monkeypatch).more(3)
    assert ("the market cannot be followed now", "UNAVAILABLE") in _warnings(never)
    await town.post("Task 1")
    with capture_logs() as later:
        async with _following_nobody(town, diary) as lonely:
            lonely.channels.lead_away(town.platform)
            await diary.has(1)
            assert _warnings(later) == []
            await town.platform.host.drain()
            await Attempts(lonely, monkeypatch).more(2)
    assert ("the market cannot be followed now", "UNAVAILABLE") in _warnings(later)
