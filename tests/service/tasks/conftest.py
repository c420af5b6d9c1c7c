"""The service `tasks` as other processes see it: through stubs, with every interceptor, beside the real `agents`.

The tests of a module share one installation, because its indexes take longer than a test: each makes its own project.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import redis.asyncio
from pymongo import AsyncMongoClient

from kit import mongo
from kit.clock import ManualClock
from kit.mongo import Document
from tests.service.tasks.commands import CommandRecorder
from tests.service.tasks.platform import Queue, TasksPlatform


@pytest.fixture(scope="module")
async def platform(
    mongo_client: AsyncMongoClient[Document], quiet_redis: redis.asyncio.Redis, installation: str, clock: ManualClock
) -> AsyncIterator[TasksPlatform]:
    platform = TasksPlatform(mongo_client, quiet_redis, installation, clock)
    await platform.start()
    yield platform
    await platform.stop()


@pytest.fixture(scope="module")
async def replica(
    platform: TasksPlatform,  # noqa: ARG001 - the first replica
    mongo_client: AsyncMongoClient[Document],
    quiet_redis: redis.asyncio.Redis,
    installation: str,
    clock: ManualClock,
) -> AsyncIterator[TasksPlatform]:
    """A second replica of the same installation."""
    replica = TasksPlatform(mongo_client, quiet_redis, installation, clock)
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
    quiet_redis: redis.asyncio.Redis,
    database_prefix: str,
    clock: ManualClock,
    commands: CommandRecorder,
) -> AsyncIterator[TasksPlatform]:
    """A platform of its own whose commands are recorded."""
    client = mongo.connect(mongodb_uri, app_name="tests-watched", listeners=[commands])
    platform = TasksPlatform(client, quiet_redis, database_prefix, clock)
    await platform.start()
    yield platform
    await platform.stop()
    await client.close()


@pytest.fixture
async def queue(platform: TasksPlatform) -> Queue:
    """A project with one type that takes free instructions."""
    return await platform.new_queue()
