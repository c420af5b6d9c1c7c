"""What the tests of several services share: one installation for the tests of a module, because making the indexes of
one takes longer than most tests."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator

import pytest
import redis.asyncio
from pymongo import AsyncMongoClient

from kit import redis as kit_redis
from kit.clock import ManualClock, SystemClock
from kit.mongo import Document


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
