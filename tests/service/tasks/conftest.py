"""The service `tasks` as other processes see it: through stubs, with every interceptor, beside the real `agents`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import redis.asyncio
from pymongo import AsyncMongoClient

from kit.clock import ManualClock, SystemClock
from kit.mongo import Document
from tests.service.tasks.platform import TasksPlatform


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(SystemClock().now())


@pytest.fixture
async def platform(
    mongo_client: AsyncMongoClient[Document],
    redis_client: redis.asyncio.Redis,
    database_prefix: str,
    clock: ManualClock,
) -> AsyncIterator[TasksPlatform]:
    platform = TasksPlatform(mongo_client, redis_client, database_prefix, clock)
    await platform.start()
    yield platform
    await platform.stop()


@pytest.fixture
async def queue(platform: TasksPlatform) -> Any:
    """A project with one type that takes free instructions."""
    return await platform.new_queue()
