"""The service `billing` as other processes see it.

The tests of a module share one installation: each uses operators of its own.
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable

import pytest
import redis.asyncio
from pymongo import AsyncMongoClient

from kit.clock import ManualClock
from kit.mongo import Document
from tests.service.billing.platform import BillingPlatform

_operators = itertools.count(1)


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
