from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import redis.asyncio
from pymongo import AsyncMongoClient

from kit.mongo import Document
from tests.service.agents.feed.town import Town
from tests.service.agents.webhooks.platform import WebhookPlatform


@pytest.fixture
async def town(
    mongo_client: AsyncMongoClient[Document], redis_client: redis.asyncio.Redis, database_prefix: str, clock: Any
) -> AsyncIterator[Town]:
    platform = WebhookPlatform(mongo_client, redis_client, database_prefix, clock, market=True)
    await platform.start()
    yield Town(platform)
    await platform.stop()
