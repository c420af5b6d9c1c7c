"""The gateway over the real services, in one process, on real engines."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from pymongo import AsyncMongoClient

from gateway.app import GatewayResources
from gateway.server import serve
from kit import redis as kit_redis
from kit.mongo import Document
from kit.settings import Settings
from launch.platform import Platform
from tests.gateway.site import Site


@pytest.fixture(scope="session")
async def site(mongodb_uri: str, redis_url: str, mongo_client: AsyncMongoClient[Document]) -> AsyncIterator[Site]:
    """A gateway with two operators; its tests share it, each in a project of its own."""
    settings = Settings(
        mongodb_uri=mongodb_uri,
        redis_url=redis_url,
        caller_key="k" * 32,
        database_prefix="test-gateway",
        rate_limits=False,
        drain_seconds=2.0,
    )
    platform = Platform(settings, ("agents", "tasks"), "127.0.0.1:0", {})
    await platform.start()
    redis = kit_redis.connect(redis_url)
    resources = GatewayResources(settings, platform.channels, platform.outgoing, redis, heartbeat_seconds=0.3)
    server = await serve(resources, "127.0.0.1", 0)
    site = Site(f"http://127.0.0.1:{server.port}", platform, resources)
    await site.prepare()
    yield site
    await site.close()
    await server.stop()
    await platform.stop()
    await redis.aclose()
    for name in await mongo_client.list_database_names():
        if name.startswith("test-gateway"):
            await mongo_client.drop_database(name)


@pytest.fixture(scope="session")
async def shared_project(site: Site) -> Any:
    """A project of the owner, for tests that leave nothing behind."""
    return await site.project()
