"""Two operators that run prompts, and a gateway over an orchestrator that says what a test wants."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from gateway.app import GatewayResources
from gateway.server import serve
from kit.caller import CallerSigner
from kit.channels import Channels, Outgoing
from kit.settings import Settings
from tests.gateway.runs.runner import Runner, new_runner
from tests.gateway.runs.scripted import ScriptedOrchestrator
from tests.gateway.site import Site

_KEY = "k" * 32


@pytest.fixture(scope="session")
async def runner(site: Site) -> Runner:
    """An operator that may run as much as it likes."""
    return await new_runner(site, "runner")


@pytest.fixture(scope="session")
async def bystander(site: Site) -> Runner:
    """Another one."""
    return await new_runner(site, "bystander")


@pytest.fixture
async def peers() -> AsyncIterator[ScriptedOrchestrator]:
    """Services that do what the test says."""
    peers = ScriptedOrchestrator()
    await peers.start()
    yield peers
    await peers.stop()


@pytest.fixture
async def edge(peers: ScriptedOrchestrator) -> AsyncIterator[Site]:
    """A gateway that reaches these services over the network."""
    names = ("tasks", "agents", "billing", "orchestrator")
    channels = Channels(dict.fromkeys(names, f"127.0.0.1:{peers.port}"))
    settings = Settings(caller_key=_KEY, rate_limits=False, drain_seconds=0.1)
    resources = GatewayResources(settings, channels, Outgoing(CallerSigner(_KEY)), heartbeat_seconds=0.2)
    server = await serve(resources, "127.0.0.1", 0)
    site: Any = Site(f"http://127.0.0.1:{server.port}", None, resources, server=server)  # type: ignore[arg-type]
    site.http = aiohttp.ClientSession(site.url)
    yield site
    await site.close()
    await channels.close()
