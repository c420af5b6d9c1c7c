"""A market that is followed, and a follower that remembers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

from kit.caller import Caller
from kit.metrics import Registry
from services.agents.feed.follower import Follower
from services.agents.feed.metrics import FeedMetrics
from services.agents.feed.model import MarketEvent
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
