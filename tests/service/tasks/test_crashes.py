"""What was acknowledged stays, whatever dies."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import redis.asyncio
from pymongo import AsyncMongoClient

from kit import mongo
from kit.clock import ManualClock, SystemClock
from kit.engines import EngineError, MongodEngine, Supervisor
from kit.mongo import Document
from tests.service.tasks.ordeal import Ordeal
from tests.service.tasks.platform import Queue, TasksPlatform

TASKS = 200


def give_up(error: EngineError) -> None:
    raise error


@asynccontextmanager
async def supervised(directory: Path) -> AsyncIterator[MongodEngine]:
    """A MongoDB that comes back when it is killed."""
    engine = MongodEngine(directory)
    await engine.start()
    supervisor = Supervisor(engine, give_up, max_restarts=20)
    supervisor.start()
    try:
        yield engine
    finally:
        await supervisor.stop()
        await engine.kill()


async def stored(client: AsyncMongoClient[Document], prefix: str, queue: Queue) -> list[Document]:
    found = client[f"{prefix}_tasks"]["work_items"].find({"queue": queue.name}, {"change": 0})
    return await found.to_list()


async def test_mongod_killed_in_mid_drain(
    engine_directory: Path, quiet_redis: redis.asyncio.Redis, clock: ManualClock
) -> None:
    async with supervised(engine_directory) as engine:
        client = mongo.connect(engine.uri, app_name="tests-crashes")
        platform = TasksPlatform(client, quiet_redis, "crashes", clock)
        await platform.start()
        queue = await platform.new_queue()
        ordeal = Ordeal(lambda: platform, queue, TASKS)
        running = asyncio.create_task(ordeal.run())
        for share in (0.1, 0.5):
            await asyncio.wait(
                (running, asyncio.create_task(ordeal.until_completed(share))), return_when=asyncio.FIRST_COMPLETED
            )
            await engine.kill()
            # Calls that the crash left behind are taken over by those who repeat them.
            platform.pass_time(seconds=31)
        await running
        await ordeal.check(await stored(client, "crashes", queue))
        await platform.stop()
        await client.close()


class Succession:
    """Replicas that follow one another; each has a connection of its own.

    Args:
        uri: the database.
        wakeups: the Redis.
        prefix: the names of the databases begin with it.
    """

    def __init__(self, uri: str, wakeups: redis.asyncio.Redis, prefix: str) -> None:
        self._uri = uri
        self._wakeups = wakeups
        self._prefix = prefix
        self._clock = ManualClock(SystemClock().now())
        self._clients: list[AsyncMongoClient[Document]] = []
        self._platforms: list[TasksPlatform] = []

    @property
    def current(self) -> TasksPlatform:
        return self._platforms[-1]

    async def next(self) -> None:
        client = mongo.connect(self._uri, app_name="tests-succession")
        platform = TasksPlatform(client, self._wakeups, self._prefix, self._clock)
        await platform.start()
        self._clients.append(client)
        self._platforms.append(platform)

    async def lose(self) -> None:
        """Cancel the current replica's calls wherever they are; its loops go on, and believe that they lead."""
        lost = self.current
        await self.next()
        await lost.host.inprocess.stop(0)
        self.current.pass_time(seconds=31)

    async def stop(self) -> None:
        for platform, client in zip(self._platforms, self._clients, strict=True):
            await platform.stop()
            await client.close()


async def test_replicas_lost_in_mid_drain(
    mongodb_uri: str,
    mongo_client: AsyncMongoClient[Document],
    quiet_redis: redis.asyncio.Redis,
    database_prefix: str,
) -> None:
    replicas = Succession(mongodb_uri, quiet_redis, database_prefix)
    await replicas.next()
    queue = await replicas.current.new_queue()
    ordeal = Ordeal(lambda: replicas.current, queue, TASKS)
    running = asyncio.create_task(ordeal.run())
    for share in (0.1, 0.3, 0.5, 0.7):
        await asyncio.wait(
            (running, asyncio.create_task(ordeal.until_completed(share))), return_when=asyncio.FIRST_COMPLETED
        )
        await replicas.lose()
    await running
    await ordeal.check(await stored(mongo_client, database_prefix, queue))
    await replicas.stop()
