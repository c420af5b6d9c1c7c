"""Two operators that run prompts."""

from __future__ import annotations

import pytest

from tests.gateway.runs.runner import Runner, new_runner
from tests.gateway.site import Site


@pytest.fixture(scope="session")
async def runner(site: Site) -> Runner:
    """An operator that may run as much as it likes."""
    return await new_runner(site, "runner")


@pytest.fixture(scope="session")
async def bystander(site: Site) -> Runner:
    """Another one."""
    return await new_runner(site, "bystander")
