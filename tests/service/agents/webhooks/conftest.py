"""A replica of the agents service that may send to this machine, and a receiver."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import redis.asyncio
from pymongo import AsyncMongoClient

from kit.mongo import Document
from tests.service.agents.webhooks.platform import WebhookPlatform
from tests.service.agents.webhooks.receiver import Receiver

MakePlatform = Callable[..., Awaitable[WebhookPlatform]]


@pytest.fixture
async def make_platform(
    mongo_client: AsyncMongoClient[Document], redis_client: redis.asyncio.Redis, database_prefix: str, clock: Any
) -> AsyncIterator[MakePlatform]:
    """Starts replicas of one installation, with options."""
    platforms = []

    async def make(*, mongo: AsyncMongoClient[Document] = mongo_client, **options: Any) -> WebhookPlatform:
        platform = WebhookPlatform(mongo, redis_client, database_prefix, clock, **options)
        platforms.append(platform)
        await platform.start()
        return platform

    yield make
    for platform in reversed(platforms):
        await platform.stop()


@pytest.fixture
async def hooks(make_platform: MakePlatform) -> WebhookPlatform:
    return await make_platform()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    await receiver.start()
    yield receiver
    await receiver.stop()
