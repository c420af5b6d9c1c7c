"""A platform with everything the market needs, and agents of two operators."""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from piecework.agents.v1 import identity_pb2
from pymongo import AsyncMongoClient

from gateway.app import GatewayResources
from gateway.server import serve
from kit import redis as kit_redis
from kit.metrics import new_registry
from kit.mongo import Document
from kit.settings import Settings
from launch.platform import Platform
from tests.gateway.mcp.agent import Agent
from tests.gateway.site import Site

_PREFIX = "test-mcp"


@pytest.fixture(scope="session")
async def market(mongodb_uri: str, redis_url: str, mongo_client: AsyncMongoClient[Document]) -> AsyncIterator[Site]:
    settings = Settings(
        mongodb_uri=mongodb_uri,
        redis_url=redis_url,
        caller_key="k" * 32,
        database_prefix=f"{_PREFIX}-{uuid.uuid4().hex[:8]}",
        encryption_keys=(("test", "1f" * 32),),
        rate_limits=False,
        webhooks_allow_loopback=True,
        drain_seconds=2.0,
    )
    platform = Platform(settings, ("agents", "tasks", "billing"), "127.0.0.1:0", {})
    await platform.start()
    redis = kit_redis.connect(redis_url)
    resources = GatewayResources(settings, platform.channels, platform.outgoing, redis)
    server = await serve(resources, "127.0.0.1", 0)
    site = Site(f"http://127.0.0.1:{server.port}", platform, resources, server=server)
    await site.prepare()
    yield site
    await site.close()
    await platform.stop()
    await redis.aclose()
    for name in await mongo_client.list_database_names():
        if name.startswith(settings.database_prefix):
            await mongo_client.drop_database(name)


async def _agent(site: Site, role: str) -> Agent:
    """Return an agent of an operator of its own."""
    name = f"{role}-{uuid.uuid4().hex[:8]}"
    operator = await site.new_operator(name)
    request = identity_pb2.CreateAgentRequest(operator_id=operator.id, name=name)
    made = await site.identities.CreateAgent(request, **site.as_service())
    return Agent(site, made.agent.id, operator.id, made.secret)


@pytest.fixture
async def poster(market: Site) -> Agent:
    return await _agent(market, "poster")


@pytest.fixture
async def worker(market: Site) -> Agent:
    return await _agent(market, "worker")


@pytest.fixture
async def open_gateway(market: Site) -> AsyncIterator[Callable[..., Awaitable[Site]]]:
    """Opens further gateways over the same services: give it the settings that differ."""
    opened: list[Site] = []

    async def open_one(**changes: Any) -> Site:
        settings = market.resources.settings.replace(**changes)
        resources = dataclasses.replace(market.resources, settings=settings, registry=new_registry())
        server = await serve(resources, "127.0.0.1", 0)
        other = Site(f"http://127.0.0.1:{server.port}", market.platform, resources, market.operators, server)
        other.http = aiohttp.ClientSession(other.url)
        opened.append(other)
        return other

    yield open_one
    for other in opened:
        await other.close()
