"""`piecework serve`: some or all targets in one process, against MongoDB and Redis that run elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Annotated

import structlog
import typer

from kit import logs
from kit.metrics_server import start_metrics_server
from kit.settings import Settings
from launch import addresses, targets
from launch.configuration import configured, require
from launch.failures import explained
from launch.loop import run, settle
from launch.platform import Platform
from launch.signals import StopSignals
from launch.stopping import stop_within
from launch.terminal import say

_STOP_SECONDS = 10.0
_log = structlog.get_logger(__name__)


def serve(
    target: Annotated[
        list[str], typer.Argument(metavar="TARGET…", help="tasks, agents, billing, orchestrator, gateway; or all.")
    ],
) -> None:
    """Run targets against the MongoDB and Redis that are configured in the environment.

    A peer with an address (PIECEWORK_TASKS_ADDRESS, PIECEWORK_AGENTS_ADDRESS …) is reached over the network; one that
    is served here is reached without.
    """
    names = targets.choose(target)
    settings = configured()
    database = [] if names == [targets.GATEWAY] else ["mongodb_uri"]
    require(settings, *database, "redis_url", "caller_key")
    peers = targets.addresses(names, settings)
    logs.configure(settings.log_level, file=settings.log_file, stream=sys.stderr.buffer)
    run(_serve(settings, names, peers))


async def _serve(settings: Settings, names: Sequence[str], peers: dict[str, str]) -> None:
    """Serve until a signal comes.

    Raises:
        CommandFailed: an engine cannot be reached, or an address cannot be listened on.
    """
    signals = StopSignals()
    services = [name for name in names if name != targets.GATEWAY]
    address = addresses.authority(settings.host, settings.grpc_port, reachable=False)
    async with AsyncExitStack() as stack:
        with explained("cannot serve", "Try piecework doctor with the same environment."):
            platform = Platform(settings, services, address, peers)
            http = "" if targets.GATEWAY in names else await _open_metrics(stack, settings, platform)
            # The gateway and then the services may each take that long for what is under way.
            stack.push_async_callback(stop_within, 2 * settings.drain_seconds + _STOP_SECONDS, platform.stop)
            await platform.start()
            http = http or addresses.url(settings.host, await platform.open_gateway(settings.host, settings.port))
        places = [http, *([f"grpc://{addresses.authority(settings.host, platform.grpc_port)}"] if services else [])]
        settle()
        _log.info("ready", targets=names, addresses=places)
        say(f"piecework ready: {' '.join(places)} ({', '.join(names)})")
        await signals.asked.wait()
        _log.info("stopping", targets=names)
        signals.release()


async def _open_metrics(stack: AsyncExitStack, settings: Settings, platform: Platform) -> str:
    """Serve health and metrics until all else has stopped, and return the address."""
    server = await start_metrics_server(
        settings.metrics_port, host=settings.host, registry=platform.registry, is_ready=lambda: platform.ready
    )
    stack.push_async_callback(server.close)
    return addresses.url(settings.host, server.port)
