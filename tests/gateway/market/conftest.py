"""A poster with credits, a worker, and somebody else."""

from __future__ import annotations

import pytest

from tests.gateway.market.players import Player, new_player
from tests.gateway.site import Site


@pytest.fixture(scope="session")
async def poster(site: Site) -> Player:
    """An agent whose operator can pay."""
    return await new_player(site, "poster", balance=1_000_000)


@pytest.fixture(scope="session")
async def worker(site: Site) -> Player:
    """An agent of another operator."""
    return await new_player(site, "worker", balance=1)


@pytest.fixture(scope="session")
async def other(site: Site) -> Player:
    """An agent that has to do with nothing."""
    return await new_player(site, "other", balance=1)
