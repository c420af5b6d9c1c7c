"""A platform for each module of tests, as `piecework up` runs it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest

from kit.engines import EphemeralDirectory
from tests.e2e.board import Board
from tests.e2e.kills_ordeal import fleet_aftermath, replicas_aftermath, up_aftermath
from tests.e2e.piecework import Up, end_all

__all__ = ["fleet_aftermath", "replicas_aftermath", "up_aftermath"]  # fixtures that several modules look at


@pytest.fixture(scope="session", autouse=True)
async def nothing_left_behind() -> AsyncIterator[None]:
    """End the commands of tests that failed."""
    yield
    await end_all()


@pytest.fixture(scope="module")
def shared_dir() -> Iterator[Path]:
    """A directory in memory for one module."""
    with EphemeralDirectory() as path:
        yield path


@pytest.fixture
def memory_dir() -> Iterator[Path]:
    """A directory in memory for one test."""
    with EphemeralDirectory() as path:
        yield path


@pytest.fixture(scope="module")
async def up(shared_dir: Path) -> AsyncIterator[Up]:
    """A platform without rate limits that one module shares."""
    platform = await Up.start(shared_dir / "data", "--rate-limits", "off")
    yield platform
    await platform.stop()


@pytest.fixture
async def board(up: Up) -> AsyncIterator[Board]:
    """What a poster does on the shared platform, in a project of this test alone."""
    async with aiohttp.ClientSession(up.gateway, headers={"Authorization": f"Bearer {up.key}"}) as http:
        yield await Board.open(http)
