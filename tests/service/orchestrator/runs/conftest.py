"""What the tests of runs need that others do not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import redis.asyncio
from pymongo import AsyncMongoClient

from kit.clock import ManualClock
from kit.mongo import Document
from tests.service.orchestrator.models.provider import Provider
from tests.service.orchestrator.runs.provided import ProvidedPlatform, provided, write_catalogue


@pytest.fixture(scope="module")
async def shared_provider() -> AsyncIterator[Provider]:
    """A provider of models on this machine, for the tests of one module."""
    started = Provider()
    await started.start()
    yield started
    await started.stop()


@pytest.fixture(scope="module")
async def replicas(
    mongo_client: AsyncMongoClient[Document],
    quiet_redis: redis.asyncio.Redis,
    installation: str,
    clock: ManualClock,
    shared_provider: Provider,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[list[ProvidedPlatform]]:
    """Two replicas of one installation, which ask the provider."""
    file: Path = tmp_path_factory.mktemp("models") / "models.yaml"
    write_catalogue(file, shared_provider)
    first, second = (ProvidedPlatform(mongo_client, quiet_redis, installation, clock, file) for _ in range(2))
    async with provided(first), provided(second):
        yield [first, second]


@pytest.fixture
def provider(shared_provider: Provider) -> Provider:
    """The provider, which was asked nothing yet."""
    shared_provider.reset()
    return shared_provider


@pytest.fixture
def one(replicas: list[ProvidedPlatform]) -> ProvidedPlatform:
    """One of the replicas, for tests that need no two."""
    return replicas[0]
