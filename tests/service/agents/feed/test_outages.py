"""Followers of a market that is away: quiet while services start, and not afterwards."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from services.agents.feed.follower import Follower
from tests.service.agents.feed.town import Diary, Handle, Town
from tests.service.agents.webhooks.platform import WebhookPlatform


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
