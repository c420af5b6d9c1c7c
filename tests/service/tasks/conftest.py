"""The service `tasks` as other processes see it: through stubs, with every interceptor, beside the real `agents`.

The tests of a module share one installation, because its indexes take longer than a test: each makes its own project.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator

import pytest
import redis.asyncio
from pymongo import AsyncMongoClient

from kit import mongo
from kit import redis as kit_redis
from kit.clock import ManualClock, SystemClock
from kit.mongo import Document
from tests.service.tasks.commands import CommandRecorder
from tests.service.tasks.platform import Queue, TasksPlatform


@pytest.fixture(scope="module")
def clock() -> ManualClock:
    return ManualClock(SystemClock().now())


@pytest.fixture(scope="module")
async def wakeup_redis(redis_url: str) -> AsyncIterator[redis.asyncio.Redis]:
    client = kit_redis.connect(redis_url)
    yield client
    await client.aclose()


@pytest.fixture(scope="module")
async def installation(mongo_client: AsyncMongoClient[Document]) -> AsyncIterator[str]:
    """A prefix of databases; they are dropped afterwards."""
    prefix = f"test-{uuid.uuid4().hex[:12]}"
    yield prefix
    for name in await mongo_client.list_database_names():
        if name.startswith(prefix):
            await mongo_client.drop_database(name)


@pytest.fixture(scope="module")
async def platform(
    mongo_client: AsyncMongoClient[Document], wakeup_redis: redis.asyncio.Redis, installation: str, clock: ManualClock
) -> AsyncIterator[TasksPlatform]:
    platform = TasksPlatform(mongo_client, wakeup_redis, installation, clock)
    await platform.start()
    yield platform
    await platform.stop()


@pytest.fixture(scope="module")
async def replica(
    platform: TasksPlatform,  # noqa: ARG001 - the first replica
    mongo_client: AsyncMongoClient[Document],
    wakeup_redis: redis.asyncio.Redis,
    installation: str,
    clock: ManualClock,
) -> AsyncIterator[TasksPlatform]:
    """A second replica of the same installation."""
    replica = TasksPlatform(mongo_client, wakeup_redis, installation, clock)
    await replica.start()
    yield replica
    await replica.stop()


@pytest.fixture
def commands() -> CommandRecorder:
    """What the platform `watched` asks of the database."""
    return CommandRecorder("work_items", "projects", "task_types")


@pytest.fixture
async def watched(
    mongodb_uri: str,
    wakeup_redis: redis.asyncio.Redis,
    database_prefix: str,
    clock: ManualClock,
    commands: CommandRecorder,
) -> AsyncIterator[TasksPlatform]:
    """A platform of its own whose commands are recorded."""
    client = mongo.connect(mongodb_uri, app_name="tests-watched", listeners=[commands])
    platform = TasksPlatform(client, wakeup_redis, database_prefix, clock)
    await platform.start()
    yield platform
    await platform.stop()
    await client.close()


@pytest.fixture
async def queue(platform: TasksPlatform) -> Queue:
    """A project with one type that takes free instructions."""
    return await platform.new_queue()
