"""The service `orchestrator` as other processes see it: through stubs, with every interceptor, beside the real others.

The tests of a module share one installation; each makes its own operators.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import redis.asyncio
import structlog
from pymongo import AsyncMongoClient

from kit.caller import Caller
from kit.clock import ManualClock
from kit.mongo import Document
from tests.service.orchestrator.platform import RunsPlatform


@pytest.fixture(scope="session", autouse=True)
def plain_tracebacks() -> Iterator[None]:
    """Let the log tell of crashes in few words: here they are wanted, and drawing them takes longer than the test."""
    before = structlog.get_config()["processors"]
    renderer = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*before[:-1], renderer])
    yield
    structlog.configure(processors=before)


@pytest.fixture(scope="module")
async def platform(
    mongo_client: AsyncMongoClient[Document], quiet_redis: redis.asyncio.Redis, installation: str, clock: ManualClock
) -> AsyncIterator[RunsPlatform]:
    platform = RunsPlatform(mongo_client, quiet_redis, installation, clock)
    await platform.start()
    yield platform
    await platform.stop()


@pytest.fixture
async def customer(platform: RunsPlatform) -> Caller:
    """An operator with 10,000 credits and a plan without limits."""
    return await platform.customer()
