"""Wake-ups between processes, and what an outage of Redis does to them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import redis.asyncio
from redis.asyncio.client import PubSub

from kit import redis as kit_redis
from kit.engines import ValkeyEngine
from kit.redis import Wakeups

LIMIT_SECONDS = 20


class Listener:
    """Collects names and lets a test wait for one."""

    def __init__(self, wakeups: Wakeups) -> None:
        self.heard: list[str] = []
        self._changed = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()
        wakeups.on_message(self._hear)

    def _hear(self, name: str) -> None:
        self.heard.append(name)
        task = asyncio.ensure_future(self._notify())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def hears(self, name: str) -> None:
        async with asyncio.timeout(LIMIT_SECONDS), self._changed:
            await self._changed.wait_for(lambda: name in self.heard)


@pytest.fixture
async def pair(redis_client: redis.asyncio.Redis, redis_url: str) -> AsyncIterator[tuple[Wakeups, Wakeups]]:
    other_client = kit_redis.connect(redis_url)
    first, second = Wakeups(redis_client, "test-wakeups"), Wakeups(other_client, "test-wakeups")
    await first.start()
    await second.start()
    yield first, second
    await first.close()
    await second.close()
    await other_client.aclose()


async def test_a_name_reaches_both_sides_once(pair: tuple[Wakeups, Wakeups]) -> None:
    first, second = pair
    here, there = Listener(first), Listener(second)
    for name in ("a", "b", "a"):
        first.publish(name)
    second.publish("end")
    await there.hears("b")
    await here.hears("end")
    assert here.heard == ["a", "b", "end"]
    assert sorted(there.heard) == ["a", "b", "end"]


async def test_without_redis_names_stay_in_the_process() -> None:
    wakeups = Wakeups(None, "alone")
    listener = Listener(wakeups)
    await wakeups.start()
    wakeups.publish("x")
    await listener.hears("x")
    await wakeups.close()


async def test_a_listener_that_fails_does_not_silence_the_others() -> None:
    wakeups = Wakeups(None, "alone")

    def fail(_: str) -> None:
        raise ValueError

    wakeups.on_message(fail)
    listener = Listener(wakeups)
    wakeups.publish("x")
    await listener.hears("x")


async def test_names_of_an_outage_arrive_after_it(engine_directory: Path) -> None:
    engine = ValkeyEngine(engine_directory)
    await engine.start()
    clients = [kit_redis.connect(engine.url) for _ in range(2)]
    first, second = (Wakeups(client, "test-outage") for client in clients)
    resumed = asyncio.Event()
    second.on_resume(resumed.set)
    here, there = Listener(first), Listener(second)
    await first.start()
    await second.start()
    resumed.clear()
    try:
        await engine.kill()
        first.publish("during")
        await here.hears("during")
        assert there.heard == []
        await engine.start()
        async with asyncio.timeout(LIMIT_SECONDS):
            await resumed.wait()
            # Until the first one has heard that it is not alone any more it tells nobody.
            while "after" not in there.heard:
                first.publish("after")
                await asyncio.sleep(0.01)
    finally:
        for wakeups in (first, second):
            await wakeups.close()
        for client in clients:
            await client.aclose()
        await engine.stop()


class HeldSubscription(PubSub):
    """Keeps what arrives until its gate is open."""

    gate: asyncio.Event
    arrived: asyncio.Event

    async def get_message(self, *arguments: Any, **options: Any) -> dict[str, Any] | None:
        message = await super().get_message(*arguments, **options)
        if message is not None:
            self.arrived.set()
        await self.gate.wait()
        return message


class HeldRedis(redis.asyncio.Redis):
    """A client that hears of others when a test says so."""

    def __init__(self, pool: redis.asyncio.ConnectionPool) -> None:
        super().__init__(connection_pool=pool)
        self.gate, self.arrived = asyncio.Event(), asyncio.Event()
        self.gate.set()

    def pubsub(self, **options: Any) -> PubSub:
        subscription = HeldSubscription(self.connection_pool, **options)
        subscription.gate, subscription.arrived = self.gate, self.arrived
        return subscription


async def test_who_joins_one_that_believes_to_be_alone_is_told_to_look_again(
    redis_client: redis.asyncio.Redis, redis_url: str
) -> None:
    deaf, other_client = HeldRedis(redis_client.connection_pool), kit_redis.connect(redis_url)
    alone, joining = Wakeups(deaf, "test-alone"), Wakeups(other_client, "test-alone")
    there = Listener(joining)
    resumed = asyncio.Event()
    joining.on_resume(resumed.set)
    await alone.start()
    deaf.gate.clear()
    deaf.arrived.clear()
    await joining.start()
    try:
        async with asyncio.timeout(LIMIT_SECONDS):
            await deaf.arrived.wait()  # the greeting has come, and is not heard yet
            await resumed.wait()
            resumed.clear()  # whoever waits has looked, found nothing, and waits on
            alone.publish("withheld")
            deaf.gate.set()
            await resumed.wait()
        alone.publish("after")
        await there.hears("after")
        assert "withheld" not in there.heard
    finally:
        await alone.close()
        await joining.close()
        await other_client.aclose()


async def test_starting_without_redis_succeeds() -> None:
    client = kit_redis.connect("redis://127.0.0.1:1/0")
    wakeups = Wakeups(client, "nobody")
    listener = Listener(wakeups)
    await wakeups.start()
    wakeups.publish("x")
    await listener.hears("x")
    assert not wakeups.subscribed.is_set()
    await wakeups.close()
    await client.aclose()
