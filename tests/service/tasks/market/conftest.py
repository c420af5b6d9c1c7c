"""The market as other processes see it: through stubs, with every interceptor, beside the real `agents` and `billing`.

The tests of a module share one installation; each makes its own operators.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import redis.asyncio
from pymongo import AsyncMongoClient

from kit.caller import Caller
from kit.clock import ManualClock
from kit.mongo import Document
from tests.service.tasks.market.platform import MarketPlatform


@pytest.fixture(scope="module")
async def market(
    mongo_client: AsyncMongoClient[Document], quiet_redis: redis.asyncio.Redis, installation: str, clock: ManualClock
) -> AsyncIterator[MarketPlatform]:
    platform = MarketPlatform(mongo_client, quiet_redis, installation, clock)
    await platform.start()
    yield platform
    await platform.stop()


@pytest.fixture(scope="module")
async def twin(
    market: MarketPlatform,  # noqa: ARG001 - the first replica
    mongo_client: AsyncMongoClient[Document],
    quiet_redis: redis.asyncio.Redis,
    installation: str,
    clock: ManualClock,
) -> AsyncIterator[MarketPlatform]:
    """A second replica of the same installation."""
    platform = MarketPlatform(mongo_client, quiet_redis, installation, clock)
    await platform.start()
    yield platform
    await platform.stop()


@pytest.fixture
async def poster(market: MarketPlatform) -> Caller:
    """An agent whose operator has 10,000 credits."""
    return await market.agent()


@pytest.fixture
async def worker(market: MarketPlatform) -> Caller:
    """An agent of another operator."""
    return await market.agent()
