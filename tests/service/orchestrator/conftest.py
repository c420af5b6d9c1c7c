"""The service `orchestrator` as other processes see it: through stubs, with every interceptor, beside the real others.

The tests of a module share one installation; each makes its own operators.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator

import pytest
import redis.asyncio
import structlog
from pymongo import AsyncMongoClient

from kit import redis as kit_redis
from kit.caller import Caller
from kit.clock import ManualClock, SystemClock
from kit.mongo import Document
from tests.service.orchestrator.platform import RunsPlatform


@pytest.fixture(scope="session", autouse=True)
def plain_tracebacks() -> Iterator[None]:
    """Let the log tell of crashes in few words: here they are wanted, and drawing them takes longer than the test."""
    before = structlog.get_config()["processors"]
    renderer = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*before[:-1], renderer])
    yield
    structlog.configure(processors=before)


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
) -> AsyncIterator[RunsPlatform]:
    platform = RunsPlatform(mongo_client, wakeup_redis, installation, clock)
    await platform.start()
    yield platform
    await platform.stop()


@pytest.fixture
async def customer(platform: RunsPlatform) -> Caller:
    """An operator with 10,000 credits and a plan without limits."""
    return await platform.customer()
