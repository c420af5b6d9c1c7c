"""The service `agents` as other processes see it: through stubs, with every interceptor, on real engines."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import redis.asyncio
from pymongo import AsyncMongoClient

from kit.clock import ManualClock, SystemClock
from kit.mongo import Document
from kit.redis import REVOKED_CHANNEL, Wakeups
from tests.service.agents.platform import AgentsClient, AgentsPlatform, RevocationListener

MakeAgents = Callable[..., Awaitable[AgentsClient]]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(SystemClock().now())


@pytest.fixture
async def make_agents(
    mongo_client: AsyncMongoClient[Document],
    redis_client: redis.asyncio.Redis,
    database_prefix: str,
    clock: ManualClock,
) -> AsyncIterator[MakeAgents]:
    """Starts replicas of one installation, with options."""
    platforms = []

    async def make(*, mongo: AsyncMongoClient[Document] = mongo_client, **options: Any) -> AgentsClient:
        platform = AgentsPlatform(mongo, redis_client, database_prefix, clock, **options)
        platforms.append(platform)
        return await platform.start()

    yield make
    for platform in platforms:
        await platform.stop()


@pytest.fixture(params=["in-process", "network"])
async def agents(request: pytest.FixtureRequest, make_agents: MakeAgents) -> AgentsClient:
    return await make_agents(network=request.param == "network")


@pytest.fixture
async def revocations(redis_client: redis.asyncio.Redis) -> AsyncIterator[RevocationListener]:
    wakeups = Wakeups(redis_client, REVOKED_CHANNEL)
    listener = RevocationListener(wakeups)
    await wakeups.start()
    await wakeups.subscribed.wait()
    yield listener
    await wakeups.close()
