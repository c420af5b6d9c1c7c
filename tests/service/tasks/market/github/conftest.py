"""A market whose deployer is a local server that plays GitHub and Vercel."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import redis.asyncio
from pymongo import AsyncMongoClient

from kit.caller import Caller
from kit.clock import ManualClock
from kit.mongo import Document
from kit.settings import Settings
from tests.service.tasks.market.delivery import Job, new_job
from tests.service.tasks.market.github.outside import TEAM, TOKENS, Outside
from tests.service.tasks.market.platform import MarketPlatform


@pytest.fixture(scope="module")
async def world() -> AsyncIterator[Outside]:
    outside = Outside()
    await outside.start()
    yield outside
    await outside.stop()


@pytest.fixture(autouse=True)
def outside(world: Outside) -> Outside:
    world.forget()
    return world


@pytest.fixture(scope="module")
async def market(
    mongo_client: AsyncMongoClient[Document],
    quiet_redis: redis.asyncio.Redis,
    installation: str,
    clock: ManualClock,
    world: Outside,
) -> AsyncIterator[MarketPlatform]:
    """A market whose deployer is that server."""

    class Platform(MarketPlatform):
        def settings(self, database_prefix: str) -> Settings:
            return (
                super()
                .settings(database_prefix)
                .replace(
                    vercel_token=TOKENS["vercel"],
                    vercel_team=TEAM,
                    vercel_url=f"{world.url}/vercel/",
                    github_token=TOKENS["github"],
                    github_url=f"{world.url}/github",
                )
            )

    platform = Platform(mongo_client, quiet_redis, installation, clock)
    await platform.start()
    yield platform
    await platform.stop()


@pytest.fixture
async def job(market: MarketPlatform, poster: Caller, worker: Caller) -> Job:
    return await new_job(market, poster, worker)
