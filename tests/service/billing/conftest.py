"""The service `billing` as other processes see it.

The tests of a module share one installation: each uses operators of its own.
"""

from __future__ import annotations

import itertools
import uuid
from collections.abc import AsyncIterator, Callable

import pytest
import redis.asyncio
from pymongo import AsyncMongoClient

from kit import redis as kit_redis
from kit.clock import ManualClock, SystemClock
from kit.mongo import Document
from tests.service.billing.platform import BillingPlatform

_operators = itertools.count(1)


@pytest.fixture(scope="module")
def clock() -> ManualClock:
    return ManualClock(SystemClock().now())


@pytest.fixture(scope="module")
async def quiet_redis(redis_url: str) -> AsyncIterator[redis.asyncio.Redis]:
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
    mongo_client: AsyncMongoClient[Document], quiet_redis: redis.asyncio.Redis, installation: str, clock: ManualClock
) -> AsyncIterator[BillingPlatform]:
    platform = BillingPlatform(mongo_client, quiet_redis, installation, clock)
    await platform.start()
    yield platform
    await platform.stop()


@pytest.fixture(scope="module")
async def replica(
    platform: BillingPlatform,  # noqa: ARG001 - the first replica
    mongo_client: AsyncMongoClient[Document],
    quiet_redis: redis.asyncio.Redis,
    installation: str,
    clock: ManualClock,
) -> AsyncIterator[BillingPlatform]:
    """A second replica of the same installation."""
    replica = BillingPlatform(mongo_client, quiet_redis, installation, clock)
    await replica.start()
    yield replica
    await replica.stop()


@pytest.fixture
def new_operator() -> Callable[[], int]:
    """Return the id of an operator that no other test uses."""
    return lambda: next(_operators)
