"""The gateway over the real services, in one process, on real engines."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from pymongo import AsyncMongoClient

from gateway.app import GatewayResources
from gateway.server import serve
from kit import redis as kit_redis
from kit.metrics import new_registry
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
        encryption_keys=(("test", "1f" * 32),),
        rate_limits=False,
        webhooks_allow_loopback=True,
        drain_seconds=2.0,
    )
    platform = Platform(settings, ("agents", "tasks", "billing", "orchestrator"), "127.0.0.1:0", {})
    await platform.start()
    redis = kit_redis.connect(redis_url)
    resources = GatewayResources(settings, platform.channels, platform.outgoing, redis, heartbeat_seconds=0.3)
    server = await serve(resources, "127.0.0.1", 0)
    site = Site(f"http://127.0.0.1:{server.port}", platform, resources, server=server)
    await site.prepare()
    yield site
    await site.close()
    await platform.stop()
    await redis.aclose()
    for name in await mongo_client.list_database_names():
        if name.startswith("test-gateway"):
            await mongo_client.drop_database(name)


@pytest.fixture(scope="session")
async def shared_project(site: Site) -> Any:
    """A project of the owner, for tests that leave nothing behind."""
    return await site.project()


@pytest.fixture
async def another_gateway(site: Site) -> AsyncIterator[Callable[..., Awaitable[Site]]]:
    """Opens further gateways over the same services: give it the settings that differ, or `parts` of the resources."""
    opened: list[Site] = []

    async def open_one(parts: dict[str, Any] | None = None, **changes: Any) -> Site:
        settings = site.resources.settings.replace(**changes)
        changed = {"settings": settings, "registry": new_registry(), **(parts or {})}
        resources = dataclasses.replace(site.resources, **changed)
        server = await serve(resources, "127.0.0.1", 0)
        other = Site(f"http://127.0.0.1:{server.port}", site.platform, resources, site.operators, server)
        other.http = aiohttp.ClientSession(other.url)
        opened.append(other)
        return other

    yield open_one
    for other in opened:
        await other.close()
