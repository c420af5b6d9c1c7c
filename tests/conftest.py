"""The engines that tests run on: real ones, in memory, one pair per test process."""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import redis.asyncio
from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase

from kit import mongo
from kit import redis as kit_redis
from kit.engines import EphemeralDirectory, MongodEngine, ValkeyEngine
from kit.mongo import Document

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def pytest_make_parametrize_id(val: object) -> str | None:
    """Name tests whose parameters hold a new id alike in all processes, so that they can share the tests."""
    return _UUID.sub("some-id", val) if isinstance(val, str) and _UUID.search(val) else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of a file in one process, and together those that look at what one ordeal left behind."""
    for item in items:
        ordeals = [name for name in getattr(item, "fixturenames", ()) if name.endswith("_aftermath")]
        item.add_marker(pytest.mark.xdist_group(ordeals[0] if ordeals else item.path.stem))


@pytest.fixture(scope="session")
def session_directory() -> Iterator[Path]:
    """A directory in memory that lives as long as the test process."""
    with EphemeralDirectory() as path:
        yield path


@pytest.fixture
def engine_directory() -> Iterator[Path]:
    """A directory in memory for the engines that one test starts and ends by itself."""
    with EphemeralDirectory() as path:
        yield path


@pytest.fixture(scope="session")
async def mongod(session_directory: Path) -> AsyncIterator[MongodEngine]:
    """The MongoDB of this test process. Tests that kill one start their own in `engine_directory`."""
    # Fail points let a test have the server drop a connection or refuse to confirm a write.
    test_commands = ("--setParameter", "enableTestCommands=true")
    engine = MongodEngine(session_directory / "mongodb", oplog_mb=64, ttl_sleep_seconds=1, extra=test_commands)
    await engine.start()
    yield engine
    await engine.kill()


@pytest.fixture(scope="session")
async def valkey(session_directory: Path) -> AsyncIterator[ValkeyEngine]:
    """The Valkey of this test process."""
    engine = ValkeyEngine(session_directory / "valkey")
    await engine.start()
    yield engine
    await engine.kill()


@pytest.fixture(scope="session")
def mongodb_uri(request: pytest.FixtureRequest) -> str:
    """The MongoDB to test with: the one in PIECEWORK_TEST_MONGODB_URI, else the embedded one."""
    configured = os.environ.get("PIECEWORK_TEST_MONGODB_URI")
    if configured:
        return configured
    engine: MongodEngine = request.getfixturevalue("mongod")
    return engine.uri


@pytest.fixture(scope="session")
def redis_url(request: pytest.FixtureRequest) -> str:
    """The Redis to test with: the one in PIECEWORK_TEST_REDIS_URL, else the embedded Valkey."""
    configured = os.environ.get("PIECEWORK_TEST_REDIS_URL")
    if configured:
        return configured
    engine: ValkeyEngine = request.getfixturevalue("valkey")
    return engine.url


@pytest.fixture(scope="session")
async def mongo_client(mongodb_uri: str) -> AsyncIterator[AsyncMongoClient[Document]]:
    """A client of the MongoDB to test with."""
    client = mongo.connect(mongodb_uri, app_name="tests")
    yield client
    await client.close()


@pytest.fixture
async def database_prefix(mongo_client: AsyncMongoClient[Document]) -> AsyncIterator[str]:
    """A name of this test alone; databases whose names begin with it are dropped afterwards."""
    prefix = f"test-{uuid.uuid4().hex[:12]}"
    yield prefix
    for name in await mongo_client.list_database_names():
        if name.startswith(prefix):
            await mongo_client.drop_database(name)


@pytest.fixture
def database(mongo_client: AsyncMongoClient[Document], database_prefix: str) -> AsyncDatabase[Document]:
    """A database of this test alone."""
    return mongo_client[database_prefix]


@pytest.fixture
async def redis_client(redis_url: str) -> AsyncIterator[redis.asyncio.Redis]:
    """A client of the Redis to test with; what it holds is removed afterwards."""
    client = kit_redis.connect(redis_url)
    yield client
    await client.flushdb()
    await client.aclose()
